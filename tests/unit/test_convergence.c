/* SPDX-License-Identifier: BSD-3-Clause */
/* control/convergence.c */
#include "../../control/convergence.h"

#include "../../dataplane/base/clock.h"
#include "run.h"

static const struct gw_convergence_limits limits = {
	.blackout_ns = 50 * GW_NS_PER_MS, .min_epoch_ns = 250 * GW_NS_PER_MS, .label_max = 65000};

static void test_send_time(void)
{
	CU_ASSERT_EQUAL(gw_convergence_send_ns(0, 1000000000), 0);
	CU_ASSERT_EQUAL(gw_convergence_send_ns(125000000, 1000000000), GW_NS_PER_S);
	CU_ASSERT_EQUAL(gw_convergence_send_ns(125000000, 0), GW_NS_PER_S); /* unknown: 1 Gb/s */
	CU_ASSERT_EQUAL(gw_convergence_send_ns(UINT64_MAX, 1), UINT64_MAX);
	/* 16 TiB at 100 Gb/s: no overflow on the way */
	CU_ASSERT_EQUAL(
		gw_convergence_send_ns(1ull << 44, 100000000000ull), (1ull << 44) * 8 / 100);
}

static void test_blackout(void)
{
	struct gw_convergence_sample s = {.next_pages = 1000,
		.rate_bps = 8000000000ull,
		.rtt_ns = 2 * GW_NS_PER_MS,
		.state_bytes = 904000,
		.state_ns = 7 * GW_NS_PER_MS};

	/* 5,000,000 bytes at 1 GB/s + 1.5 * 2 ms + 7 ms */
	CU_ASSERT_EQUAL(gw_convergence_blackout_ns(&s), 15 * GW_NS_PER_MS);
	/* 2 GB/s for a millisecond more, and digests. */
	s.dirty_bps = 16000000000ull;
	s.gap_ns = GW_NS_PER_MS;
	s.verify_ns = 20 * GW_NS_PER_MS;
	CU_ASSERT_EQUAL(gw_convergence_blackout_ns(&s), 37 * GW_NS_PER_MS);
	/* Saving takes 3 ms: the 4.1 + 2 ms of pages hide it; 9 ms hide the pages. */
	s.save_ns = 3 * GW_NS_PER_MS;
	CU_ASSERT_EQUAL(gw_convergence_blackout_ns(&s), 37 * GW_NS_PER_MS);
	s.save_ns = 9 * GW_NS_PER_MS;
	CU_ASSERT_EQUAL(gw_convergence_blackout_ns(&s), 37 * GW_NS_PER_MS + 2904000);
	/* A SYNC of 4 ms before the 6.096 ms of pages takes longer than saving. */
	s.sync_ns = 4 * GW_NS_PER_MS;
	CU_ASSERT_FALSE(gw_convergence_sync_once(&s));
	CU_ASSERT_EQUAL(gw_convergence_blackout_ns(&s), 41 * GW_NS_PER_MS);
	/* One of 5 ms would gain 1.096 ms and is not worth it: the pages follow the 9 ms of
	 * saving. */
	s.sync_ns = 5 * GW_NS_PER_MS;
	CU_ASSERT_TRUE(gw_convergence_sync_once(&s));
	CU_ASSERT_EQUAL(gw_convergence_blackout_ns(&s), 46 * GW_NS_PER_MS);
	/* The order that was decided stays, whatever the pages turned out to be. */
	CU_ASSERT_EQUAL(gw_convergence_reckon_ns(&s, true), 46 * GW_NS_PER_MS);
	CU_ASSERT_EQUAL(
		gw_convergence_reckon_ns(&s, false), 46 * GW_NS_PER_MS - s.save_ns + s.sync_ns);
	s.next_pages = UINT64_MAX;
	CU_ASSERT_FALSE(gw_convergence_sync_once(&s));
	CU_ASSERT(gw_convergence_blackout_ns(&s) > GW_NS_PER_S * 1000000);
	s.rate_bps = 1;
	CU_ASSERT_EQUAL(gw_convergence_blackout_ns(&s), UINT64_MAX);
}

static enum gw_convergence_verdict decide(
	uint64_t pages, uint64_t epoch_ms, uint16_t label, bool late, bool switches)
{
	struct gw_convergence_limits l = limits;
	struct gw_convergence_sample s = {.next_pages = pages, .rate_bps = 8000000000ull};

	l.switch_on_limit = switches;
	return gw_convergence_decide(&l, &s, epoch_ms * GW_NS_PER_MS, label, 0, late);
}

static void test_decide(void)
{
	/* 12,207 pages are 50 ms at 1 GB/s. */
	CU_ASSERT_EQUAL(decide(12207, 1, 1, false, false), GW_CONVERGENCE_SWITCH);
	CU_ASSERT_EQUAL(decide(12208, 1000, 1, false, false), GW_CONVERGENCE_AGAIN);
	/* It fits, but one more epoch would leave much less; not for the last millisecond, though.
	 */
	CU_ASSERT_EQUAL(decide(12207, 101, 1, false, false), GW_CONVERGENCE_AGAIN);
	CU_ASSERT_EQUAL(decide(12207, 99, 1, false, false), GW_CONVERGENCE_SWITCH);
	CU_ASSERT_EQUAL(decide(12207, 101, 1, true, false), GW_CONVERGENCE_SWITCH);
	CU_ASSERT_EQUAL(decide(240, 1000, 1, false, false), GW_CONVERGENCE_SWITCH);
	/* Shrinking by less than a twentieth is no progress. */
	CU_ASSERT_EQUAL(decide(24414, 100, 1, false, false), GW_CONVERGENCE_PACED);
	CU_ASSERT_EQUAL(decide(24414, 106, 1, false, false), GW_CONVERGENCE_AGAIN);
	CU_ASSERT_EQUAL(decide(100000, 100, 1, false, false), GW_CONVERGENCE_PACED);
}

static void test_limits(void)
{
	CU_ASSERT_EQUAL(decide(100000, 1000, 1, true, false), GW_CONVERGENCE_GIVE_UP);
	CU_ASSERT_EQUAL(decide(100000, 1000, 1, true, true), GW_CONVERGENCE_SWITCH);
	CU_ASSERT_EQUAL(decide(1, 1000, 1, true, false), GW_CONVERGENCE_SWITCH);
	/* Nobody stops a guest for more than half a minute: 7,324,218 pages at 1 GB/s. */
	CU_ASSERT_EQUAL(decide(7324218, 1000, 1, true, true), GW_CONVERGENCE_SWITCH);
	CU_ASSERT_EQUAL(decide(7324219, 1000, 1, true, true), GW_CONVERGENCE_GIVE_UP);
	/* The switchover itself takes two labels. */
	CU_ASSERT_EQUAL(decide(100000, 1000, 64997, false, false), GW_CONVERGENCE_AGAIN);
	CU_ASSERT_EQUAL(decide(100000, 1000, 64998, false, false), GW_CONVERGENCE_GIVE_UP);
	CU_ASSERT_EQUAL(decide(100000, 1000, 64998, false, true), GW_CONVERGENCE_SWITCH);
}

/* What is not sent takes longer than allowed: hurrying cannot help. */
static void test_no_room(void)
{
	struct gw_convergence_limits l = limits;
	struct gw_convergence_sample s = {.next_pages = 24414, /* 100 ms */
		.rate_bps = 8000000000ull,
		.state_ns = 49 * GW_NS_PER_MS};

	l.on_spent = GW_SPENT_WAIT;
	CU_ASSERT_EQUAL(
		gw_convergence_decide(&l, &s, GW_NS_PER_S, 3, 0, false), GW_CONVERGENCE_AGAIN);
	s.state_ns = 50 * GW_NS_PER_MS;
	CU_ASSERT_EQUAL(
		gw_convergence_decide(&l, &s, GW_NS_PER_S, 3, 0, false), GW_CONVERGENCE_PACED);
	CU_ASSERT_EQUAL(
		gw_convergence_decide(&l, &s, GW_NS_PER_S, 3, 0, true), GW_CONVERGENCE_GIVE_UP);
}

static enum gw_convergence_verdict decide_stunned(
	enum gw_convergence_on_spent on_spent, bool spent, uint64_t epoch_ms)
{
	struct gw_convergence_limits l = limits;
	struct gw_convergence_sample s = {.next_pages = 24414, /* 100 ms */
		.rate_bps = 8000000000ull,
		.stun_percent = 80,
		.spent = spent};

	l.on_spent = on_spent;
	return gw_convergence_decide(&l, &s, epoch_ms * GW_NS_PER_MS, 3, 0, false);
}

static void test_stunned(void)
{
	/* A guest that is held back is not waited for. */
	CU_ASSERT_EQUAL(decide_stunned(GW_SPENT_WAIT, false, 100), GW_CONVERGENCE_AGAIN);
	CU_ASSERT_EQUAL(decide_stunned(GW_SPENT_WAIT, true, 100), GW_CONVERGENCE_PACED);
	CU_ASSERT_EQUAL(decide_stunned(GW_SPENT_ABORT, true, 100), GW_CONVERGENCE_GIVE_UP);
	CU_ASSERT_EQUAL(decide_stunned(GW_SPENT_SWITCH, true, 100), GW_CONVERGENCE_SWITCH);
	/* Not while the rest shrinks, and not before all is tried. */
	CU_ASSERT_EQUAL(decide_stunned(GW_SPENT_ABORT, true, 106), GW_CONVERGENCE_AGAIN);
	CU_ASSERT_EQUAL(decide_stunned(GW_SPENT_SWITCH, false, 100), GW_CONVERGENCE_AGAIN);
}

static void test_no_room_policy(void)
{
	struct gw_convergence_limits l = limits;
	struct gw_convergence_sample s = {.next_pages = 24414, /* 100 ms */
		.rate_bps = 8000000000ull,
		.state_ns = 50 * GW_NS_PER_MS};

	/* No epoch will fit it: decided once the rest shrinks no more, or is less than the shortest
	 * epoch takes anyway, where a policy decides. */
	l.on_spent = GW_SPENT_SWITCH;
	l.min_epoch_ns = 100 * GW_NS_PER_MS;
	CU_ASSERT_EQUAL(gw_convergence_decide(&l, &s, 200 * GW_NS_PER_MS, 3, 0, false),
		GW_CONVERGENCE_SWITCH);
	l.min_epoch_ns = 50 * GW_NS_PER_MS;
	CU_ASSERT_EQUAL(gw_convergence_decide(&l, &s, 200 * GW_NS_PER_MS, 3, 0, false),
		GW_CONVERGENCE_PACED);
	CU_ASSERT_EQUAL(gw_convergence_decide(&l, &s, 100 * GW_NS_PER_MS, 3, 0, false),
		GW_CONVERGENCE_SWITCH);
	l.on_spent = GW_SPENT_ABORT;
	CU_ASSERT_EQUAL(gw_convergence_decide(&l, &s, 100 * GW_NS_PER_MS, 3, 0, false),
		GW_CONVERGENCE_GIVE_UP);
	l.on_spent = GW_SPENT_WAIT;
	CU_ASSERT_EQUAL(gw_convergence_decide(&l, &s, 100 * GW_NS_PER_MS, 3, 0, false),
		GW_CONVERGENCE_PACED);
}

static void test_room(void)
{
	struct gw_convergence_sample s = {.next_pages = 1u << 20,
		.rate_bps = 8000000000ull,
		.rtt_ns = 2 * GW_NS_PER_MS,
		.state_bytes = 1000000,
		.state_ns = 7 * GW_NS_PER_MS};

	/* Device state and round trips take 11 ms. */
	CU_ASSERT_EQUAL(gw_convergence_room_ns(50 * GW_NS_PER_MS, &s), 39 * GW_NS_PER_MS);
	s.save_ns = 5 * GW_NS_PER_MS; /* pages have that time, too */
	CU_ASSERT_EQUAL(gw_convergence_room_ns(50 * GW_NS_PER_MS, &s), 39 * GW_NS_PER_MS);
	CU_ASSERT_EQUAL(gw_convergence_room_ns(11 * GW_NS_PER_MS, &s), 0);
	CU_ASSERT_EQUAL(gw_convergence_room_ns(1, &s), 0);
}

static void test_rate(void)
{
	CU_ASSERT_EQUAL(gw_convergence_rate_bps(5, 125000000, GW_NS_PER_S), 1000000000);
	CU_ASSERT_EQUAL(gw_convergence_rate_bps(5, 4096, GW_NS_PER_S), 5);
	CU_ASSERT_EQUAL(gw_convergence_rate_bps(5, 125000000, GW_NS_PER_MS), 5);
	CU_ASSERT_EQUAL(gw_convergence_rate_bps(5, 0, 0), 5);
	CU_ASSERT_EQUAL(gw_convergence_dirty_bps(0, 1000, 100 * GW_NS_PER_MS), 327680000);
	CU_ASSERT_EQUAL(gw_convergence_dirty_bps(400, 0, 100 * GW_NS_PER_MS), 1);
	/* 200 pages at once, after a quiet time. */
	CU_ASSERT_EQUAL(gw_convergence_dirty_bps(100000000, 200, GW_NS_PER_MS), 229072000);
	CU_ASSERT_EQUAL(gw_convergence_dirty_bps(100, 200, 0), 100);
	/* 1.25 MB in 10 ms, a fifth of the window. */
	CU_ASSERT_EQUAL(gw_convergence_rate_bps(0, 1250000, 10 * GW_NS_PER_MS), 1000000000);
	CU_ASSERT_EQUAL(
		gw_convergence_rate_bps(4000000000, 1250000, 10 * GW_NS_PER_MS), 3400000000);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"time to send", test_send_time},
		{"predicted blackout", test_blackout},
		{"switch, again, paced", test_decide},
		{"out of time or labels", test_limits},
		{"no room", test_no_room},
		{"a guest that is slowed", test_stunned},
		{"a limit that cannot be met", test_no_room_policy},
		{"room for pages", test_room},
		{"acknowledged rate", test_rate},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"convergence", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
