/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/path/rx_path.c: what was applied, when an ACK is due and what it says. */
#include "../../dataplane/path/rx_path.c"

#include "random.h"
#include "run.h"

#define ROOM 1000000u

static bool ack_bit(const struct gw_wire_ack_body *a, uint64_t below)
{
	return a->bitmap[below / 64] >> (below % 64) & 1;
}

static struct gw_wire_ack_body ack(struct gw_rx_path *p, uint64_t now_ns)
{
	struct gw_wire_ack_body a;

	memset(&a, 0xee, sizeof(a));
	gw_rx_path_ack(p, now_ns, &a);
	return a;
}

static void test_verdicts(void)
{
	struct gw_rx_path p;

	gw_rx_path_init(&p, ROOM);
	CU_ASSERT_EQUAL(gw_rx_path_check(&p, 0), GW_RX_NEW);
	CU_ASSERT_EQUAL(gw_rx_path_check(&p, GW_WIRE_PSN_MAX), GW_RX_NEW);
	gw_rx_path_applied(&p, 0, 0, 100, 0);
	CU_ASSERT_EQUAL(gw_rx_path_check(&p, 0), GW_RX_DUPLICATE);
	CU_ASSERT_EQUAL(gw_rx_path_check(&p, 1), GW_RX_NEW);
	gw_rx_path_applied(&p, 5, 0, 100, 0);
	CU_ASSERT_EQUAL(gw_rx_path_check(&p, 5), GW_RX_DUPLICATE);
	for (uint64_t n = 1; n < 5; n++)
		CU_ASSERT_EQUAL(gw_rx_path_check(&p, n), GW_RX_NEW);
	gw_rx_path_applied(&p, 3, 0, 100, 0);
	CU_ASSERT_EQUAL(gw_rx_path_check(&p, 3), GW_RX_DUPLICATE);
	CU_ASSERT_EQUAL(gw_rx_path_check(&p, 4), GW_RX_NEW);
	CU_ASSERT_EQUAL(p.largest, 5);
}

/* The left edge of what is remembered. */
static void test_window(void)
{
	const uint64_t w = GW_RX_BITS, jumps[] = {w - 1, w, w + 1, 2 * w - 1, 2 * w, 100000};

	for (unsigned int i = 0; i < 6; i++) {
		struct gw_rx_path p;

		gw_rx_path_init(&p, ROOM);
		for (uint64_t n = 0; n < 700; n++)
			gw_rx_path_applied(&p, n, 0, 1, 0);
		gw_rx_path_applied(&p, 699 + jumps[i], 0, 1, 0);
		CU_ASSERT_EQUAL(gw_rx_path_check(&p, 699 + jumps[i] - w), GW_RX_OLD);
		/* What the bit ring held before says nothing about the numbers that are new. */
		for (uint64_t n = 700 + jumps[i] - w; n < 699 + jumps[i]; n++)
			if (gw_rx_path_check(&p, n) != (n < 700 ? GW_RX_DUPLICATE : GW_RX_NEW))
				CU_FAIL("an old bit shows");
		CU_ASSERT_EQUAL(gw_rx_path_check(&p, 699 + jumps[i]), GW_RX_DUPLICATE);
		CU_ASSERT_EQUAL(gw_rx_path_check(&p, 0), GW_RX_OLD);
	}
}

static void test_ack_rules(void)
{
	struct gw_wire_ack_body a;
	struct gw_rx_path p;
	uint64_t t = 5000000;

	gw_rx_path_init(&p, ROOM);
	CU_ASSERT_FALSE(gw_rx_path_ack_due(&p, UINT64_MAX));
	/* In order: 100 us after the first that waits, not after the last. */
	gw_rx_path_applied(&p, 0, 0x1234, 1500, t);
	gw_rx_path_applied(&p, 1, 0x1240, 1500, t + 640);
	CU_ASSERT_FALSE(gw_rx_path_ack_due(&p, t + 99999));
	CU_ASSERT_TRUE(gw_rx_path_ack_due(&p, t + 100000));
	a = ack(&p, t + 640 + 64 * 77);
	CU_ASSERT_EQUAL(a.largest, 1);
	CU_ASSERT_EQUAL(a.echo, 0x1240);
	CU_ASSERT_EQUAL(a.hold, 77);
	CU_ASSERT_EQUAL(a.credit, 3000 + ROOM);
	CU_ASSERT_EQUAL(a.ecn_ce, 0);
	CU_ASSERT_EQUAL(a.bitmap[0], 3);
	CU_ASSERT_FALSE(gw_rx_path_ack_due(&p, UINT64_MAX));
	/* 64 packets. */
	for (uint64_t n = 2; n < 2 + 63; n++)
		gw_rx_path_applied(&p, n, 0, 1500, t);
	CU_ASSERT_FALSE(gw_rx_path_ack_due(&p, t));
	gw_rx_path_applied(&p, 65, 0, 1500, t);
	CU_ASSERT_TRUE(gw_rx_path_ack_due(&p, t));
	a = ack(&p, t);
	CU_ASSERT_EQUAL(a.credit, 66 * 1500 + ROOM);
	CU_ASSERT_EQUAL(a.bitmap[0], UINT64_MAX);
	CU_ASSERT_EQUAL(a.bitmap[1], 3);
	CU_ASSERT_EQUAL(a.bitmap[2], 0);
	/* A gap at once, and what fills it at once. */
	gw_rx_path_applied(&p, 67, 0xabc, 1500, t);
	CU_ASSERT_TRUE(gw_rx_path_ack_due(&p, t));
	a = ack(&p, t);
	CU_ASSERT_EQUAL(a.bitmap[0], UINT64_MAX ^ 2);
	gw_rx_path_applied(&p, 66, 0xdef, 1500, t + 6400);
	CU_ASSERT_TRUE(gw_rx_path_ack_due(&p, t + 6400));
	a = ack(&p, t + 6400);
	CU_ASSERT_EQUAL(a.bitmap[0], UINT64_MAX);
	CU_ASSERT_EQUAL(a.largest, 67);
	CU_ASSERT_EQUAL(a.echo, 0xabc); /* of the newest packet, not of the last that came */
	CU_ASSERT_EQUAL(a.hold, 100);
}

/* The first packet that comes is not the first that was sent. */
static void test_first_gap(void)
{
	struct gw_wire_ack_body a;
	struct gw_rx_path p;

	gw_rx_path_init(&p, ROOM);
	gw_rx_path_applied(&p, 7, 0, 1, 0);
	CU_ASSERT_TRUE(gw_rx_path_ack_due(&p, 0));
	a = ack(&p, 0);
	CU_ASSERT_EQUAL(a.largest, 7);
	CU_ASSERT_EQUAL(a.bitmap[0], 1);
	gw_rx_path_init(&p, ROOM);
	gw_rx_path_applied(&p, 0, 0, 1, 0);
	CU_ASSERT_FALSE(gw_rx_path_ack_due(&p, 0));
}

static void test_ack_numbers(void)
{
	struct gw_wire_ack_body a;
	struct gw_rx_path p;

	gw_rx_path_init(&p, ROOM);
	gw_rx_path_applied(&p, 0, 0, 1, 0);
	for (uint64_t n = 0; n < 5; n++)
		CU_ASSERT_EQUAL(gw_rx_path_ack(&p, 0, &a), n);
}

/* ACKs change their keys with the packets, never sooner; a number is never used twice. */
static void test_generations(void)
{
	const uint64_t first = UINT64_C(1) << GW_WIRE_GENERATION_SHIFT;
	struct gw_wire_ack_body a;
	struct gw_rx_path p;

	gw_rx_path_init(&p, ROOM);
	gw_rx_path_applied(&p, first - 1, 0, 1, 0);
	CU_ASSERT_EQUAL(gw_rx_path_ack(&p, 0, &a), 0);
	gw_rx_path_applied(&p, first, 0, 1, 0);
	CU_ASSERT_EQUAL(gw_rx_path_ack_psn(&p), first);
	CU_ASSERT_EQUAL(gw_rx_path_ack(&p, 0, &a), first);
	/* A late one of the generation before does not take it back. */
	gw_rx_path_applied(&p, first - 2, 0, 1, 0);
	CU_ASSERT_EQUAL(gw_rx_path_ack(&p, 0, &a), first + 1);
	/* After long silence, many generations on. */
	gw_rx_path_applied(&p, 77 * first + 5, 0, 1, 0);
	CU_ASSERT_EQUAL(gw_rx_path_ack(&p, 0, &a), 77 * first);
	/* No number is left: they wait for the next generation's. */
	p.next_psn = 78 * first - 1;
	gw_rx_path_applied(&p, 77 * first + 8, 0, 1, 0);
	CU_ASSERT_TRUE(gw_rx_path_ack_due(&p, 0));
	CU_ASSERT_EQUAL(gw_rx_path_ack(&p, 0, &a), 78 * first - 1);
	gw_rx_path_applied(&p, 77 * first + 11, 0, 1, 0);
	CU_ASSERT_FALSE(gw_rx_path_ack_due(&p, UINT64_MAX));
	gw_rx_path_applied(&p, 78 * first, 0, 1, 0);
	CU_ASSERT_TRUE(gw_rx_path_ack_due(&p, 0));
	CU_ASSERT_EQUAL(gw_rx_path_ack(&p, 0, &a), 78 * first);
}

/* Small probes draw, beside the ACK of each, no more than they bring. */
static void test_amplification(void)
{
	struct gw_wire_ack_body a;
	struct gw_rx_path p;
	uint32_t older = 0;

	gw_rx_path_init(&p, ROOM);
	gw_rx_path_applied(&p, 20000, 0, 78, 0);
	for (uint64_t n = 20001; n < 21001; n++) {
		gw_rx_path_applied(&p, n, 0, 78, 0);
		gw_rx_path_probed(&p);
		for (; gw_rx_path_ack_due(&p, 0); older += a.largest != p.largest)
			gw_rx_path_ack(&p, 0, &a);
	}
	CU_ASSERT(older * GW_RX_ACK_BYTES <= 1001 * 78);
	/* What pages bring pays for all of them. */
	gw_rx_path_applied(&p, 21001, 0, 8300, 0);
	gw_rx_path_applied(&p, 21002, 0, 78, 0);
	gw_rx_path_probed(&p);
	for (older = 0; gw_rx_path_ack_due(&p, 0); older += a.largest != p.largest)
		gw_rx_path_ack(&p, 0, &a);
	CU_ASSERT_EQUAL(older, GW_RX_BITS / GW_WIRE_ACK_BITS - 1);
}

/* Against a list of what was applied: every number in reach, verdict and ACK bit. */
#define MODEL 16384u

static unsigned int compare(struct gw_rx_path *p, const bool *applied, uint64_t base)
{
	struct gw_wire_ack_body a = ack(p, 0);
	unsigned int bad = a.largest != p->largest;
	uint64_t covered = 0, wanted;

	/* A probe brings the older bits too. */
	gw_rx_path_probed(p);
	wanted = p->look_back;
	bad += wanted != (p->largest / GW_WIRE_ACK_BITS < 7 ? p->largest / GW_WIRE_ACK_BITS : 7);
	/* As far as what came pays for them. */
	if (wanted > p->unanswered_bytes / GW_RX_ACK_BYTES)
		wanted = p->unanswered_bytes / GW_RX_ACK_BYTES;
	for (uint64_t i = 0; i < GW_RX_BITS; i++) {
		bool below_zero = p->largest < i;
		bool want = !below_zero && p->largest - i >= base && applied[p->largest - i - base];

		if (i < GW_WIRE_ACK_BITS)
			bad += ack_bit(&a, i) != want;
		if (!below_zero)
			bad += gw_rx_path_check(p, p->largest - i) !=
			       (want ? GW_RX_DUPLICATE : GW_RX_NEW);
	}
	while (gw_rx_path_ack_due(p, 0)) {
		a = ack(p, 0);
		bad += p->largest - a.largest >= GW_RX_BITS;
		bad += (p->largest - a.largest) % GW_WIRE_ACK_BITS != 0;
		covered += a.largest != p->largest;
		for (uint64_t i = 0; i < GW_WIRE_ACK_BITS; i++)
			bad += ack_bit(&a, i) != (a.largest >= i && a.largest - i >= base &&
							 applied[a.largest - i - base]);
	}
	bad += covered != wanted;
	p->look_back = 0;
	if (p->largest >= GW_RX_BITS)
		bad += gw_rx_path_check(p, p->largest - GW_RX_BITS) != GW_RX_OLD;
	return bad;
}

static void test_model(void)
{
	static bool applied[MODEL + 4096];
	struct random r = {random_seed("bitmap model")};

	for (unsigned int round = 0; round < 60; round++) {
		/* Also near the end of the numbers, where only the arithmetic differs. */
		uint64_t base = round % 3 == 0 ? 0 : random_next(&r) % (GW_WIRE_PSN_MAX - 65536);
		uint64_t at = 0, bytes = 0, counted = 0;
		unsigned int bad = 0;
		struct gw_rx_path p;

		gw_rx_path_init(&p, ROOM);
		memset(applied, 0, sizeof(applied));
		while (at < MODEL) {
			uint32_t back =
				random_chance(&r, 5) ? random_below(&r, 1400) : random_below(&r, 6);
			uint64_t n;

			at += random_chance(&r, 1) ? random_below(&r, 2000) : random_below(&r, 3);
			n = at > back ? at - back : at;
			if (gw_rx_path_check(&p, base + n) == GW_RX_NEW) {
				bad += applied[n];
				gw_rx_path_applied(&p, base + n, 0, 60 + back, 0);
				applied[n] = true;
				bytes += 60 + back;
				counted++;
				bad += p.unacked != counted;
			}
			if (random_chance(&r, 10) && p.any) {
				bad += compare(&p, applied, base);
				counted = 0;
				bad += ack(&p, 0).credit != bytes + ROOM;
			}
		}
		CU_ASSERT_EQUAL(bad, 0);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"verdicts", test_verdicts},
		{"window", test_window},
		{"when and what", test_ack_rules},
		{"first packet missing", test_first_gap},
		{"numbers of ACKs", test_ack_numbers},
		{"generations", test_generations},
		{"amplification", test_amplification},
		{"model", test_model},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"rx_path", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
