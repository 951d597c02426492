/* SPDX-License-Identifier: BSD-3-Clause */
#include "uffd_last.h"
#include "own_thread.h"
#include "uffd_scan.h"

#include <sched.h>

/* Of one range, for one thread at a time. */
#define SLICE_BYTES (64ull << 20)
/* With less for each, threads cost more to start than they spare. */
#define SLICES_PER_THREAD 32u
#define MAX_THREADS 8u

struct last {
	int pagemap_fd;
	const struct gw_uffd_range *range;
	uint32_t n_ranges;
	struct gw_export_sink *sink;
	uint64_t next;        /* slice; atomic */
	pthread_mutex_t lock; /* of what follows, and of the ring */
	int ret;
	struct gw_export_reason *why;
};

static uint64_t slices_of(const struct gw_uffd_range *r)
{
	return (r->size_bytes + SLICE_BYTES - 1) / SLICE_BYTES;
}

/* False: there is no such slice. */
static bool find_slice(const struct last *l, uint64_t n, const struct gw_uffd_range **r,
	uint64_t *at, uint64_t *end)
{
	for (uint32_t i = 0; i < l->n_ranges; i++) {
		uint64_t slices = slices_of(&l->range[i]);

		if (n >= slices) {
			n -= slices;
			continue;
		}
		*r = &l->range[i];
		*at = (uintptr_t)(*r)->addr + n * SLICE_BYTES;
		*end = n + 1 < slices ? *at + SLICE_BYTES
				      : (uintptr_t)(*r)->addr + (*r)->size_bytes;
		return true;
	}
	return false;
}

/* Protecting flushes TLBs for each page table that has a written page: 2 us, but 30 and more where
 * a hypervisor has to do it. */
static int take_slice(struct last *l, struct gw_uffd_scan *s, const struct gw_uffd_range *r,
	uint64_t at, uint64_t end)
{
	struct gw_export_reason why;
	int n, ret = 0;

	while (ret == 0 && at < end) {
		n = gw_uffd_scan_take(s, r, &at, end, false, &why);
		if (n == 0)
			continue;
		pthread_mutex_lock(&l->lock);
		if (l->ret == 0 && n < 0 && l->why != NULL)
			*l->why = why;
		if (l->ret == 0)
			l->ret = n < 0 ? n : gw_uffd_scan_push(s, r, n, l->sink);
		ret = l->ret;
		pthread_mutex_unlock(&l->lock);
	}
	if (ret != 0) /* nobody begins another */
		__atomic_store_n(&l->next, UINT64_MAX / 2, __ATOMIC_RELAXED);
	return ret;
}

static void *take_slices(void *arg)
{
	struct gw_uffd_scan s;
	struct last *l = arg;
	const struct gw_uffd_range *r;
	uint64_t at, end;

	s.pagemap_fd = l->pagemap_fd;
	while (find_slice(l, __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED), &r, &at, &end) &&
		take_slice(l, &s, r, at, end) == 0)
		;
	return NULL;
}

static uint64_t helpers(const struct last *l)
{
	uint64_t slices = 0, n;
	cpu_set_t cpus;

	for (uint32_t i = 0; i < l->n_ranges; i++)
		slices += slices_of(&l->range[i]);
	n = slices / SLICES_PER_THREAD;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return 0;
	if (n > (uint64_t)CPU_COUNT(&cpus))
		n = (uint64_t)CPU_COUNT(&cpus);
	if (n > MAX_THREADS)
		n = MAX_THREADS;
	return n == 0 ? 0 : n - 1; /* this thread is one of them */
}

int gw_uffd_harvest_last(int pagemap_fd, const struct gw_uffd_range *range, uint32_t n_ranges,
	struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct last l = {.pagemap_fd = pagemap_fd,
		.range = range,
		.n_ranges = n_ranges,
		.sink = sink,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.why = why};
	pthread_t thread[MAX_THREADS];
	uint64_t want = helpers(&l), n = 0;

	/* With fewer than wanted it only takes longer. */
	while (n < want && gw_own_thread_start(&thread[n], "godwit-last", GW_OWN_THREAD_SMALL,
				   take_slices, &l) == 0)
		n++;
	take_slices(&l);
	for (uint64_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	return l.ret;
}
