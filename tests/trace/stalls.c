/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long write tracking makes a guest's writes wait: a writer that never rests on one CPU, the
 * dirty source at work on another, every system call of the source timed. A stall belongs to the
 * steps that it overlaps. What the machine itself does to the writer is measured beside it, with
 * tracking off. Prints one JSON object.
 *
 *   stalls GIB ROUNDS [CPU-OF-WRITER CPU-OF-SOURCE]
 */
#include "kernel_names.h"
#include "uffd_wp.h"
#include "writer.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define POPULATE_BYTES (4ull << 20)
#define STEPS_MAX (1u << 20)
#define HARVESTS 10
#define HARVEST_EVERY_MS 50
#define QUIET_DIRTY 1000u /* pages written before a harvest that is timed alone */

enum kind { IDLE, REGISTER, PROTECT, HARVEST, UNREGISTER, N_KINDS };

static const char *const kind_name[N_KINDS] = {
	"idle", "register", "protect", "harvest", "unregister"};

struct step {
	uint64_t start, end; /* TSC */
	enum kind kind;
};

struct tally {
	uint64_t steps, total, longest_step, longest, longest_own, over;
};

static struct step steps[STEPS_MAX];
static uint32_t n_steps;
static uint64_t pushed;
static double ns_per_tsc;

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_gw_export_push(struct gw_export_sink *sink, uint32_t ring_idx, uint8_t region,
	uint64_t page_idx, uint64_t n_pages);

static enum kind kind_of(unsigned long request)
{
	switch (request) {
	case UFFDIO_REGISTER:
		return REGISTER;
	case UFFDIO_WRITEPROTECT:
		return PROTECT;
	case UFFDIO_UNREGISTER:
		return UNREGISTER;
	case PAGEMAP_SCAN:
		return HARVEST;
	default:
		return IDLE;
	}
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	enum kind kind = kind_of(request);
	uint64_t start = __rdtsc();
	int ret = __real_ioctl(fd, request, arg);

	if (kind != IDLE && n_steps < STEPS_MAX)
		steps[n_steps++] = (struct step){start, __rdtsc(), kind};
	return ret;
}

int __wrap_gw_export_push(struct gw_export_sink *sink, uint32_t ring_idx, uint8_t region,
	uint64_t page_idx, uint64_t n_pages)
{
	(void)sink;
	(void)ring_idx;
	(void)region;
	(void)page_idx;
	pushed += n_pages;
	return 0;
}

static void sleep_ms(uint32_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l};

	nanosleep(&t, NULL);
}

static void calibrate(void)
{
	struct timespec a, b;
	uint64_t start = __rdtsc();

	clock_gettime(CLOCK_MONOTONIC, &a);
	sleep_ms(200);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns_per_tsc = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
		     (double)(__rdtsc() - start);
}

static double ms_of(uint64_t tsc)
{
	return (double)tsc * ns_per_tsc / 1e6;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "stalls: %s: %s\n", what, why);
	exit(1);
}

static void add(struct tally *t, const struct writer_stall *s)
{
	uint64_t lasted = s->end - s->start;

	if (lasted > t->longest)
		t->longest = lasted;
	if (s->preempted)
		return;
	if (lasted > t->longest_own)
		t->longest_own = lasted;
	t->over += ms_of(lasted) > 1;
}

/* Both lists are in the order of time. */
static void judge(const struct writer *w, struct tally tally[N_KINDS])
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < n_steps; i++) {
		struct tally *t = &tally[steps[i].kind];

		t->steps++;
		t->total += steps[i].end - steps[i].start;
		if (steps[i].end - steps[i].start > t->longest_step)
			t->longest_step = steps[i].end - steps[i].start;
	}
	for (uint32_t i = 0; i < w->n_stalls; i++) {
		const struct writer_stall *s = &w->stall[i];
		bool seen[N_KINDS] = {false};

		while (first < n_steps && steps[first].end < s->start)
			first++;
		for (uint32_t k = first; k < n_steps && steps[k].start <= s->end; k++)
			if (!seen[steps[k].kind]) {
				seen[steps[k].kind] = true;
				add(&tally[steps[k].kind], s);
			}
	}
}

static void print_round(const struct tally tally[N_KINDS], double start_ms, double stop_ms,
	double harvest_ms, double quiet_ms)
{
	printf("{\"start_ms\": %.3f, \"stop_ms\": %.3f, \"harvest_ms\": %.3f, "
	       "\"quiet_harvest_ms\": %.3f",
		start_ms, stop_ms, harvest_ms, quiet_ms);
	for (int k = 0; k < N_KINDS; k++)
		printf(", \"%s\": {\"steps\": %ju, \"longest_step_ms\": %.3f, "
		       "\"longest_stall_ms\": %.3f, \"not_preempted_ms\": %.3f, "
		       "\"over_1_ms\": %ju, \"total_ms\": %.0f}",
			kind_name[k], (uintmax_t)tally[k].steps, ms_of(tally[k].longest_step),
			ms_of(tally[k].longest), ms_of(tally[k].longest_own),
			(uintmax_t)tally[k].over, ms_of(tally[k].total));
	printf("}");
}

/* With the writer at rest: what a harvest of few pages takes, as after a pause. */
static double quiet_harvest(struct gw_uffd_source *s, uint8_t *base, uint64_t n_pages)
{
	const struct gw_export_source_ops *ops = gw_uffd_source_ops();
	struct gw_export_reason why;
	uint64_t start;

	if (ops->harvest(s, NULL, &why) < 0)
		fail("harvest", why.text);
	for (uint64_t i = 0; i < QUIET_DIRTY; i++)
		base[i * (n_pages / QUIET_DIRTY) * 4096] = (uint8_t)i;
	pushed = 0;
	start = __rdtsc();
	if (ops->harvest(s, NULL, &why) < 0)
		fail("harvest", why.text);
	start = __rdtsc() - start;
	if (pushed != QUIET_DIRTY)
		fail("harvest", "it did not name just what was written");
	return ms_of(start);
}

static void run(struct gw_uffd_source *s, struct writer *w)
{
	const struct gw_export_source_ops *ops = gw_uffd_source_ops();
	struct tally tally[N_KINDS] = {{0}};
	uint64_t start, at, longest = 0, stop;
	struct gw_export_reason why;
	double quiet;

	n_steps = 0;
	writer_go(w);
	at = __rdtsc();
	sleep_ms(HARVESTS * HARVEST_EVERY_MS);
	tally[IDLE].total = __rdtsc() - at;
	writer_rest(w);
	for (uint32_t i = 0; i < w->n_stalls; i++)
		add(&tally[IDLE], &w->stall[i]);

	writer_go(w);
	at = __rdtsc();
	if (ops->start(s, NULL, &why) < 0)
		fail("start", why.text);
	start = __rdtsc() - at;
	for (int i = 0; i < HARVESTS; i++) {
		sleep_ms(HARVEST_EVERY_MS);
		at = __rdtsc();
		if (ops->harvest(s, NULL, &why) < 0)
			fail("harvest", why.text);
		at = __rdtsc() - at;
		longest = at > longest ? at : longest;
	}
	at = __rdtsc();
	ops->stop(s);
	stop = __rdtsc() - at;
	writer_rest(w);
	judge(w, tally);

	if (ops->start(s, NULL, &why) < 0)
		fail("start", why.text);
	quiet = quiet_harvest(s, w->base, w->n_pages);
	ops->stop(s);
	print_round(tally, ms_of(start), ms_of(stop), ms_of(longest), quiet);
}

static uint8_t *map(uint64_t bytes)
{
	int fd = memfd_create("stalls", MFD_CLOEXEC);
	uint8_t *base;

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		fail("memfd", strerror(errno));
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		fail("mmap", strerror(errno));
	for (uint64_t at = 0; at < bytes; at += POPULATE_BYTES)
		for (uint64_t page = at; page < at + POPULATE_BYTES; page += 4096)
			base[page] = 1;
	close(fd);
	return base;
}

int main(int argc, char **argv)
{
	static struct writer writer;
	struct gw_uffd_range range;
	struct gw_uffd_source *s;
	struct gw_export_reason why;
	uint64_t gib = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	int cpu = argc > 4 ? atoi(argv[3]) : 0;
	cpu_set_t set;

	if (gib == 0 || rounds == 0) {
		fprintf(stderr, "usage: stalls GIB ROUNDS [CPU-OF-WRITER CPU-OF-SOURCE]\n");
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(argc > 4 ? atoi(argv[4]) : 1, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("a CPU for the source", strerror(errno));
	calibrate();
	range = (struct gw_uffd_range){map(gib << 30), gib << 30, 0};
	if (gw_uffd_source_create(&range, 1, &s, &why) < 0)
		fail("write tracking", why.text);
	if (writer_start(&writer, range.addr, gib << 18, (uint64_t)(WRITER_NOTED_NS / ns_per_tsc),
		    cpu) < 0)
		fail("writer", "no thread");
	printf("{\"gib\": %ju, \"rounds\": [", (uintmax_t)gib);
	for (uint64_t i = 0; i < rounds; i++) {
		run(s, &writer);
		printf(i + 1 < rounds ? ",\n" : "]}\n");
		fflush(stdout);
	}
	writer_end(&writer);
	gw_uffd_source_free(&s);
	return 0;
}
