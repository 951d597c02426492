/* SPDX-License-Identifier: BSD-3-Clause */
#include "writer.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <x86intrin.h>

enum writer_state { REST, GO, END };

#define STORES_PER_LOOK 512u /* between looks at the counts of context switches */

static long preemptions(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw;
}

static void note(struct writer *w, uint64_t start, uint64_t end, long *had)
{
	long now = preemptions();

	if (w->n_stalls < WRITER_STALLS_MAX)
		w->stall[w->n_stalls++] = (struct writer_stall){start, end, now != *had};
	*had = now;
}

static void store(struct writer *w)
{
	static uint64_t random = 88172645463325252ull, next;
	long had = preemptions();
	uint64_t before = __rdtsc();

	for (uint32_t i = 0; i < STORES_PER_LOOK; i++) {
		uint64_t page, now;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		page = i % 2 ? random % w->n_pages : next++ % w->n_pages;
		__atomic_store_n((uint64_t *)(w->base + page * 4096), random, __ATOMIC_RELAXED);
		now = __rdtsc();
		if (now - before > w->noted_tsc) {
			note(w, before, now, &had);
			now = __rdtsc();
		}
		before = now;
	}
}

static void *writer_main(void *arg)
{
	struct timespec ms = {.tv_nsec = 1000000};
	struct writer *w = arg;
	cpu_set_t set;
	int state;

	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while ((state = __atomic_load_n(&w->state, __ATOMIC_ACQUIRE)) != END) {
		__atomic_store_n(&w->rests, state == REST, __ATOMIC_RELEASE);
		if (state == GO)
			store(w);
		else
			nanosleep(&ms, NULL);
	}
	return NULL;
}

static void wait_rests(struct writer *w, int rests)
{
	struct timespec ms = {.tv_nsec = 1000000};

	while (__atomic_load_n(&w->rests, __ATOMIC_ACQUIRE) != rests)
		nanosleep(&ms, NULL);
}

int writer_start(struct writer *w, uint8_t *base, uint64_t n_pages, uint64_t noted_tsc, int cpu)
{
	w->base = base;
	w->n_pages = n_pages;
	w->noted_tsc = noted_tsc;
	w->cpu = cpu;
	w->state = REST;
	return -pthread_create(&w->thread, NULL, writer_main, w);
}

void writer_go(struct writer *w)
{
	w->n_stalls = 0;
	__atomic_store_n(&w->state, GO, __ATOMIC_RELEASE);
	wait_rests(w, false);
}

void writer_rest(struct writer *w)
{
	__atomic_store_n(&w->state, REST, __ATOMIC_RELEASE);
	wait_rests(w, true);
}

void writer_end(struct writer *w)
{
	__atomic_store_n(&w->state, END, __ATOMIC_RELEASE);
	pthread_join(w->thread, NULL);
}
