/* SPDX-License-Identifier: BSD-3-Clause */
/* control/dirty_log.c: distinct pages by window. control/forecast.c: what follows from them. */
#include "../../control/dirty_log.c"
#include "../../control/forecast.c"
#include "run.h"

#include <stdio.h>
#include <string.h>

#define MS GW_NS_PER_MS
#define INTERVAL (100 * MS)

static struct gw_dirty_log *start(uint64_t pages)
{
	struct gw_space space = {.n = 0};
	struct gw_dirty_log *log = NULL;

	gw_space_add(&space, 0, NULL, 100);
	gw_space_add(&space, 7, NULL, pages);
	CU_ASSERT_EQUAL_FATAL(gw_dirty_log_create(&space, &log), 0);
	return log;
}

static void test_counts_once(void)
{
	struct gw_dirty_log *log = start(10000);
	struct gw_dirty_figures f;

	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(10, 20, 7)), 20);
	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(20, 20, 7)), 20);
	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(10, 1, 0)), 1);
	gw_dirty_log_figures(log, &f);
	CU_ASSERT_EQUAL(f.intervals, 0); /* it has not ended */
	CU_ASSERT_EQUAL(f.working_set, 0);
	gw_dirty_log_interval(log, INTERVAL);
	gw_dirty_log_add(log, gw_export_entry(10, 5, 7));
	gw_dirty_log_add(log, gw_export_entry(100, 4, 7));
	gw_dirty_log_interval(log, INTERVAL);
	gw_dirty_log_figures(log, &f);
	CU_ASSERT_EQUAL(f.intervals, 2);
	CU_ASSERT_EQUAL(f.lasted_ns, 2 * INTERVAL);
	CU_ASSERT_EQUAL(f.pages, 31 + 9);
	CU_ASSERT_EQUAL(f.working_set, 31 + 4);
	CU_ASSERT_EQUAL(f.most_pages, 31);
	gw_dirty_log_free(&log);
}

static void test_refuses_what_cannot_be(void)
{
	struct gw_dirty_log *log = start(600);
	struct gw_dirty_figures f;

	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(0, 1, 3)), -EPROTO);
	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(600, 1, 7)), -EPROTO);
	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(599, 2, 7)), -EPROTO);
	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(0xffffffffff, 4096, 7)), -EPROTO);
	CU_ASSERT_EQUAL(gw_dirty_log_add(log, gw_export_entry(599, 1, 7)), 1);
	gw_dirty_log_interval(log, INTERVAL);
	gw_dirty_log_figures(log, &f);
	CU_ASSERT_EQUAL(f.working_set, 1);
	gw_dirty_log_free(&log);
}

/* hot pages each interval, the same ones; cold ones that are new each time. */
static void write_guest(struct gw_dirty_log *log, uint32_t intervals, uint32_t hot, uint32_t cold)
{
	for (uint32_t i = 0; i < intervals; i++) {
		if (hot > 0)
			gw_dirty_log_add(log, gw_export_entry(0, hot, 7));
		if (cold > 0)
			gw_dirty_log_add(log, gw_export_entry(1000 + i * cold, cold, 7));
		gw_dirty_log_interval(log, INTERVAL);
	}
}

static void test_curve(void)
{
	struct gw_dirty_log *log = start(100000);
	struct gw_dirty_curve c;

	write_guest(log, 20, 500, 10);
	gw_dirty_log_curve(log, &c);
	/* 1, 4 and 16 intervals, and all 20. */
	CU_ASSERT_EQUAL_FATAL(c.n, 4);
	CU_ASSERT_EQUAL(c.point[0].ns, INTERVAL);
	CU_ASSERT_DOUBLE_EQUAL(c.point[0].pages, 510, 0.01);
	CU_ASSERT_EQUAL(c.point[1].ns, 4 * INTERVAL);
	CU_ASSERT_DOUBLE_EQUAL(c.point[1].pages, 540, 0.01);
	CU_ASSERT_DOUBLE_EQUAL(c.point[2].pages, 660, 0.01);
	CU_ASSERT_EQUAL(c.point[3].ns, 20 * INTERVAL);
	CU_ASSERT_DOUBLE_EQUAL(c.point[3].pages, 700, 0.01);
	CU_ASSERT_DOUBLE_EQUAL(gw_dirty_curve_pages(&c, 0), 0, 0.01);
	CU_ASSERT_DOUBLE_EQUAL(gw_dirty_curve_pages(&c, INTERVAL / 2), 255, 0.01);
	CU_ASSERT_DOUBLE_EQUAL(gw_dirty_curve_pages(&c, 2 * INTERVAL), 520, 0.01);
	CU_ASSERT_DOUBLE_EQUAL(gw_dirty_curve_pages(&c, 40 * INTERVAL), 900, 0.01);
	gw_dirty_log_free(&log);
}

static void test_no_curve(void)
{
	struct gw_dirty_log *log = start(1000);
	struct gw_dirty_curve c;

	gw_dirty_log_curve(log, &c);
	CU_ASSERT_EQUAL(c.n, 0);
	CU_ASSERT_DOUBLE_EQUAL(gw_dirty_curve_pages(&c, MS), 0, 0.01);
	write_guest(log, 3, 0, 0);
	gw_dirty_log_curve(log, &c);
	CU_ASSERT_EQUAL(c.n, 2);
	CU_ASSERT_DOUBLE_EQUAL(gw_dirty_curve_pages(&c, 100 * MS), 0, 0.01);
	gw_dirty_log_free(&log);
}

static void test_counts_no_further(void)
{
	struct gw_dirty_log *log = start(1000);
	struct gw_dirty_figures f;

	for (uint32_t i = 0; i < GW_DIRTY_MAX_INTERVALS + 10u; i++) {
		gw_dirty_log_add(log, gw_export_entry(i % 1000, 1, 7));
		gw_dirty_log_interval(log, MS);
	}
	gw_dirty_log_figures(log, &f);
	CU_ASSERT_EQUAL(f.intervals, GW_DIRTY_MAX_INTERVALS);
	CU_ASSERT_EQUAL(f.working_set, 1000);
	gw_dirty_log_free(&log);
}

/* ---- forecast ---- */

static struct gw_forecast forecast(uint32_t hot, uint32_t cold, uint64_t rate_bps)
{
	struct gw_dirty_log *log = start(100000);
	struct gw_dirty_curve curve;
	struct gw_forecast_guest guest = {.curve = &curve,
		.data_bytes = 100000ull * 4096,
		.sample = {.rate_bps = rate_bps, .state_ns = 5 * MS},
		.limits = {.blackout_ns = 30 * MS, .min_epoch_ns = 250 * MS, .label_max = 65000},
		.max_slowdown_percent = 95};
	struct gw_forecast f;

	write_guest(log, 64, hot, cold);
	gw_dirty_log_curve(log, &curve);
	gw_dirty_log_free(&log);
	gw_forecast(&guest, &f);
	return f;
}

static void test_idle_guest(void)
{
	struct gw_forecast f = forecast(0, 0, 8ull * 1000 * 1000 * 1000);

	CU_ASSERT_TRUE(f.converges);
	CU_ASSERT_EQUAL(f.epochs, 1);
	CU_ASSERT_EQUAL(f.slow_percent, 0);
	CU_ASSERT_EQUAL(f.total_ns, 409600000);
	CU_ASSERT_EQUAL(f.blackout_ns, 5 * MS);
}

/* A hot set that is written all over within an interval: the blackout is what it takes to send it.
 */
static void test_hot_set(void)
{
	/* 1000 pages in 4 ms at 8 Gb/s */
	struct gw_forecast f = forecast(1000, 0, 8ull * 1000 * 1000 * 1000);

	CU_ASSERT_TRUE(f.converges);
	CU_ASSERT_EQUAL(f.slow_percent, 0);
	CU_ASSERT_TRUE(f.blackout_ns <= 5 * MS + 4096000);
	/* At 80 Mb/s it takes 410 ms, which is longer than it lasts: only slowed. */
	f = forecast(1000, 0, 80ull * 1000 * 1000);
	CU_ASSERT_TRUE(f.converges);
	CU_ASSERT_TRUE(f.slow_percent > 0);
	CU_ASSERT_TRUE(f.blackout_ns <= 30 * MS);
}

static void test_too_fast(void)
{
	/* 1000 new pages each 100 ms are 328 Mb/s. */
	struct gw_forecast fits = forecast(0, 1000, 8ull * 1000 * 1000 * 1000);
	struct gw_forecast slowed = forecast(0, 1000, 200ull * 1000 * 1000);
	struct gw_forecast never = forecast(0, 1000, 10ull * 1000 * 1000);

	CU_ASSERT_TRUE(fits.converges);
	CU_ASSERT_EQUAL(fits.slow_percent, 0);
	/* It dirties 1.64 times what is sent: less than 61 % of its time remain. */
	CU_ASSERT_TRUE(slowed.converges);
	CU_ASSERT_TRUE(slowed.slow_percent >= 39 && slowed.slow_percent < 80);
	/* 33 times: 95 % are not enough. */
	CU_ASSERT_FALSE(never.converges);
	CU_ASSERT_TRUE(never.blackout_ns > 30 * MS);
	CU_ASSERT_EQUAL(never.slow_percent, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a page counts once in an interval", test_counts_once},
		{"impossible entries", test_refuses_what_cannot_be},
		{"the curve", test_curve},
		{"no curve", test_no_curve},
		{"more intervals than are counted", test_counts_no_further},
		{"forecast: an idle guest", test_idle_guest},
		{"forecast: a hot set", test_hot_set},
		{"forecast: faster than the wire", test_too_fast},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"dirty log", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
