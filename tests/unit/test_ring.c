/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export/producer.c and ring.h: the two halves of an export ring. */
#include "../../dataplane/export/producer.c"

#include "../../dataplane/export/ring.h"
#include "run.h"

#include <pthread.h>
#include <string.h>

#define ENTRIES 64u

struct pair {
	struct gw_ring_area area;
	struct gw_ring_writer w;
	struct gw_ring_reader r;
};

static void open_pair(struct pair *p, uint32_t n_rings, uint32_t idx)
{
	CU_ASSERT_EQUAL_FATAL(gw_ring_area_create(n_rings, ENTRIES, &p->area), 0);
	p->w = gw_ring_area_writer(&p->area, idx);
	p->r = (struct gw_ring_reader){.ring = p->w.ring, .mask = ENTRIES - 1};
}

static void test_entry_limits(void)
{
	const uint64_t pages[] = {0, 1, 0xffffffffffull};
	const uint32_t counts[] = {1, 2, GW_EXPORT_RUN_MAX};
	const uint8_t regions[] = {0, 1, 254};

	for (int i = 0; i < 27; i++) {
		uint64_t page = pages[i % 3];
		uint32_t count = counts[i / 3 % 3];
		uint8_t region = regions[i / 9];
		uint64_t e = gw_export_entry(page, count, region);

		CU_ASSERT_EQUAL(gw_export_entry_page(e), page);
		CU_ASSERT_EQUAL(gw_export_entry_count(e), count);
		CU_ASSERT_EQUAL(gw_export_entry_region(e), region);
		CU_ASSERT_EQUAL(gw_export_entry_flags(e), 0);
	}
}

static void test_area_limits(void)
{
	struct gw_ring_area a = {0};

	CU_ASSERT_EQUAL(gw_ring_area_create(0, 64, &a), -EINVAL);
	CU_ASSERT_EQUAL(gw_ring_area_create(GW_EXPORT_MAX_RINGS + 1, 64, &a), -EINVAL);
	CU_ASSERT_EQUAL(gw_ring_area_create(1, 32, &a), -EINVAL);
	CU_ASSERT_EQUAL(gw_ring_area_create(1, 96, &a), -EINVAL);
	CU_ASSERT_EQUAL(gw_ring_area_create(1, GW_EXPORT_RING_MAX_ENTRIES * 2, &a), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(gw_ring_area_create(16, 64, &a), 0);
	CU_ASSERT_NOT_EQUAL(fcntl(a.fd, F_GET_SEALS) & F_SEAL_SHRINK, 0);
	CU_ASSERT_EQUAL(ftruncate(a.fd, 4096), -1);
	CU_ASSERT_EQUAL(fcntl(a.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	gw_ring_area_free(&a);
	gw_ring_area_free(&a);
}

static void test_wrap(void)
{
	struct pair p = {0};
	uint64_t out[ENTRIES], next = 0;

	open_pair(&p, 3, 2);
	for (uint64_t i = 0; i < 1000; i++) {
		CU_ASSERT_EQUAL(gw_ring_push(&p.w, i), 0);
		if (i % 7 != 6)
			continue;
		for (int n = gw_ring_pop(&p.r, out, 5); n > 0; n = gw_ring_pop(&p.r, out, 5)) {
			for (int k = 0; k < n; k++)
				CU_ASSERT_EQUAL(out[k], next++);
		}
	}
	CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, ENTRIES), (int)(1000 - next));
	gw_ring_area_free(&p.area);
}

static void test_full(void)
{
	struct pair p = {0};
	uint64_t out[ENTRIES];

	open_pair(&p, 1, 0);
	for (uint64_t i = 0; i < ENTRIES; i++)
		CU_ASSERT_EQUAL(gw_ring_push(&p.w, i), 0);
	CU_ASSERT_EQUAL(gw_ring_push(&p.w, 99), -EAGAIN);
	CU_ASSERT_EQUAL(gw_ring_pending(&p.r), ENTRIES);
	CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, 1), 1);
	CU_ASSERT_EQUAL(out[0], 0);
	CU_ASSERT_EQUAL(gw_ring_push(&p.w, ENTRIES), 0);
	CU_ASSERT_EQUAL(gw_ring_push(&p.w, 99), -EAGAIN);
	CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, ENTRIES), ENTRIES);
	CU_ASSERT_EQUAL(out[ENTRIES - 1], ENTRIES);
	CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, ENTRIES), 0);
	gw_ring_area_free(&p.area);
}

/* What the producer may do to the consumer. */
static void test_hostile_head(void)
{
	const uint64_t heads[] = {ENTRIES + 1, UINT64_MAX, 1ull << 63};
	uint64_t out[ENTRIES];
	struct pair p = {0};

	open_pair(&p, 1, 0);
	for (int i = 0; i < 3; i++) {
		p.w.ring->head = heads[i];
		CU_ASSERT_EQUAL(gw_ring_pending(&p.r), -EPROTO);
		CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, ENTRIES), -EPROTO);
	}
	p.w.ring->head = 10;
	CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, ENTRIES), 10);
	p.w.ring->head = 9; /* back behind what was popped */
	CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, ENTRIES), -EPROTO);
	p.w.ring->head = 11;
	p.w.ring->tail = 77; /* the consumer never reads it back */
	CU_ASSERT_EQUAL(gw_ring_pop(&p.r, out, ENTRIES), 1);
	CU_ASSERT_EQUAL(p.w.ring->tail, 11);
	gw_ring_area_free(&p.area);
}

/* What the consumer may do to the producer: an entry that was not popped is never overwritten. */
static void test_hostile_tail(void)
{
	struct pair p = {0};

	open_pair(&p, 1, 0);
	for (uint64_t i = 0; i < ENTRIES; i++)
		CU_ASSERT_EQUAL(gw_ring_push(&p.w, i), 0);
	p.w.ring->tail = ENTRIES + 1;
	CU_ASSERT_EQUAL(gw_ring_push(&p.w, 99), -EPROTO);
	p.w.ring->tail = 8;
	CU_ASSERT_EQUAL(gw_ring_push(&p.w, 99), 0);
	for (uint64_t i = 0; i < 7; i++)
		CU_ASSERT_EQUAL(gw_ring_push(&p.w, i), 0);
	p.w.ring->tail = 7; /* back */
	CU_ASSERT_EQUAL(gw_ring_push(&p.w, 99), -EPROTO);
	p.w.ring->head = 0; /* the producer never reads it back */
	p.w.ring->tail = 9;
	CU_ASSERT_EQUAL(gw_ring_push(&p.w, 99), 0);
	CU_ASSERT_EQUAL(p.w.ring->head, ENTRIES + 9);
	gw_ring_area_free(&p.area);
}

#define TORN_ENTRIES 300000u

/* Each entry carries its own complement, so a torn or early read shows. */
static void *produce(void *arg)
{
	struct gw_ring_writer *w = arg;

	for (uint64_t i = 0; i < TORN_ENTRIES;) {
		if (gw_ring_push(w, i << 32 | (~i & 0xffffffff)) == 0)
			i++;
		else
			sched_yield();
	}
	return NULL;
}

static void test_torn(void)
{
	struct pair p = {0};
	pthread_t t;
	uint64_t out[16], next = 0, bad = 0;

	open_pair(&p, 1, 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, produce, &p.w), 0);
	while (next < TORN_ENTRIES) {
		int n = gw_ring_pop(&p.r, out, 16);

		if (n < 0)
			break;
		for (int i = 0; i < n; i++, next++)
			bad += out[i] != (next << 32 | (~next & 0xffffffff));
		if (n == 0)
			sched_yield();
	}
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(next, TORN_ENTRIES);
	CU_ASSERT_EQUAL(bad, 0);
	gw_ring_area_free(&p.area);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"entry limits", test_entry_limits},
		{"area limits and seals", test_area_limits},
		{"wrap", test_wrap},
		{"full", test_full},
		{"hostile producer", test_hostile_head},
		{"hostile consumer", test_hostile_tail},
		{"two threads", test_torn},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"ring", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
