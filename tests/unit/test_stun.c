/* SPDX-License-Identifier: BSD-3-Clause */
/* control/stun.c: the loop against guests made of arithmetic, with time made up. */
#include "../../control/stun.h"

#include "../../dataplane/base/clock.h"
#include "run.h"

#define MIB (1ull << 20)
#define WIRE_BPS 1000000000ull
#define WIRE_BYTES_S (WIRE_BPS / 8)

/* Dirties bytes_s of new pages while it may run, until its hot set is dirty. */
struct model {
	double bytes_s;
	double hot_bytes;
};

static double dirtied(const struct model *g, const struct gw_stun *s, double seconds)
{
	double bytes = g->bytes_s * seconds * (100 - gw_stun_percent(s)) / 100;

	return bytes < g->hot_bytes ? bytes : g->hot_bytes;
}

/* Epochs after the first, each as long as what the one before left takes to send; looks at most
 * 250 ms apart. The number of epochs until 50 ms would do; 0: never. */
static unsigned int epochs(
	const struct model *g, struct gw_stun *s, double *worked_s, double *took_s)
{
	double left = g->hot_bytes;

	*worked_s = *took_s = 0;
	for (unsigned int n = 1; n < 200; n++) {
		double lasts = left / WIRE_BYTES_S, dirty = 0;

		for (double t = 0; t < lasts; t += 0.25) {
			double slice = lasts - t < 0.25 ? lasts - t : 0.25;
			double d = dirtied(g, s, slice);

			*worked_s += slice * (100 - gw_stun_percent(s)) / 100;
			*took_s += slice;
			dirty += d;
			gw_stun_look(s, (uint64_t)(slice * 1e9), (uint64_t)d, WIRE_BPS,
				d >= slice * WIRE_BYTES_S);
		}
		left = dirty < g->hot_bytes ? dirty : g->hot_bytes;
		if (left < 0.05 * WIRE_BYTES_S)
			return n;
	}
	return 0;
}

static void test_converges(void)
{
	static const double times[] = {1.01, 1.5, 3, 10, 50};
	double worked, took;
	struct gw_stun s;

	for (unsigned int i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct model g = {times[i] * WIRE_BYTES_S, 512 * MIB};
		double all = g.hot_bytes / WIRE_BYTES_S;

		gw_stun_init(&s, 99);
		CU_ASSERT_FATAL(epochs(&g, &s, &worked, &took) != 0);
		CU_ASSERT_FALSE(s.spent);
		/* Twice the first epoch, where each lasts half of the one before; and that epoch
		 * once more where all is dirty before the first look. */
		CU_ASSERT(took < 3.1 * all);
	}
	/* Three times the wire: a sixth of the time is what halves the epochs. */
	gw_stun_init(&s, 99);
	CU_ASSERT(epochs(&(struct model){3 * WIRE_BYTES_S, 512 * MIB}, &s, &worked, &took) != 0);
	CU_ASSERT(gw_stun_percent(&s) >= 80 && gw_stun_percent(&s) <= 86);
}

/* A small hot set is dirty long before an interval ends. */
static void test_hot_set(void)
{
	double worked, took;
	struct gw_stun s;

	gw_stun_init(&s, 99);
	CU_ASSERT(epochs(&(struct model){20 * WIRE_BYTES_S, 40 * MIB}, &s, &worked, &took) != 0);
}

static void test_leaves_alone(void)
{
	struct gw_stun s;

	gw_stun_init(&s, 99);
	CU_ASSERT_TRUE(gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S / 2, WIRE_BPS, false));
	/* Much at once, but nobody says that it would not end. */
	CU_ASSERT_TRUE(gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 9, WIRE_BPS, false));
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 0);
	/* What the wire takes is not known. */
	CU_ASSERT_FALSE(gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 9, 0, true));
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 0);
}

/* Short intervals add up, with what was dirtied in them. */
static void test_short_intervals(void)
{
	struct gw_stun s;

	gw_stun_init(&s, 99);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_FALSE(
			gw_stun_look(&s, GW_STUN_LOOK_NS / 5, WIRE_BYTES_S / 50, WIRE_BPS, true));
	CU_ASSERT_TRUE(gw_stun_look(&s, GW_STUN_LOOK_NS / 5, WIRE_BYTES_S / 50, WIRE_BPS, true));
	/* Twice the wire rate: a quarter is left. */
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 75);
}

static void test_gives_back(void)
{
	unsigned int looks = 0;
	uint32_t before;
	struct gw_stun s;

	gw_stun_init(&s, 99);
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 4, WIRE_BPS, true);
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 88);
	/* Near the target nothing is changed. */
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 45 / 100, WIRE_BPS, false);
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 88);
	/* The guest has gone quiet. */
	for (; s.on && looks < 50; looks++) {
		before = gw_stun_percent(&s);
		gw_stun_look(&s, GW_NS_PER_S, 0, WIRE_BPS, false);
		CU_ASSERT(gw_stun_percent(&s) < before);
	}
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 0);
	CU_ASSERT(looks > 5);
	/* At once, where it is not needed any more. */
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 4, WIRE_BPS, true);
	gw_stun_release(&s);
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 0);
	CU_ASSERT_FALSE(s.on);
	CU_ASSERT_EQUAL(s.max_percent, 99);
}

static void test_limit(void)
{
	struct gw_stun s;

	gw_stun_init(&s, 60);
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 9, WIRE_BPS, true);
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 60);
	CU_ASSERT_FALSE(s.spent); /* this interval ran free */
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 7 / 10, WIRE_BPS, false);
	CU_ASSERT_FALSE(s.spent); /* slow, but it ends */
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 2, WIRE_BPS, false);
	CU_ASSERT_TRUE(s.spent);
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 60);
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S / 10, WIRE_BPS, false);
	CU_ASSERT_FALSE(s.spent);
	CU_ASSERT(gw_stun_percent(&s) < 60);

	/* Nothing may be taken: spent at once, and no longer when the guest slows down by itself.
	 */
	gw_stun_init(&s, 0);
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S * 9, WIRE_BPS, true);
	CU_ASSERT_TRUE(s.spent);
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 0);
	gw_stun_look(&s, GW_NS_PER_S, WIRE_BYTES_S / 2, WIRE_BPS, false);
	CU_ASSERT_FALSE(s.spent);

	gw_stun_init(&s, 1000);
	for (int i = 0; i < 9; i++)
		gw_stun_look(&s, GW_NS_PER_S, UINT64_MAX / 2, 1, true);
	CU_ASSERT_EQUAL(gw_stun_percent(&s), 99);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"guests that outrun the wire converge", test_converges},
		{"a small hot set", test_hot_set},
		{"no brake without need", test_leaves_alone},
		{"short intervals add up", test_short_intervals},
		{"the brake is given back", test_gives_back},
		{"the most that may be taken", test_limit},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"stun", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
