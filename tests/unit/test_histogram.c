/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/base/histogram.h: buckets, percentiles, intervals. */
#include "../../dataplane/base/histogram.h"
#include "run.h"

#include <stdbool.h>
#include <stdlib.h>

/* Every value lies in exactly one bucket: above the one before, not above its own. */
static bool in_its_bucket(uint32_t v)
{
	uint32_t b = gw_histogram_bucket(v);

	return b < GW_HISTOGRAM_BUCKETS && v <= gw_histogram_value(b) &&
	       (b == 0 || v > gw_histogram_value(b - 1));
}

static void test_buckets(void)
{
	uint64_t wrong = 0;

	for (uint32_t v = 0; v < 70000; v++)
		wrong += !in_its_bucket(v);
	for (uint32_t bit = 6; bit < 32; bit++)
		for (uint32_t d = 0; d < 3; d++)
			wrong += !in_its_bucket((1u << bit) + d - 1);
	wrong += !in_its_bucket(UINT32_MAX);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(gw_histogram_bucket(UINT32_MAX), GW_HISTOGRAM_BUCKETS - 1);
	CU_ASSERT_EQUAL(gw_histogram_value(GW_HISTOGRAM_BUCKETS - 1), UINT32_MAX);
}

static void test_error(void)
{
	uint64_t wrong = 0;

	for (uint32_t b = 1; b < GW_HISTOGRAM_BUCKETS; b++) {
		uint64_t low = (uint64_t)gw_histogram_value(b - 1) + 1,
			 high = gw_histogram_value(b);

		wrong += high < low || (high - low) * GW_HISTOGRAM_STEPS > high;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* Nearest rank: the smallest value that at least that share of all does not exceed. */
static void test_percentiles(void)
{
	static struct gw_histogram h;

	CU_ASSERT_EQUAL(gw_histogram_percentile(&h, 0.5), 0);
	for (uint32_t v = 1; v <= 20; v++)
		gw_histogram_add(&h, v);
	CU_ASSERT_EQUAL(gw_histogram_total(&h), 20);
	CU_ASSERT_EQUAL(gw_histogram_percentile(&h, 0.5), 10);
	CU_ASSERT_EQUAL(gw_histogram_percentile(&h, 0.9), 18);
	CU_ASSERT_EQUAL(gw_histogram_percentile(&h, 0.99), 20);
	CU_ASSERT_EQUAL(gw_histogram_percentile(&h, 1), 20);
	CU_ASSERT_EQUAL(gw_histogram_percentile(&h, 0), 1);
	/* One far away does not move the median, and is the largest. */
	gw_histogram_add(&h, 1000000);
	CU_ASSERT_EQUAL(gw_histogram_percentile(&h, 0.5), 11);
	CU_ASSERT(gw_histogram_percentile(&h, 1) >= 1000000);
	CU_ASSERT(gw_histogram_percentile(&h, 1) <= 1000000 + 1000000 / GW_HISTOGRAM_STEPS);
}

static void test_interval(void)
{
	static struct gw_histogram h, was, now, got;

	gw_histogram_add(&h, 5);
	h.count[gw_histogram_bucket(7)] = UINT32_MAX; /* about to wrap */
	gw_histogram_read(&h, &was);
	for (int i = 0; i < 3; i++)
		gw_histogram_add(&h, 7);
	gw_histogram_add(&h, 9);
	gw_histogram_read(&h, &now);
	gw_histogram_interval(&got, &now, &was);
	CU_ASSERT_EQUAL(gw_histogram_total(&got), 4);
	CU_ASSERT_EQUAL(got.count[gw_histogram_bucket(5)], 0);
	CU_ASSERT_EQUAL(got.count[gw_histogram_bucket(7)], 3);
	CU_ASSERT_EQUAL(got.count[gw_histogram_bucket(9)], 1);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every value has its bucket", test_buckets},
		{"buckets are narrow", test_error},
		{"percentiles", test_percentiles},
		{"intervals", test_interval},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"histogram", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
