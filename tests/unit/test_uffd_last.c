/* SPDX-License-Identifier: BSD-3-Clause */
/* export/uffd_last.c: several threads find what one would, each page once. */
#include "../../dataplane/export/uffd_last.c"
#include "../../dataplane/export/ring.h"
#include "../../dataplane/export/sink.h"
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RANGES 2u
#define RING_ENTRIES 16384u
#define WRITTEN 5000u

/* The second one's last slice is cut short. */
#define SLICES_1 (2 * SLICES_PER_THREAD)
static const uint64_t size[RANGES] = {SLICES_1 * SLICE_BYTES, 4 * SLICE_BYTES + 2 * 4096};
static struct gw_uffd_range range[RANGES];
static struct gw_uffd_source *source;
static struct gw_ring_area rings;
static struct gw_export_sink sink;
static struct gw_export_reason why;
static uint8_t *wanted[RANGES], *named[RANGES]; /* by page */

static int setup(void)
{
	struct gw_export_description d = {.n_regions = RANGES};

	for (uint32_t i = 0; i < RANGES; i++) {
		void *at = mmap(NULL, size[i], PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (at == MAP_FAILED)
			return -1;
		range[i] = (struct gw_uffd_range){at, size[i], (uint8_t)i};
		d.region[i] = (struct gw_export_region){.size = size[i], .id = (uint8_t)i};
		wanted[i] = calloc(1, size[i] >> 12);
		named[i] = calloc(1, size[i] >> 12);
	}
	if (gw_ring_area_create(1, RING_ENTRIES, &rings) != 0)
		return -1;
	gw_sink_init(&sink, &d, &rings, -1, -1);
	return 0;
}

static int teardown(void)
{
	gw_uffd_source_free(&source);
	gw_ring_area_free(&rings);
	for (uint32_t i = 0; i < RANGES; i++) {
		munmap(range[i].addr, size[i]);
		free(wanted[i]);
		free(named[i]);
	}
	return 0;
}

static void write_page(uint32_t r, uint64_t page)
{
	*(volatile uint8_t *)((uint8_t *)range[r].addr + page * 4096) = 1;
	wanted[r][page] = 1;
}

/* At both sides of every border, and here and there. */
static void write_pages(void)
{
	for (uint32_t r = 0; r < RANGES; r++) {
		for (uint64_t at = 0; at < size[r]; at += SLICE_BYTES) {
			write_page(r, at >> 12);
			if (at > 0)
				write_page(r, (at >> 12) - 1);
		}
		write_page(r, (size[r] >> 12) - 1);
	}
	for (uint32_t i = 0; i < WRITTEN; i++) {
		uint32_t r = i % RANGES;

		write_page(r, i * 2654435761u % (size[r] >> 12));
	}
}

static void take_named(void)
{
	struct gw_ring_reader reader = {.ring = sink.ring[0].ring, .mask = sink.ring[0].mask};
	uint64_t e;

	while (gw_ring_pop(&reader, &e, 1) == 1)
		for (uint64_t i = 0; i < gw_export_entry_count(e); i++)
			named[gw_export_entry_region(e)][gw_export_entry_page(e) + i]++;
}

static void test_each_page_once(void)
{
	const struct gw_export_source_ops *ops = gw_uffd_source_ops();

	CU_ASSERT_EQUAL_FATAL(gw_uffd_source_create(range, RANGES, &source, &why), 0);
	CU_ASSERT_EQUAL_FATAL(ops->start(source, &sink, &why), 0);
	write_pages();
	CU_ASSERT_EQUAL(ops->harvest_last(source, &sink, &why), 0);
	take_named();
	for (uint32_t r = 0; r < RANGES; r++)
		CU_ASSERT_EQUAL(memcmp(named[r], wanted[r], size[r] >> 12), 0);
	/* Nobody takes them any more: all threads end, with that. */
	gw_sink_fail(&sink, -EPIPE);
	CU_ASSERT_EQUAL(ops->harvest_last(source, &sink, &why), -EPIPE);
	gw_sink_arm(&sink);
	ops->stop(source);
	CU_ASSERT_EQUAL(ops->harvest_last(source, &sink, &why), -EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "is not protected any more"));
}

static void test_slices(void)
{
	const struct last l = {.range = range, .n_ranges = RANGES};
	const struct gw_uffd_range *r = &range[0];
	uint64_t at, end, pages = 0, n = 0;

	for (; find_slice(&l, n, &r, &at, &end); n++) {
		CU_ASSERT(end > at && end - at <= SLICE_BYTES);
		pages += (end - at) >> 12;
	}
	CU_ASSERT_EQUAL(n, SLICES_1 + 5);
	CU_ASSERT_EQUAL(pages, (size[0] + size[1]) >> 12);
	CU_ASSERT_PTR_EQUAL(r, &range[1]);
	CU_ASSERT_EQUAL(end, (uintptr_t)range[1].addr + size[1]);
}

static void test_threads(void)
{
	struct gw_uffd_range small = {NULL, 3ull << 30, 0}, large = {NULL, 64ull << 30, 0};
	struct last l = {.range = &small, .n_ranges = 1};
	cpu_set_t before, one;
	int cpus;

	CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(before), &before), 0);
	cpus = CPU_COUNT(&before);
	CU_ASSERT_EQUAL(helpers(&l), 0);
	l.range = &large;
	CU_ASSERT_EQUAL(
		helpers(&l), (uint64_t)(cpus < (int)MAX_THREADS ? cpus : (int)MAX_THREADS) - 1);
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(one), &one), 0);
	CU_ASSERT_EQUAL(helpers(&l), 0);
	CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* 0, or why this kernel or sandbox has no tracking. */
static int try_tracking(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct gw_uffd_range one = {at, 4096, 0};
	struct gw_uffd_source *tried = NULL;
	int ret = gw_uffd_source_create(&one, 1, &tried, &why);

	gw_uffd_source_free(&tried);
	munmap(at, 4096);
	return ret;
}

int main(void)
{
	CU_TestInfo tests[] = {{"each page once", test_each_page_once}, {"slices", test_slices},
		{"threads", test_threads}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {
		{"last harvest", setup, teardown, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	if (try_tracking() != 0) {
		fprintf(stderr, "%s\n", why.text);
		return 77;
	}
	return run_suites(suites);
}
