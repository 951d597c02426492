/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/path/pacer.h: the cap holds over time, within a burst, and for several senders. */
#include "../../dataplane/path/pacer.h"
#include "../../dataplane/port/ring.h"

#include "random.h"
#include "run.h"

/* Bytes that one sender gets through in ns, polling every poll_ns. */
static uint64_t run(
	struct gw_pacer *p, uint32_t bytes, uint64_t from_ns, uint64_t ns, uint64_t poll_ns)
{
	uint64_t sent = 0;

	for (uint64_t now = from_ns; now < from_ns + ns; now += poll_ns)
		while (gw_pacer_open(p, now)) {
			gw_pacer_spend(p, bytes, now);
			sent += bytes;
		}
	return sent;
}

static void test_rate(void)
{
	static const uint64_t rates[] = {1000000, 123456789, 1000000000, 10000000000, 17000000000,
		25000000000, 30000000000, 40000000000, 100000000000, 300000000000, 400000000000};
	static const uint32_t sizes[] = {88, 1442, 1542, 4196, 9066};

	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (unsigned int k = 0; k < 5; k++) {
			/* Long enough for 20,000 packets, polled ten times per packet. */
			double packet_ns = sizes[k] * 8e9 / (double)rates[i];
			uint64_t ns = (uint64_t)(packet_ns * 20000) + 1000000;
			uint64_t poll_ns = packet_ns > 10 ? (uint64_t)(packet_ns / 10) : 1;
			struct gw_pacer p;
			double want, got;

			/* Below 4 ns a packet the rounding shows: bare ACKs beyond 100 Gb/s. */
			if (packet_ns < 4)
				continue;
			gw_pacer_init(&p, rates[i]);
			/* The burst that idle time allows is not part of the rate. */
			run(&p, sizes[k], 5000000000, 1000000, poll_ns);
			want = (double)rates[i] * (double)ns / 8e9;
			got = (double)run(&p, sizes[k], 5001000000, ns, poll_ns);
			/* The edges are worth a packet. */
			if (got > want * 1.001 + sizes[k] || got < want * 0.999 - sizes[k]) {
				printf("\n    %llu bit/s, %u bytes: %.4f of the cap",
					(unsigned long long)rates[i], sizes[k], got / want);
				CU_FAIL("rate");
			}
		}
	}
}

static void test_burst(void)
{
	struct gw_pacer p;
	uint64_t depth = UINT64_C(10) * GW_PACER_DEPTH_NS / 8, sent; /* 10 Gb/s */

	gw_pacer_init(&p, 10000000000u);
	/* However long the sender was away, it may catch up one depth and a packet. */
	for (uint64_t t = 10000000000u; t < 40000000000u; t += 7000000000u) {
		sent = run(&p, 1500, t, 1, 1);
		CU_ASSERT(sent >= depth && sent <= depth + 2 * 1500);
		CU_ASSERT_FALSE(gw_pacer_open(&p, t));
	}
}

static void test_no_cap(void)
{
	struct gw_pacer p;

	gw_pacer_init(&p, 0);
	for (int i = 0; i < 1000; i++) {
		CU_ASSERT_TRUE(gw_pacer_open(&p, 0));
		gw_pacer_spend(&p, UINT32_MAX, 0);
	}
}

/* Two senders with other sizes and other polls: together within the cap, none shut out. */
static void test_shared(void)
{
	struct random r = {random_seed("two senders")};
	const uint64_t start = 3000000000u, ns = 200000000;
	uint64_t sent[2] = {0}, total;
	struct gw_pacer p;
	double want;

	gw_pacer_init(&p, 40000000000u);
	for (uint64_t now = start; now < start + ns; now += 1 + random_below(&r, 300)) {
		unsigned int who = random_below(&r, 2);
		uint32_t bytes = who == 0 ? 1542 : 9066;

		if (gw_pacer_open(&p, now)) {
			gw_pacer_spend(&p, bytes, now);
			sent[who] += bytes;
		}
	}
	total = sent[0] + sent[1];
	want = 40e9 * (double)ns / 8e9;
	CU_ASSERT((double)total < want * 1.001 + 5.0 * GW_PACER_DEPTH_NS + 9066);
	CU_ASSERT((double)total > want * 0.999);
	CU_ASSERT(sent[0] > total / 20 && sent[1] > total / 20);
}

/* A cap that is changed while packets go: up, down, off and on. */
static void test_set(void)
{
	static const uint64_t rates[] = {10000000000, 2000000000, 25000000000, 1000000000};
	uint64_t now = 5000000000;
	struct gw_pacer p;

	gw_pacer_init(&p, 0);
	CU_ASSERT(gw_pacer_open(&p, now));
	for (unsigned int i = 0; i < 4; i++) {
		double want, got;

		gw_pacer_set(&p, rates[i]);
		run(&p, 9066, now, 20000000, 700); /* what idle time allows is used up */
		now += 20000000;
		got = (double)run(&p, 9066, now, 100000000, 700);
		now += 100000000;
		want = (double)rates[i] / 80;
		CU_ASSERT_DOUBLE_EQUAL(got, want, want / 500 + 9066);
	}
	gw_pacer_set(&p, 0);
	CU_ASSERT(gw_pacer_open(&p, now));
}

/* dataplane/port/ring.h: about a millisecond of the cap, within what drivers can do with. */
static void test_ring(void)
{
	static const struct {
		uint64_t rate_bps;
		uint32_t mtu;
		uint16_t want;
	} is[] = {{0, 9000, 512}, {0, 1500, 512}, {1000000, 1500, 128}, {1000000000, 9000, 128},
		{10000000000, 9000, 256}, {10000000000, 1500, 512}, {25000000000, 9000, 512},
		{1000000000000, 9600, 512}};

	for (unsigned int i = 0; i < sizeof(is) / sizeof(is[0]); i++)
		CU_ASSERT_EQUAL(gw_ring_descriptors(is[i].rate_bps, is[i].mtu), is[i].want);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"rate", test_rate},
		{"burst", test_burst},
		{"no cap", test_no_cap},
		{"two senders", test_shared},
		{"set in flight", test_set},
		{"ring of a capped port", test_ring},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"pacer", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
