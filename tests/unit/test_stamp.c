/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/memory/stamp.h: newest wins, whatever order copies come in. */
#include "../../dataplane/memory/stamp.h"
#include "run.h"

#define COPIES 6u

/* One copy of a page or of a piece of it. */
struct copy {
	uint16_t epoch;
	uint32_t fragments;
	bool data;
};

/* What the page then holds, per fragment: the epoch that was stored last. */
struct model {
	uint16_t newest;
	uint16_t held[3];
};

static const struct copy copies[COPIES] = {
	{1, 1, true},
	{1, 2, true},
	{1, 4, true},
	{2, GW_STAMP_ALL, true},
	{1, GW_STAMP_ALL, true},
	{3, GW_STAMP_ALL, false},
};

static unsigned int play(const unsigned int *order)
{
	struct model m = {0};
	uint32_t stamp = 0;
	unsigned int bad = 0;
	bool stored = false;

	for (unsigned int i = 0; i < COPIES; i++) {
		const struct copy *c = &copies[order[i]];
		uint32_t before = stamp;
		enum gw_stamp_verdict v = gw_stamp_take(&stamp, c->epoch, c->fragments, c->data);

		if (c->epoch < m.newest) {
			bad += v != GW_STAMP_SUPERSEDED || stamp != before;
		} else if (c->epoch == m.newest && (before & c->fragments) == c->fragments) {
			bad += v != GW_STAMP_DUPLICATE || stamp != before;
		} else {
			bad += v != GW_STAMP_APPLY;
			m.newest = c->epoch;
			for (unsigned int f = 0; f < 3; f++)
				if (c->fragments >> f & 1)
					m.held[f] = c->epoch;
			stored |= c->data;
		}
		bad += gw_stamp_epoch(stamp) != m.newest;
		bad += ((stamp & GW_STAMP_DATA) != 0) != stored;
		/* The same again is never applied. */
		before = stamp;
		bad += gw_stamp_take(&stamp, c->epoch, c->fragments, c->data) == GW_STAMP_APPLY;
		bad += stamp != before;
	}
	/* All came: the newest epoch holds everywhere. */
	for (unsigned int f = 0; f < 3; f++)
		bad += m.held[f] != 3;
	return bad;
}

/* All 720 orders. */
static void test_orders(void)
{
	unsigned int orders = 0, bad = 0;

	for (unsigned int n = 0; n < COPIES * COPIES * COPIES * COPIES * COPIES * COPIES; n++) {
		unsigned int order[COPIES], seen = 0, v = n;

		for (unsigned int i = 0; i < COPIES; i++, v /= COPIES) {
			order[i] = v % COPIES;
			seen |= 1u << order[i];
		}
		if (seen != (1u << COPIES) - 1)
			continue;
		orders++;
		bad += play(order);
	}
	CU_ASSERT_EQUAL(orders, 720);
	CU_ASSERT_EQUAL(bad, 0);
}

static void test_edges(void)
{
	uint32_t stamp = 0;

	/* A fresh stamp lets every label in; a run over fresh memory is not data. */
	CU_ASSERT_EQUAL(gw_stamp_take(&stamp, 1, GW_STAMP_ALL, false), GW_STAMP_APPLY);
	CU_ASSERT_EQUAL(stamp, 1u << 16 | GW_STAMP_ALL);
	CU_ASSERT_EQUAL(gw_stamp_take(&stamp, 1, 2, true), GW_STAMP_DUPLICATE);
	CU_ASSERT_EQUAL(stamp & GW_STAMP_DATA, 0);
	/* The last label. */
	CU_ASSERT_EQUAL(gw_stamp_take(&stamp, UINT16_MAX, 2, true), GW_STAMP_APPLY);
	CU_ASSERT_EQUAL(stamp, 0xffff0002u | GW_STAMP_DATA);
	CU_ASSERT_EQUAL(
		gw_stamp_take(&stamp, UINT16_MAX - 1, GW_STAMP_ALL, true), GW_STAMP_SUPERSEDED);
	/* Fragments left out are still missing. */
	CU_ASSERT_EQUAL(gw_stamp_take(&stamp, UINT16_MAX, 3, true), GW_STAMP_APPLY);
	CU_ASSERT_EQUAL(gw_stamp_take(&stamp, UINT16_MAX, 3, true), GW_STAMP_DUPLICATE);
	CU_ASSERT_EQUAL(gw_stamp_take(&stamp, UINT16_MAX, GW_STAMP_ALL, false), GW_STAMP_APPLY);
	CU_ASSERT_EQUAL(stamp, UINT32_MAX);
	CU_ASSERT_EQUAL(gw_stamp_take(&stamp, UINT16_MAX, GW_STAMP_ALL, true), GW_STAMP_DUPLICATE);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"all orders", test_orders},
		{"edges", test_edges},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"stamp", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
