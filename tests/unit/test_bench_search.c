/* SPDX-License-Identifier: BSD-3-Clause */
/* control/bench/search.h: the highest rate without loss, on made-up ports. */
#include "../../control/bench/search.h"
#include "run.h"

/* A port that loses above `capacity`. The rate found; *trials counts. */
static double find(double max, double capacity, double resolution, unsigned int *trials)
{
	struct search s;
	double rate;

	search_begin(&s, max, resolution);
	for (*trials = 0; search_next(&s, &rate) && *trials < 100; ++*trials)
		search_result(&s, rate, rate <= capacity);
	return s.low;
}

static void test_full_rate(void)
{
	unsigned int trials;

	CU_ASSERT_EQUAL(find(100, 100, 0.01, &trials), 100);
	CU_ASSERT_EQUAL(trials, 1);
	CU_ASSERT_EQUAL(find(100, 1000, 0.01, &trials), 100);
	CU_ASSERT_EQUAL(trials, 1);
}

static void test_between(void)
{
	unsigned int trials, wrong = 0;

	for (double capacity = 1; capacity < 100; capacity += 0.37) {
		double found = find(100, capacity, 0.01, &trials);

		wrong += found > capacity || found < capacity - 1 || trials > 8;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void test_none(void)
{
	unsigned int trials;

	CU_ASSERT_EQUAL(find(100, 0.5, 0.01, &trials), 0);
	CU_ASSERT(trials <= 8);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"the full rate is tried first", test_full_rate},
		{"within the resolution, in few trials", test_between},
		{"a port that always loses", test_none},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"search", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
