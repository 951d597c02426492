/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include "../../base/clock.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define WRITE_BATCH 32u
#define CHECK_BATCH 16u
#define NAP_NS 500000
#define BACKLOG_MAX_S 0.05 /* after a stall, do not make up for more than this */
#define HOLE_TRIES 64
#define ERRORS_SHOWN 10
#define STUN_NAP_NS (2 * GW_NS_PER_MS) /* shorter ones are not worth their price */

void worker_init(struct worker *w, const struct guest_profile *profile, const struct guest_ram *ram,
	uint32_t idx)
{
	memset(w, 0, sizeof(*w));
	w->profile = profile;
	w->ram = ram;
	w->idx = idx;
	w->state.rng = profile->seed * 0x2545f4914f6cdd1dull + idx;
	w->paused = true;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
}

void worker_destroy(struct worker *w)
{
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
}

void worker_lock(struct worker *w)
{
	__atomic_fetch_add(&w->waiting, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&w->lock);
	__atomic_fetch_sub(&w->waiting, 1, __ATOMIC_SEQ_CST);
}

void worker_unlock(struct worker *w)
{
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

/* How many of the first n data pages are this worker's. */
static uint64_t own_of(const struct worker *w, uint64_t n)
{
	uint64_t threads = w->profile->threads;

	return n > w->idx ? (n - w->idx + threads - 1) / threads : 0;
}

static uint64_t own_page(const struct worker *w, uint64_t pos)
{
	return w->ram->first_data_page + pos * w->profile->threads + w->idx;
}

static uint64_t own_pages(const struct worker *w)
{
	return own_of(w, w->ram->n_pages - w->ram->first_data_page);
}

static void push(struct worker *w, uint64_t page_idx)
{
	if (w->sink == NULL)
		return;
	/* An error means that tracking ends: the client learns it from its SYNC or is gone. */
	gw_export_push(w->sink, w->idx, (uint8_t)(page_idx / w->ram->region_pages),
		page_idx % w->ram->region_pages, 1);
}

static void write_page(struct worker *w, uint64_t page_idx)
{
	uint32_t *generation = guest_ram_generation(w->ram, page_idx);

	++*generation;
	guest_page_fill(w->profile, page_idx, *generation, guest_ram_page(w->ram, page_idx));
	push(w, page_idx);
	push(w, guest_ram_generation_page(page_idx));
	__atomic_store_n(&w->state.written, w->state.written + 1, __ATOMIC_RELAXED);
}

static uint64_t pick(struct worker *w, uint64_t all, uint64_t hot)
{
	if (w->profile->pattern == GUEST_SEQ)
		return w->state.seq++ % hot;
	if (w->profile->pattern == GUEST_HOT && guest_rand(&w->state.rng) % 10 == 0)
		return guest_rand(&w->state.rng) % all;
	return guest_rand(&w->state.rng) % hot;
}

void worker_write(struct worker *w, uint64_t n)
{
	uint64_t all = own_pages(w);
	uint64_t hot = own_of(w, w->profile->hot_set_bytes / GUEST_PAGE_BYTES);

	if (hot == 0 || hot > all)
		hot = all;
	for (uint64_t i = 0; i < n && all > 0; i++) {
		uint64_t page_idx = 0;
		int tries = HOLE_TRIES;

		do
			page_idx = own_page(w, pick(w, all, hot));
		while (guest_class_of(w->profile, page_idx) == GUEST_HOLE && --tries > 0);
		if (tries > 0)
			write_page(w, page_idx);
	}
}

static void report(struct worker *w, uint64_t page_idx, uint32_t generation)
{
	uint64_t errors = __atomic_add_fetch(&w->errors, 1, __ATOMIC_RELAXED);

	if (errors <= ERRORS_SHOWN)
		fprintf(stderr,
			"godwit-guest: region %" PRIu64 " page %" PRIu64
			": not the content of generation %u\n",
			page_idx / w->ram->region_pages, page_idx % w->ram->region_pages,
			generation);
}

static void check_pages(struct worker *w, unsigned int n)
{
	uint64_t all = own_pages(w);

	for (unsigned int i = 0; i < n && all > 0; i++) {
		uint64_t page_idx = own_page(w, w->check_pos);
		uint32_t generation = *guest_ram_generation(w->ram, page_idx);

		/* Reading a hole would make it data. */
		if (guest_class_of(w->profile, page_idx) != GUEST_HOLE &&
			!guest_page_ok(
				w->profile, page_idx, generation, guest_ram_page(w->ram, page_idx)))
			report(w, page_idx, generation);
		if (++w->check_pos == all) {
			w->check_pos = 0;
			w->verify_first = false;
			__atomic_store_n(&w->state.sweeps, w->state.sweeps + 1, __ATOMIC_RELAXED);
		}
	}
}

void worker_populate(struct worker *w)
{
	uint64_t all = own_pages(w);

	for (uint64_t i = 0; i < all; i++) {
		uint64_t page_idx = own_page(w, i);

		if (guest_class_of(w->profile, page_idx) != GUEST_HOLE)
			guest_page_fill(w->profile, page_idx, 0, guest_ram_page(w->ram, page_idx));
	}
}

/* Work that is due at a rate; adds what time has earned. */
struct budget {
	double due;
	double per_s;
};

static unsigned int take(
	struct budget *b, uint64_t rate, uint32_t threads, double elapsed_s, unsigned int most)
{
	unsigned int n;

	if (rate == GUEST_RATE_MAX)
		return most;
	b->per_s = (double)rate / threads;
	b->due += b->per_s * elapsed_s;
	if (b->due > b->per_s * BACKLOG_MAX_S + 1)
		b->due = b->per_s * BACKLOG_MAX_S + 1;
	n = b->due < most ? (unsigned int)b->due : most;
	b->due -= n;
	return n;
}

void worker_stun(struct worker *w, uint32_t percent)
{
	__atomic_store_n(&w->stunned_pct, percent, __ATOMIC_RELAXED);
}

/* Stands still for what the time since then_ns costs; what is too short for a nap adds up in
 * owed_ns. Returns how long it stood. */
static uint64_t stand_still(const struct worker *w, uint64_t then_ns, uint64_t *owed_ns)
{
	const struct timespec nap = {.tv_nsec = STUN_NAP_NS};
	uint64_t now_ns = gw_now_ns(), stood_ns = 0, percent, slept_ns;

	percent = __atomic_load_n(&w->stunned_pct, __ATOMIC_RELAXED);
	*owed_ns += (now_ns - then_ns) * percent / (100 - percent);
	while (*owed_ns >= STUN_NAP_NS) {
		/* In turns: a brake that is lifted is not waited for. */
		if (__atomic_load_n(&w->stunned_pct, __ATOMIC_RELAXED) == 0) {
			*owed_ns = 0;
			break;
		}
		nanosleep(&nap, NULL);
		slept_ns = gw_now_ns() - now_ns;
		now_ns += slept_ns;
		stood_ns += slept_ns;
		*owed_ns -= slept_ns < *owed_ns ? slept_ns : *owed_ns;
	}
	return stood_ns;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct timespec nap = {.tv_nsec = NAP_NS};
	struct budget writes = {0}, checks = {0};
	uint64_t then_ns = gw_now_ns(), owed_ns = 0;

	pthread_mutex_lock(&w->lock);
	while (!w->quit) {
		unsigned int n_writes, n_checks;
		uint64_t now_ns;
		double elapsed_s;

		if (w->paused) {
			pthread_cond_wait(&w->wake, &w->lock);
			then_ns = gw_now_ns();
			continue;
		}
		now_ns = gw_now_ns();
		elapsed_s = (double)(now_ns - then_ns) / (double)GW_NS_PER_S;
		then_ns = now_ns;
		n_writes = take(&writes, w->profile->write_rate, w->profile->threads, elapsed_s,
			WRITE_BATCH);
		n_checks = take(&checks, w->profile->check_rate, w->profile->threads, elapsed_s,
			CHECK_BATCH);
		if (w->verify_first)
			n_checks = 4 * CHECK_BATCH;
		worker_write(w, n_writes);
		check_pages(w, n_checks);
		pthread_mutex_unlock(&w->lock);
		if (n_writes < WRITE_BATCH && n_checks < CHECK_BATCH)
			nanosleep(&nap, NULL);
		then_ns += stand_still(w, then_ns, &owed_ns);
		/* A mutex is not fair: without this the lock would be taken again at once. */
		while (__atomic_load_n(&w->waiting, __ATOMIC_SEQ_CST) > 0)
			sched_yield();
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int worker_start(struct worker *w)
{
	int ret = -pthread_create(&w->thread, NULL, worker_main, w);

	w->started = ret == 0;
	return ret;
}

void worker_stop(struct worker *w)
{
	if (!w->started)
		return;
	worker_lock(w);
	w->quit = true;
	worker_unlock(w);
	pthread_join(w->thread, NULL);
	w->started = false;
}
