/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/stream/share.h: shares by weight, nothing left unused, nobody starved. */
#include "../../dataplane/stream/share.h"

#include "random.h"
#include "run.h"

#include <stdlib.h>

#define ROUNDS 200000u

static struct random rng;
static struct gw_share share;
static uint64_t sent[GW_SHARE_MEMBERS];

/* Packets one after the other; barred(i) and bytes(i) tell about the i-th. */
static void serve(uint32_t packets, uint64_t barred, uint32_t (*bytes)(int id))
{
	for (uint32_t i = 0; i < packets; i++) {
		int id = gw_share_pick(&share, barred);
		uint32_t n;

		if (id < 0)
			return;
		n = bytes(id);
		gw_share_spend(&share, (uint8_t)id, n);
		sent[id] += n;
	}
}

static void begin(const uint32_t *weight, uint32_t n)
{
	memset(&share, 0, sizeof(share));
	memset(sent, 0, sizeof(sent));
	for (uint32_t i = 0; i < n; i++)
		gw_share_add(&share, (uint8_t)i, weight[i]);
}

static uint32_t jumbo(int id)
{
	(void)id;
	return 8290;
}

/* The heavy one in small packets, the light one in large ones: bytes count. */
static uint32_t mixed(int id)
{
	return id == 0 ? 90 : 9658;
}

static uint32_t any(int id)
{
	(void)id;
	return 84 + (uint32_t)random_below(&rng, 9575);
}

/* |sent[a] / sent[b] * wb / wa - 1| within 1 %. */
static void check_ratio(int a, uint32_t wa, int b, uint32_t wb)
{
	double ratio = (double)sent[a] / (double)sent[b] * wb / wa;

	CU_ASSERT_DOUBLE_EQUAL(ratio, 1.0, 0.01);
}

static void test_weights(void)
{
	static const uint32_t three_one[] = {3, 1}, four[] = {1, 10, 100, 1000};
	uint32_t (*const sizes[])(int) = {jumbo, mixed, any};

	for (unsigned int k = 0; k < 3; k++) {
		begin(three_one, 2);
		serve(ROUNDS, 0, sizes[k]);
		check_ratio(0, 3, 1, 1);
	}
	begin(four, 4);
	serve(5 * ROUNDS, 0, any);
	for (int i = 0; i < 3; i++)
		check_ratio(i + 1, four[i + 1], i, four[i]);
}

/* Turns are as short as the weights allow: a latency, not only a share. */
static void test_turns(void)
{
	static const uint32_t equal[] = {500, 500}, heavy[] = {1, 4};
	int last = -1, run = 0, longest = 0;

	begin(equal, 2);
	for (uint32_t i = 0; i < 1000; i++) {
		int id = gw_share_pick(&share, 0);

		gw_share_spend(&share, (uint8_t)id, 8290);
		run = id == last ? run + 1 : 1;
		last = id;
		longest = run > longest ? run : longest;
	}
	CU_ASSERT(longest <= 2);
	begin(heavy, 2);
	last = -1;
	longest = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		int id = gw_share_pick(&share, 0);

		gw_share_spend(&share, (uint8_t)id, 8290);
		run = id == last ? run + 1 : 1;
		last = id;
		longest = run > longest ? run : longest;
	}
	CU_ASSERT(longest >= 4 && longest <= 6);
}

/* Who has nothing costs the others nothing, and saves nothing up. */
static void test_work_conserving(void)
{
	static const uint32_t weight[] = {7, 2, 1};
	uint32_t alone = 0;

	begin(weight, 3);
	serve(ROUNDS, 1u << 0, any);
	CU_ASSERT_EQUAL(sent[0], 0);
	check_ratio(1, 2, 2, 1);
	CU_ASSERT_EQUAL(gw_share_pick(&share, 7), -1);
	serve(ROUNDS, 3, jumbo);
	CU_ASSERT_EQUAL(gw_share_pick(&share, 3), 2);
	/* Back after a long time: one turn's worth at once, then its share. */
	memset(sent, 0, sizeof(sent));
	for (uint32_t i = 0; i < 40; i++) {
		int id = gw_share_pick(&share, 0);

		gw_share_spend(&share, (uint8_t)id, 8290);
		alone = id == 0 ? alone + 1 : 0;
		CU_ASSERT(alone <= 2 * 7 * GW_SHARE_TURN_BYTES / 8290 + 1);
	}
	serve(ROUNDS, 0, jumbo);
	check_ratio(0, 7, 1, 2);
	check_ratio(1, 2, 2, 1);
}

/* Barred at random, as by windows and empty looks: whoever may send sends. */
static void test_random_bars(void)
{
	static const uint32_t weight[] = {1, 5, 20, 1000, 3};

	begin(weight, 5);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t barred = random_below(&rng, 32);
		int id = gw_share_pick(&share, barred);

		if (barred == 31) {
			CU_ASSERT_EQUAL(id, -1);
			continue;
		}
		CU_ASSERT_FATAL(id >= 0 && id < 5 && (barred >> id & 1) == 0);
		gw_share_spend(&share, (uint8_t)id, any(id));
		CU_ASSERT(share.deficit[id] <= share.turn_bytes[id]);
	}
}

static void test_members(void)
{
	static const uint32_t weight[] = {3, 1};

	memset(&share, 0, sizeof(share));
	CU_ASSERT_EQUAL(gw_share_pick(&share, 0), -1);
	gw_share_add(&share, 63, 1);
	CU_ASSERT_EQUAL(gw_share_pick(&share, 0), 63);
	CU_ASSERT_EQUAL(gw_share_pick(&share, UINT64_C(1) << 63), -1);
	gw_share_remove(&share, 63);
	CU_ASSERT_EQUAL(gw_share_pick(&share, 0), -1);
	/* Changed in flight: the new weight holds from now on, up and down. */
	begin(weight, 2);
	serve(ROUNDS, 0, jumbo);
	gw_share_set(&share, 1, 6);
	memset(sent, 0, sizeof(sent));
	serve(ROUNDS, 0, jumbo);
	check_ratio(1, 6, 0, 3);
	gw_share_set(&share, 1, 0); /* counts as 1 */
	gw_share_set(&share, 0, 100000);
	CU_ASSERT_EQUAL(share.weight[0], GW_SHARE_WEIGHT_MAX);
	CU_ASSERT_EQUAL(share.weight[1], 1);
	/* One leaves in the middle of its turn, others come. */
	gw_share_set(&share, 0, 2);
	gw_share_add(&share, 2, 4);
	gw_share_add(&share, 3, 8);
	serve(1001, 0, jumbo);
	gw_share_remove(&share, (uint8_t)share.member[share.turn]);
	CU_ASSERT(share.turn < share.n);
	memset(sent, 0, sizeof(sent));
	serve(ROUNDS, 0, jumbo);
	for (uint32_t i = 1; i < share.n; i++)
		check_ratio(share.member[i], share.weight[share.member[i]], share.member[0],
			share.weight[share.member[0]]);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"weights", test_weights},
		{"turns", test_turns},
		{"work conserving", test_work_conserving},
		{"random bars", test_random_bars},
		{"members come, change and go", test_members},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"share", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	rng.state = random_seed("shares");
	return run_suites(suites);
}
