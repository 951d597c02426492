/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/path/rate.c: alone, and with both halves of a path over a modelled link. */
#include "../../dataplane/path/rate.c"

#include "link_model.h"
#include "run.h"

#define US 1000u
#define GBPS 1000000000ull
#define SECOND 1000000000ull

static struct link_model model;

static struct link_model *start(struct link_conf c)
{
	if (c.wire_bytes == 0)
		c.wire_bytes = 8266; /* two pages */
	if (c.flows == 0)
		c.flows = 1;
	link_create(&model, &c, 42);
	return &model;
}

static const struct gw_rate *rate_of(const struct link_model *m, uint32_t flow)
{
	return &m->flow[flow].tx.rate;
}

/* 10 Gb/s and 150 ms: the share of the payload rate once it is up, and how soon it is. */
static void far(uint64_t port_bps, uint32_t loss_ppm, uint32_t wire_bytes, double least)
{
	struct link_model *m = start((struct link_conf){.bottleneck_bps = 10 * GBPS,
		.delay_ns = 75 * MS,
		.loss_ppm = loss_ppm,
		.port_bps = port_bps,
		.wire_bytes = wire_bytes});
	double share;

	link_run(m, 3 * SECOND);
	share = link_share(m, 0, 4 * SECOND);
	printf("\n    10 Gb/s, 150 ms, port %s, loss %.2f %%, frames of %u: %.3f ",
		port_bps != 0 ? "capped" : "open", loss_ppm / 1e4, m->conf.wire_bytes, share);
	CU_ASSERT(share >= least);
	/* At most two bandwidth-delay products, and what the ACKs add. */
	CU_ASSERT(rate_of(m, 0)->window_bytes < 2.1 * 10e9 / 8 * 0.15);
	CU_ASSERT_EQUAL(m->flow[0].tx.fault[GW_TX_SPURIOUS], 0);
	CU_ASSERT_EQUAL(m->dropped, 0);
	link_destroy(m);
}

static void test_far(void)
{
	far(10 * GBPS, 0, 0, 0.97);
	far(10 * GBPS, 1000, 0, 0.97);
	far(10 * GBPS, 10000, 0, 0.95);
	far(10 * GBPS, 20000, 0, 0.94);
	far(0, 0, 0, 0.96);
	far(0, 1000, 0, 0.96);
	far(0, 10000, 0, 0.94);
	far(0, 20000, 0, 0.92);
}

/* The same at MTU 1500: 260,000 packets outstanding, so the books must have grown. */
static void test_books(void)
{
	far(10 * GBPS, 1000, 1450, 0.97);
	CU_ASSERT(model.flow[0].grown >= 3);
}

static void test_fast(void)
{
	for (unsigned int capped = 0; capped < 2; capped++) {
		struct link_model *m = start((struct link_conf){.bottleneck_bps = 100 * GBPS,
			.delay_ns = 5 * MS,
			.port_bps = capped ? 100 * GBPS : 0});
		double share;

		link_run(m, SECOND / 2);
		share = link_share(m, 0, SECOND / 2);
		printf("\n    100 Gb/s, 10 ms: %.3f ", share);
		CU_ASSERT(share >= 0.97);
		link_destroy(m);
	}
}

/* A bottleneck in the network whose queue holds 1 or 0.1 bandwidth-delay products: it is kept busy
 * and does not overflow all the time. */
static void test_queue(void)
{
	const uint64_t bdp = 12500000; /* 10 Gb/s, 10 ms */

	for (unsigned int shallow = 0; shallow < 2; shallow++) {
		struct link_model *m = start((struct link_conf){.bottleneck_bps = 10 * GBPS,
			.delay_ns = 5 * MS,
			.buffer_bytes = shallow ? bdp / 10 : bdp});
		uint64_t dropped, sent;
		double share, drops;

		link_run(m, SECOND);
		dropped = m->dropped;
		sent = m->sent;
		m->queue_max_ns = 0;
		share = link_share(m, 0, 3 * SECOND);
		drops = (double)(m->dropped - dropped) / (double)(m->sent - sent);
		printf("\n    queue of %s BDP: %.3f, %.2f %% dropped, at most %.1f ms ",
			shallow ? "0.1" : "1", share, 100 * drops, (double)m->queue_max_ns / 1e6);
		CU_ASSERT(share >= 0.95);
		CU_ASSERT(drops < (shallow ? 0.03 : 0.0001));
		/* The target is 2.5 ms; a probe of a quarter more goes over it for two rounds. */
		CU_ASSERT(m->queue_max_ns < 9 * MS);
		link_destroy(m);
	}
}

/* A queue that marks: the paths keep near the mark instead of filling it, and share. */
static void test_ecn(void)
{
	for (uint32_t flows = 1; flows <= 2; flows++) {
		struct link_model *m = start((struct link_conf){.bottleneck_bps = 10 * GBPS,
			.delay_ns = 5 * MS,
			.buffer_bytes = 12500000,
			.mark_bytes = 500000,
			.flows = flows});
		uint64_t dropped;
		double share;

		link_run(m, 3 * SECOND);
		m->queue_max_ns = 0;
		dropped = m->dropped;
		share = link_share(m, UINT32_MAX, 3 * SECOND);
		printf("\n    %u paths, marks above 0.4 ms: %.3f, queue at most %.1f ms ", flows,
			share, (double)m->queue_max_ns / 1e6);
		CU_ASSERT(share > 0.9);
		CU_ASSERT_EQUAL(m->dropped, dropped);
		CU_ASSERT(m->flow[0].tx.ecn_ce > 100);
		link_destroy(m);
	}
}

/* Two paths, one of them a second late, come together: the smaller has 80 % of the larger. */
static void fair(
	uint64_t bps, uint64_t delay_ns, uint64_t buffer_bytes, uint64_t settle_s, uint64_t over_s)
{
	struct link_model *m = start((struct link_conf){.bottleneck_bps = bps,
		.delay_ns = delay_ns,
		.buffer_bytes = buffer_bytes,
		.flows = 2});
	uint64_t before[2];
	double a, b, share;

	m->flow[1].stopped = true;
	link_run(m, SECOND);
	m->flow[1].stopped = false;
	link_run(m, settle_s * SECOND);
	for (uint32_t i = 0; i < 2; i++)
		before[i] = m->flow[i].acked_bytes;
	share = link_share(m, UINT32_MAX, over_s * SECOND);
	a = (double)(m->flow[0].acked_bytes - before[0]);
	b = (double)(m->flow[1].acked_bytes - before[1]);
	printf("\n    two paths, %llu Gb/s, %.1f ms: %.2f to %.2f, together %.3f ",
		(unsigned long long)(bps / GBPS), 2 * (double)delay_ns / 1e6, a / (a + b),
		b / (a + b), share);
	CU_ASSERT(a / b < 1.25 && b / a < 1.25);
	CU_ASSERT(share > 0.93);
	link_destroy(m);
}

static void test_fair(void)
{
	fair(10 * GBPS, 5 * MS, 12500000, 15, 10);
	fair(10 * GBPS, 5 * MS, 50000000, 15, 10);
	fair(10 * GBPS, 75 * MS, 187500000, 45, 30);
	fair(10 * GBPS, 50 * US, 1250000, 5, 10);
	fair(1 * GBPS, 50 * US, 1000000, 10, 40);
}

/* A link within the machine: 80 Gb/s, microseconds, a receiver that is away for 4 of 10 ms. The
 * model never holds it back. */
static void test_stall(void)
{
	struct link_model *m = start((struct link_conf){.bottleneck_bps = 80 * GBPS,
		.delay_ns = 3 * US,
		.buffer_bytes = 64u << 20,
		.tick_ns = 5 * US});
	double share;

	link_run(m, SECOND / 10);
	share = link_share(m, 0, SECOND / 10);
	CU_ASSERT(share > 0.98);
	for (unsigned int i = 0; i < 200; i++) {
		m->flow[0].receiver_away = true;
		link_run(m, 4 * MS);
		m->flow[0].receiver_away = false;
		share = link_share(m, 0, 6 * MS);
		if (rate_of(m, 0)->window_bytes < GW_RATE_FLOOR_BYTES ||
			rate_of(m, 0)->per_byte != 0 || share < 0.98) {
			CU_FAIL("held back after a stall");
			break;
		}
	}
	CU_ASSERT_EQUAL(m->flow[0].lost, 0);
	CU_ASSERT_EQUAL(m->flow[0].dead_ns, 0);
	link_destroy(m);
}

/* A stall of 4 ms on a longer link does not take the estimate away. */
static void test_stall_far(void)
{
	struct link_model *m =
		start((struct link_conf){.bottleneck_bps = 10 * GBPS, .delay_ns = 5 * MS});
	double bw, share;

	link_run(m, SECOND);
	bw = gw_rate_bw(rate_of(m, 0));
	for (unsigned int i = 0; i < 10; i++) {
		m->flow[0].receiver_away = true;
		link_run(m, 4 * MS);
		m->flow[0].receiver_away = false;
		link_run(m, 100 * MS);
		CU_ASSERT(gw_rate_bw(rate_of(m, 0)) > 0.95 * bw);
	}
	share = link_share(m, 0, SECOND);
	CU_ASSERT(share > 0.95);
	link_destroy(m);
}

/* A path that sends little, now and then, keeps what it learnt. */
static void test_app_limited(void)
{
	struct link_model *m =
		start((struct link_conf){.bottleneck_bps = 10 * GBPS, .delay_ns = 5 * MS});
	double bw;

	link_run(m, SECOND);
	bw = gw_rate_bw(rate_of(m, 0));
	CU_ASSERT(bw > 0.95 * 1.24e9);
	for (unsigned int i = 0; i < 1000; i++) {
		m->flow[0].stopped = true;
		link_run(m, 30 * MS);
		m->flow[0].stopped = false;
		link_run(m, MS / 2);
	}
	CU_ASSERT(gw_rate_bw(rate_of(m, 0)) > 0.9 * bw);
	m->flow[0].stopped = false;
	link_run(m, 20 * MS);
	CU_ASSERT(link_share(m, 0, SECOND / 10) > 0.85);
	link_destroy(m);
}

/* The way gets longer: the old smallest RTT is not believed for ever; and shorter. */
static void test_min_rtt(void)
{
	struct link_model *m =
		start((struct link_conf){.bottleneck_bps = 10 * GBPS, .delay_ns = 5 * MS});

	link_run(m, SECOND);
	CU_ASSERT(gw_rate_min_rtt_ns(rate_of(m, 0)) < 10100 * US);
	m->conf.delay_ns = 15 * MS;
	link_run(m, 25 * SECOND);
	CU_ASSERT(gw_rate_min_rtt_ns(rate_of(m, 0)) >= 30 * MS);
	CU_ASSERT(gw_rate_min_rtt_ns(rate_of(m, 0)) < 33 * MS);
	CU_ASSERT(link_share(m, 0, SECOND) > 0.95);
	m->conf.delay_ns = 2 * MS;
	link_run(m, SECOND);
	CU_ASSERT(gw_rate_min_rtt_ns(rate_of(m, 0)) < 4200 * US);
	link_destroy(m);
}

/* The bottleneck gets slower, then faster: the model follows. */
static void test_change(void)
{
	struct link_model *m = start((struct link_conf){
		.bottleneck_bps = 10 * GBPS, .delay_ns = 5 * MS, .buffer_bytes = 12500000});

	link_run(m, SECOND);
	m->conf.bottleneck_bps = 2 * GBPS;
	link_run(m, 2 * SECOND);
	CU_ASSERT(link_share(m, 0, SECOND) > 0.9);
	m->queue_max_ns = 0;
	link_run(m, SECOND);
	CU_ASSERT(m->queue_max_ns < 15 * MS);
	m->conf.bottleneck_bps = 10 * GBPS;
	link_run(m, 2 * SECOND);
	CU_ASSERT(link_share(m, 0, SECOND) > 0.9);
	link_destroy(m);
}

/* A port at 10 Gb/s is cut: within 100 ms, 60 where the round trip is short, all that it held is
 * free for the other port. */
static void test_cut(void)
{
	const uint64_t delays[] = {5 * US, 100 * US, MS, 5 * MS};

	for (unsigned int i = 0; i < 4; i++) {
		struct link_model *m = start((struct link_conf){
			.bottleneck_bps = 10 * GBPS, .delay_ns = delays[i], .port_bps = 10 * GBPS});
		const struct link_flow *f = &m->flow[0];
		uint64_t cut_ns, lost;

		link_run(m, SECOND / 2);
		cut_ns = m->now_ns;
		lost = f->lost;
		m->cut = true;
		CU_ASSERT(f->tx.inflight_packets > 0);
		link_run(m, 100 * MS);
		CU_ASSERT(f->dead_ns != 0 && f->dead_ns - cut_ns < (i < 3 ? 60 : 95) * MS);
		CU_ASSERT_EQUAL(f->tx.inflight_packets, 0);
		CU_ASSERT(f->lost > lost);
		link_destroy(m);
	}
}

/* A path that dies and comes back is as fast as before, however long it was away and however slow
 * it last was. */
static void test_return(void)
{
	const uint64_t away[] = {MS, 200 * MS, 5 * SECOND};

	for (unsigned int i = 0; i < 3; i++) {
		struct link_model *m = start((struct link_conf){
			.bottleneck_bps = 10 * GBPS, .delay_ns = 100 * US, .wire_bytes = 1450});

		link_run(m, SECOND / 10);
		m->conf.bottleneck_bps = 10000000;
		m->conf.loss_ppm = 200000;
		m->conf.buffer_bytes = 100000;
		link_run(m, SECOND);
		m->cut = true;
		link_run(m, SECOND + away[i]);
		CU_ASSERT(m->flow[0].dead_ns != 0);
		m->cut = false;
		m->conf.bottleneck_bps = 10 * GBPS;
		m->conf.buffer_bytes = 1250000;
		m->conf.loss_ppm = 0;
		m->free_ns = m->now_ns;
		m->flow[0].dead_ns = 0;
		link_run(m, SECOND / 10);
		CU_ASSERT(link_share(m, 0, SECOND / 10) > 0.9);
		link_destroy(m);
	}
}

/* The loss ends, the path does not die: back to full speed within two seconds. */
static void test_recover(void)
{
	struct link_model *m = start((struct link_conf){
		.bottleneck_bps = 10 * GBPS, .delay_ns = 50 * US, .wire_bytes = 1450});

	link_run(m, SECOND / 10);
	m->conf.loss_ppm = 300000;
	link_run(m, 5 * SECOND);
	CU_ASSERT_EQUAL(m->flow[0].dead_ns, 0);
	m->conf.loss_ppm = 0;
	link_run(m, 2 * SECOND);
	CU_ASSERT(link_share(m, 0, SECOND / 10) > 0.9);
	link_destroy(m);
}

/* A capped port, so that no window ever refused a packet, into a slower link with hardly a queue.
 */
static void test_narrow(void)
{
	struct link_model *m = start((struct link_conf){.bottleneck_bps = 800000000,
		.delay_ns = 400 * US,
		.buffer_bytes = 41000,
		.port_bps = 2100000000,
		.wire_bytes = 1450});
	uint64_t dropped, sent;

	link_run(m, SECOND);
	dropped = m->dropped;
	sent = m->sent;
	CU_ASSERT(link_share(m, 0, 2 * SECOND) > 0.9);
	CU_ASSERT((double)(m->dropped - dropped) / (double)(m->sent - sent) < 0.1);
	link_destroy(m);
}

/* Pacing: at the rate that it says, and after a pause at most `depth` behind. */
static void test_pacing(void)
{
	struct gw_rate r;
	uint64_t now_ns = SECOND, bytes = 0;

	gw_rate_init(&r, 0);
	CU_ASSERT_EQUAL(r.per_byte, 0);
	CU_ASSERT_TRUE(gw_rate_open(&r, GW_RATE_FLOOR_BYTES - 1, now_ns));
	CU_ASSERT_FALSE(r.held);
	CU_ASSERT_FALSE(gw_rate_open(&r, GW_RATE_FLOOR_BYTES, now_ns));
	CU_ASSERT_TRUE(r.held);
	/* 1 GB/s: a byte per ns. */
	r.per_byte = UINT64_C(1) << (GW_RATE_TIME_SHIFT + GW_RATE_COST_SHIFT);
	r.depth = (uint64_t)MS << GW_RATE_TIME_SHIFT;
	for (; now_ns < 2 * SECOND; now_ns += 500)
		while (gw_rate_open(&r, 0, now_ns)) {
			gw_rate_spend(&r, 1450, now_ns);
			bytes += 1450;
		}
	CU_ASSERT(bytes > 1000 * MS && bytes < 1002 * MS);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"far and lossy", test_far},
		{"books grow", test_books},
		{"fast", test_fast},
		{"queue", test_queue},
		{"marks", test_ecn},
		{"fair", test_fair},
		{"stalls within a machine", test_stall},
		{"stalls far away", test_stall_far},
		{"little to send", test_app_limited},
		{"smallest RTT", test_min_rtt},
		{"bottleneck changes", test_change},
		{"cut", test_cut},
		{"narrow", test_narrow},
		{"returns", test_return},
		{"recovers", test_recover},
		{"pacing", test_pacing},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"rate", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
