/* SPDX-License-Identifier: BSD-3-Clause */
#include "ticker.h"

#include "../../base/clock.h"

#include <string.h>

#define COUNT_NS 1000000u
#define IDLE_NS 100000000u

void ticker_init(struct ticker *t, const struct guest_ram *ram, struct worker *workers,
	uint32_t n_workers, bool counts)
{
	*t = (struct ticker){
		.ram = ram,
		.workers = workers,
		.n_workers = n_workers,
		.counts = counts,
		.paused = true,
	};
	pthread_mutex_init(&t->lock, NULL);
}

void ticker_destroy(struct ticker *t)
{
	pthread_mutex_destroy(&t->lock);
}

void ticker_lock(struct ticker *t)
{
	pthread_mutex_lock(&t->lock);
}

void ticker_unlock(struct ticker *t)
{
	pthread_mutex_unlock(&t->lock);
}

void ticker_sums(const struct ticker *t, struct guest_header *out)
{
	uint64_t sweeps = UINT64_MAX;

	memcpy(out->magic, GUEST_HEADER_MAGIC, sizeof(out->magic));
	out->work = 0;
	out->errors = 0;
	for (uint32_t i = 0; i < t->n_workers; i++) {
		const struct worker *w = &t->workers[i];
		uint64_t s = __atomic_load_n(&w->state.sweeps, __ATOMIC_RELAXED);

		out->work += __atomic_load_n(&w->state.written, __ATOMIC_RELAXED);
		out->errors += __atomic_load_n(&w->errors, __ATOMIC_RELAXED);
		if (s < sweeps)
			sweeps = s;
	}
	out->full_checks = sweeps;
}

static void tick(struct ticker *t)
{
	struct guest_header *h = guest_ram_header(t->ram);
	struct guest_header new = *h;

	ticker_sums(t, &new);
	new.counter += t->counts;
	if (memcmp(h, &new, sizeof(new)) == 0)
		return;
	*h = new;
	__atomic_store_n(&t->counter, new.counter, __ATOMIC_RELAXED);
	if (t->sink != NULL)
		gw_export_push(t->sink, t->n_workers, 0, 0, 1);
}

static void *ticker_main(void *arg)
{
	struct ticker *t = arg;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		bool quit;

		ticker_lock(t);
		quit = t->quit;
		if (!t->paused)
			tick(t);
		ticker_unlock(t);
		if (quit)
			return NULL;
		next.tv_nsec += t->counts ? COUNT_NS : IDLE_NS;
		if (next.tv_nsec >= (long)GW_NS_PER_S) {
			next.tv_nsec -= (long)GW_NS_PER_S;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

int ticker_start(struct ticker *t)
{
	int ret = -pthread_create(&t->thread, NULL, ticker_main, t);

	t->started = ret == 0;
	return ret;
}

void ticker_stop(struct ticker *t)
{
	if (!t->started)
		return;
	ticker_lock(t);
	t->quit = true;
	ticker_unlock(t);
	pthread_join(t->thread, NULL);
	t->started = false;
}
