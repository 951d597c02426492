/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/base/spsc.h: order, full, empty, wrap, two threads. */
#include "../../dataplane/base/spsc.h"
#include "run.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

static void test_full(void)
{
	static struct gw_spsc q;
	struct gw_spsc_item item;

	/* The cursors count for ever and wrap. */
	for (uint32_t round = 0; round < 4; round++) {
		uint32_t start = UINT32_MAX - 900 + round * 300;

		memset(&q, 0, sizeof(q));
		q.head = q.tail = start;
		CU_ASSERT_FALSE(gw_spsc_pop(&q, &item));
		for (uint32_t i = 0; i < GW_SPSC_ITEMS; i++)
			CU_ASSERT_TRUE(gw_spsc_push(&q, i, &q, i * 3));
		CU_ASSERT_FALSE(gw_spsc_push(&q, 9, NULL, 9));
		for (uint32_t i = 0; i < GW_SPSC_ITEMS; i++) {
			CU_ASSERT_TRUE(gw_spsc_pop(&q, &item));
			CU_ASSERT_EQUAL(item.type, i);
			CU_ASSERT_EQUAL(item.value, i * 3);
			CU_ASSERT_PTR_EQUAL(item.object, &q);
			CU_ASSERT_TRUE(gw_spsc_push(&q, 1000 + i, NULL, i));
		}
		for (uint32_t i = 0; i < GW_SPSC_ITEMS; i++) {
			CU_ASSERT_TRUE(gw_spsc_pop(&q, &item));
			CU_ASSERT_EQUAL(item.type, 1000 + i);
		}
		CU_ASSERT_FALSE(gw_spsc_pop(&q, &item));
	}
}

#define ITEMS 400000u

static void *produce(void *arg)
{
	for (uint64_t i = 0; i < ITEMS;)
		if (gw_spsc_push(arg, (uint32_t)i, NULL, ~i))
			i++;
		else
			sched_yield();
	return NULL;
}

static void test_threads(void)
{
	static struct gw_spsc q;
	struct gw_spsc_item item;
	uint64_t next = 0, bad = 0;
	pthread_t t;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, produce, &q), 0);
	while (next < ITEMS) {
		if (!gw_spsc_pop(&q, &item)) {
			sched_yield();
			continue;
		}
		bad += item.type != next || item.value != ~next;
		next++;
	}
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(bad, 0);
	CU_ASSERT_FALSE(gw_spsc_pop(&q, &item));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"full, empty, wrap", test_full},
		{"two threads", test_threads},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"spsc", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
