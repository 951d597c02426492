/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/path/tx_path.c: books, losses, timeouts, credit. Time is made up. */
#include "../../dataplane/path/tx_path.c"
#include "../../dataplane/path/rx_path.h"

#include "random.h"
#include "run.h"

#define US 1000u
#define MS 1000000u
#define PACKET 1500u

struct settled {
	unsigned int acked, lost;
	uint32_t last_page;
};

static void note(void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost)
{
	struct settled *s = ctx;

	(void)p;
	s->acked += !lost;
	s->lost += lost;
	s->last_page = r->page;
}

/* As a worker does: what carries no pages of a source is nobody's. */
static void note_pages(
	void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost)
{
	if (r->kind != GW_TX_COPY && r->source != GW_TX_NO_SOURCE)
		note(ctx, p, r, lost);
}

static void setup(struct gw_tx_path *p)
{
	if (gw_tx_path_init(p, 0, UINT64_MAX) != 0)
		abort();
}

static uint64_t send(struct gw_tx_path *p, uint32_t page, uint64_t now_ns)
{
	struct gw_tx_record r = {.sent_ns = now_ns,
		.page = page,
		.count = 1,
		.wire_bytes = PACKET,
		.kind = GW_TX_PAGES};

	return gw_tx_path_sent(p, &r);
}

static void send_many(struct gw_tx_path *p, unsigned int n, uint64_t now_ns)
{
	for (unsigned int i = 0; i < n; i++)
		send(p, i, now_ns);
}

static uint64_t ack_psn;

/* An ACK with bit i of `bits` for largest - i, sent at once by a receiver rtt_ns away. */
static struct gw_wire_packet make_ack(uint64_t largest, uint64_t bits, uint64_t echo_ns)
{
	struct gw_wire_packet a = {.type = GW_WIRE_ACK, .psn = ack_psn++};

	a.ack.largest = largest;
	a.ack.bitmap[0] = bits;
	a.ack.echo = (uint32_t)(echo_ns >> GW_WIRE_TS_SHIFT);
	return a;
}

/* Acknowledges one packet and makes the smoothed RTT known. */
static void learn_rtt(struct gw_tx_path *p, uint64_t sent_ns, uint64_t rtt_ns, struct settled *s)
{
	struct gw_wire_packet a = make_ack(send(p, 0, sent_ns), 1, sent_ns);

	CU_ASSERT_TRUE(gw_tx_path_acked(p, &a, sent_ns + rtt_ns, note, s));
}

static void test_acked(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	setup(&p);
	send_many(&p, 5, MS);
	CU_ASSERT_EQUAL(p.inflight_packets, 5);
	CU_ASSERT_EQUAL(p.inflight_bytes, 5 * PACKET);
	a = make_ack(2, 7, MS);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(s.acked, 3);
	CU_ASSERT_EQUAL(p.una, 3);
	CU_ASSERT_EQUAL(p.inflight_bytes, 2 * PACKET);
	CU_ASSERT_EQUAL(p.acked_bytes, 3 * (PACKET + GW_WIRE_L1_BYTES));
	/* The same again is refused, and what it says in another ACK settles nothing. */
	CU_ASSERT_FALSE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_REPEAT], 1);
	a.psn = ack_psn++;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(s.acked, 3);
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 0);
	a = make_ack(4, 3, MS);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	/* An older one is harmless. */
	a = make_ack(3, 15, MS);
	a.psn = p.ack_largest - 1;
	p.ack_seen = 1;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_OLD], 1);
	CU_ASSERT_EQUAL(s.acked, 5);
	CU_ASSERT_EQUAL(s.lost, 0);
	CU_ASSERT_EQUAL(p.inflight_packets, 0);
	CU_ASSERT_EQUAL(p.inflight_bytes, 0);
	gw_tx_path_release(&p);
}

static void test_never_sent(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	setup(&p);
	a = make_ack(0, 1, 0);
	CU_ASSERT_FALSE(gw_tx_path_acked(&p, &a, MS, note, &s));
	send_many(&p, 3, MS);
	a = make_ack(3, 2, MS);
	a.ack.credit = UINT64_MAX;
	p.credit = 5;
	CU_ASSERT_FALSE(gw_tx_path_acked(&p, &a, MS, note, &s));
	a = make_ack(GW_WIRE_PSN_MAX, 1, MS);
	CU_ASSERT_FALSE(gw_tx_path_acked(&p, &a, MS, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_UNSENT], 3);
	CU_ASSERT_EQUAL(s.acked + s.lost, 0);
	CU_ASSERT_EQUAL(p.inflight_packets, 3);
	CU_ASSERT_EQUAL(p.credit, 5);
	gw_tx_path_release(&p);
}

/* A packet is lost when `reorder` later ones came and it is older than an RTT and a quarter. */
static void test_reorder_loss(void)
{
	const uint64_t t = 10 * MS, rtt_ns = 400 * US;
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;
	uint64_t first;

	setup(&p);
	learn_rtt(&p, t - 2 * MS, rtt_ns, &s);
	first = send(&p, 77, t);
	send_many(&p, 3, t);
	/* Two came: too few, however old (below a timeout). */
	a = make_ack(first + 2, 3, t);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t + 2 * MS, note, &s));
	CU_ASSERT_EQUAL(s.lost, 0);
	gw_tx_path_release(&p);

	s = (struct settled){0};
	setup(&p);
	learn_rtt(&p, t - 2 * MS, rtt_ns, &s);
	first = send(&p, 77, t);
	send_many(&p, 3, t);
	/* Three came, but it is too young. */
	a = make_ack(first + 3, 7, t);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t + rtt_ns, note, &s));
	CU_ASSERT_EQUAL(s.lost, 0);
	CU_ASSERT_EQUAL(p.una, first);
	/* Time alone makes it old enough; the timer sees it. */
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + rtt_ns + 50 * US, note, &s), GW_TX_NOTHING);
	CU_ASSERT_EQUAL(s.lost, 0);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 2 * rtt_ns, note, &s), GW_TX_NOTHING);
	CU_ASSERT_EQUAL(s.lost, 1);
	CU_ASSERT_EQUAL(s.last_page, 77);
	CU_ASSERT_EQUAL(p.lost_packets, 1);
	CU_ASSERT_EQUAL(p.inflight_packets, 0);
	CU_ASSERT_EQUAL(p.una, p.next_psn);
	gw_tx_path_release(&p);
}

/* `behind` more packets are on their way when the late one comes. */
static void spurious(unsigned int behind, bool settled_before)
{
	const uint64_t t = 10 * MS, rtt_ns = 400 * US;
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;
	uint64_t late, at, spent;

	setup(&p);
	learn_rtt(&p, t - 2 * MS, rtt_ns, &s);
	late = send(&p, 77, t);
	send_many(&p, 3, t);
	a = make_ack(late + 3, 7, t);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t + 2 * rtt_ns, note, &s));
	CU_ASSERT_EQUAL(s.lost, 1);
	CU_ASSERT_EQUAL(p.reorder, GW_TX_REORDER_MIN);
	spent = p.spent_bytes;
	if (!settled_before)
		send_many(&p, 1, t + 2 * rtt_ns);
	at = late + 3;
	for (unsigned int i = 0; i < behind; i++)
		at = send(&p, i, t + 2 * rtt_ns);
	a = make_ack(at, 0, t + 2 * rtt_ns);
	for (uint64_t n = late; n <= at; n++)
		if (settled_before || n != late + 4)
			a.ack.bitmap[(at - n) / 64] |= UINT64_C(1) << ((at - n) % 64);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t + 3 * rtt_ns, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 1);
	CU_ASSERT_EQUAL(p.reorder, 2 * GW_TX_REORDER_MIN);
	/* It was received: the receiver's absolute credit counts it, so the sender does too. */
	CU_ASSERT_EQUAL(
		p.spent_bytes, spent + PACKET + (uint64_t)(behind + !settled_before) * PACKET);
	/* It was settled as lost and is not settled again; the ACK that repeats it counts once. */
	CU_ASSERT_EQUAL(s.lost, 1);
	CU_ASSERT_EQUAL(s.acked, 1 + 3 + behind);
	a.psn = ack_psn++;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t + 3 * rtt_ns, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 1);
	gw_tx_path_release(&p);
}

static void test_spurious(void)
{
	spurious(0, true);
	spurious(10, true);
	spurious(10, false);
	spurious(60, true);
	spurious(200, true);
	spurious(200, false);
	spurious(1000, true);
}

static uint64_t send_probe(struct gw_tx_path *p, uint64_t now_ns)
{
	struct gw_tx_record r = {.sent_ns = now_ns, .wire_bytes = 62, .kind = GW_TX_PROBE};

	return gw_tx_path_sent(p, &r);
}

/* Hostile ACKs: each kind is counted by its name and changes nothing that it should not. */
static void test_hostile(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	setup(&p);
	p.credit = 10 * PACKET;
	send_many(&p, 200, MS);
	a = make_ack(9, 0x3ff, MS);
	a.ack.credit = 20 * PACKET;
	a.ack.ecn_ce = 3;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_FALSE(p.fault_news);
	/* Each of the last 64 is known when it comes again. */
	for (unsigned int i = 0; i < 40; i++) {
		struct gw_wire_packet b = make_ack(9, 0x3ff, MS);

		b.ack.credit = 20 * PACKET;
		b.ack.ecn_ce = 3;
		CU_ASSERT_TRUE(gw_tx_path_acked(&p, &b, 2 * MS, note, &s));
		CU_ASSERT_FALSE(gw_tx_path_acked(&p, &b, 2 * MS, note, &s));
		CU_ASSERT_FALSE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	}
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_REPEAT], 80);
	CU_ASSERT_TRUE(p.fault_news);
	a = make_ack(10, 1, MS);
	a.ack.credit = 5 * PACKET;
	a.ack.ecn_ce = 3;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_CREDIT_BACK], 1);
	CU_ASSERT_EQUAL(p.credit, 20 * PACKET);
	a = make_ack(11, 1, MS);
	a.ack.credit = 20 * PACKET;
	a.ack.ecn_ce = 2;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_ECN_BACK], 1);
	CU_ASSERT_EQUAL(p.ecn_ce, 3);
	/* Overtaken: that its credit is smaller is no wonder. */
	a = make_ack(12, 1, MS);
	a.psn = p.ack_largest + 2;
	a.ack.credit = 20 * PACKET;
	a.ack.ecn_ce = 3;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	a.psn--;
	a.ack.credit = 0;
	a.ack.ecn_ce = 0;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_OLD], 1);
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_CREDIT_BACK], 1);
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_ECN_BACK], 1);
	/* Never sent, and nothing of it counts. */
	a = make_ack(200, 3, MS);
	a.ack.credit = UINT64_MAX;
	CU_ASSERT_FALSE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_UNSENT], 1);
	CU_ASSERT_EQUAL(p.credit, 20 * PACKET);
	CU_ASSERT_EQUAL(s.acked, 13);
	CU_ASSERT_EQUAL(s.lost, 0);
	CU_ASSERT_EQUAL(p.inflight_packets, 187);
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 0);
	gw_tx_path_release(&p);
}

/* More CE marks than packets are no more than packets. */
static void test_ce(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	setup(&p);
	send_many(&p, 20, MS);
	a = make_ack(9, 0x3ff, MS);
	a.ack.ecn_ce = 1000000;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, 2 * MS, note, &s));
	CU_ASSERT_EQUAL(p.ecn_ce, 1000000);
	CU_ASSERT(p.rate.round_ce <= 10);
	CU_ASSERT_EQUAL(p.fault[GW_TX_ACK_ECN_BACK], 0);
	gw_tx_path_release(&p);
}

/* The thresholds grow by spurious losses and shrink when there were none for a while. */
static void test_relax(void)
{
	const uint64_t rtt_ns = 400 * US;
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;
	uint64_t t = 1000 * (uint64_t)MS;

	setup(&p);
	learn_rtt(&p, t, rtt_ns, &s);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t late;

		t += 100 * MS;
		late = send(&p, 1, t);
		send_many(&p, 100, t);
		a = make_ack(late + 100, UINT64_MAX, t);
		a.ack.bitmap[1] = 0xfffffffff;
		gw_tx_path_acked(&p, &a, t + rtt_ns, note, &s);
		gw_tx_path_timer(&p, t + 10 * rtt_ns, note, &s);
		a.ack.bitmap[1] |= UINT64_C(1) << 36;
		a.psn = ack_psn++;
		gw_tx_path_acked(&p, &a, t + 11 * rtt_ns, note, &s);
	}
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 3);
	CU_ASSERT_EQUAL(p.reorder, 8 * GW_TX_REORDER_MIN);
	CU_ASSERT_EQUAL(p.reorder_time, 4);
	for (unsigned int i = 0; i < 100; i++) {
		t += 100 * MS;
		learn_rtt(&p, t, rtt_ns, &s);
		if (i == 8) {
			CU_ASSERT_EQUAL(p.reorder, 8 * GW_TX_REORDER_MIN);
		} else if (i == 12) {
			CU_ASSERT_EQUAL(p.reorder, 4 * GW_TX_REORDER_MIN);
			CU_ASSERT_EQUAL(p.reorder_time, 3);
		}
	}
	CU_ASSERT_EQUAL(p.reorder, GW_TX_REORDER_MIN);
	CU_ASSERT_EQUAL(p.reorder_time, 1);
	gw_tx_path_release(&p);
}

/* 3000 packets arrived and all their ACKs were lost: nothing is declared lost, a probe asks, and
 * the receiver's older bits settle them. */
static void test_lost_acks(void)
{
	const uint64_t rtt_ns = 10 * MS;
	struct settled s = {0};
	struct gw_wire_ack_body b;
	struct gw_wire_packet a;
	struct gw_rx_path rx;
	struct gw_tx_path p;
	uint64_t t = 100 * MS;

	setup(&p);
	gw_rx_path_init(&rx, UINT32_MAX);
	p.rate.window_bytes = UINT64_MAX;
	for (unsigned int i = 0; i < 3000; i++) {
		uint64_t psn = send(&p, i, t + i * US);

		if (i != 700) /* this one is really lost */
			gw_rx_path_applied(&rx, psn, (uint32_t)((t + i * US) >> GW_WIRE_TS_SHIFT),
				PACKET, t + i * US + rtt_ns / 2);
	}
	t += 3 * MS + rtt_ns;
	a = make_ack(0, 0, 0);
	a.psn = gw_rx_path_ack(&rx, t - rtt_ns / 2, &b);
	a.ack.largest = b.largest;
	a.ack.credit = b.credit;
	a.ack.echo = b.echo;
	a.ack.hold = b.hold;
	memcpy(a.ack.bitmap, b.bitmap, sizeof(b.bitmap));
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t, note, &s));
	CU_ASSERT_EQUAL(s.acked, 1024);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + MS, note, &s), GW_TX_SEND_PROBE);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 6 * MS, note, &s), GW_TX_NOTHING);
	CU_ASSERT_EQUAL(s.lost, 0);
	t += rtt_ns;
	gw_rx_path_applied(&rx, send_probe(&p, t - rtt_ns), 0, 62, t - rtt_ns / 2);
	gw_rx_path_probed(&rx);
	while (gw_rx_path_ack_due(&rx, t)) {
		a.psn = gw_rx_path_ack(&rx, t, &b);
		a.ack.largest = b.largest;
		a.ack.credit = b.credit;
		memcpy(a.ack.bitmap, b.bitmap, sizeof(b.bitmap));
		CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t, note, &s));
	}
	CU_ASSERT_EQUAL(s.acked, 2999);
	CU_ASSERT_EQUAL(s.lost, 0);
	/* The one that is missing is found by the timeout. */
	gw_tx_path_timer(&p, t + 100 * MS, note, &s);
	CU_ASSERT_EQUAL(s.lost, 1);
	CU_ASSERT_EQUAL(s.last_page, 700);
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 0);
	gw_tx_path_release(&p);
}

/* The threshold ends at its limit. */
static void test_reorder_max(void)
{
	const uint64_t rtt_ns = 400 * US;
	struct settled s = {0};
	struct gw_tx_path p;
	uint64_t t = 10 * MS;

	setup(&p);
	learn_rtt(&p, t, rtt_ns, &s);
	for (unsigned int i = 0; i < 12; i++) {
		struct gw_wire_packet a;
		uint64_t last;

		t += 100 * MS;
		send_many(&p, 1, t);
		send_many(&p, 600, t);
		last = p.next_psn - 1;
		a = make_ack(last, 0, t);
		memset(a.ack.bitmap, 0xff, 600 / 8);
		gw_tx_path_acked(&p, &a, t + rtt_ns, note, &s);
		gw_tx_path_timer(&p, t + 5 * rtt_ns, note, &s);
		a.ack.bitmap[600 / 64] |= UINT64_C(1) << (600 % 64);
		a.psn = ack_psn++;
		gw_tx_path_acked(&p, &a, t + 5 * rtt_ns, note, &s);
	}
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 8);
	CU_ASSERT(p.reorder >= GW_TX_REORDER_MAX);
	CU_ASSERT(p.reorder < 2 * GW_TX_REORDER_MAX);
	gw_tx_path_release(&p);
}

/* The tail: nothing overtakes it, so a probe does. */
static void test_tail(void)
{
	const uint64_t t = 100 * MS;
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;
	uint64_t pto_ns, probe;

	setup(&p);
	learn_rtt(&p, t - MS, 200 * US, &s);
	send(&p, 42, t);
	pto_ns = gw_tx_path_pto_ns(&p);
	CU_ASSERT_EQUAL(pto_ns, GW_TX_PTO_MIN_NS);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + pto_ns, note, &s), GW_TX_NOTHING);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + pto_ns + 1, note, &s), GW_TX_SEND_PROBE);
	CU_ASSERT_EQUAL(gw_tx_path_pto_ns(&p), 2 * pto_ns);
	probe = send_probe(&p, t + pto_ns + 1);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + pto_ns + 2, note, &s), GW_TX_NOTHING);
	a = make_ack(probe, 1, t + pto_ns + 1);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, t + pto_ns + 200 * US, note, &s));
	CU_ASSERT_EQUAL(s.acked, 1); /* a probe carries no page: it is not settled */
	CU_ASSERT_EQUAL(s.lost, 1);
	CU_ASSERT_EQUAL(s.last_page, 42);
	CU_ASSERT_EQUAL(p.inflight_packets, 0);
	CU_ASSERT_EQUAL(p.inflight_bytes, 0);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 1000 * MS, note, &s), GW_TX_NOTHING);
	gw_tx_path_release(&p);
}

/* Silence until death: when, and after how many probes. Polled every `poll_ns`. */
static uint64_t die(struct gw_tx_path *p, uint64_t t, uint64_t poll_ns, unsigned int *probes)
{
	struct settled s = {0};

	*probes = 0;
	for (uint64_t now = t; now < t + 100000 * (uint64_t)MS; now += poll_ns) {
		switch (gw_tx_path_timer(p, now, note, &s)) {
		case GW_TX_SEND_PROBE:
			send_probe(p, now);
			++*probes;
			break;
		case GW_TX_DEAD:
			return now - t;
		default:
			break;
		}
	}
	return 0;
}

static void test_dead(void)
{
	const uint64_t t = 10000 * (uint64_t)MS;
	struct settled s = {0};
	struct gw_tx_path p;
	unsigned int probes;
	uint64_t after_ns;

	setup(&p);
	learn_rtt(&p, t - MS, 200 * US, &s);
	send(&p, 1, t);
	after_ns = die(&p, t, 100 * US, &probes);
	CU_ASSERT(after_ns > 50 * MS && after_ns < 51 * MS);
	CU_ASSERT_EQUAL(probes, 3);
	gw_tx_path_release(&p);

	/* 150 ms away: three timeouts of 300.1 ms. */
	setup(&p);
	learn_rtt(&p, t - 200 * MS, 150 * MS, &s);
	send(&p, 1, t);
	after_ns = die(&p, t, 100 * US, &probes);
	CU_ASSERT(after_ns > 900 * MS && after_ns < 902 * MS);
	CU_ASSERT(probes >= 2);
	gw_tx_path_release(&p);

	/* A poll core that was away for a second: probes go out before it says dead. */
	setup(&p);
	learn_rtt(&p, t - MS, 200 * US, &s);
	send(&p, 1, t);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 1000 * MS, note, &s), GW_TX_SEND_PROBE);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 1000 * MS + 1, note, &s), GW_TX_NOTHING);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 1011 * MS, note, &s), GW_TX_SEND_PROBE);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 1012 * MS, note, &s), GW_TX_DEAD);
	gw_tx_path_release(&p);

	/* An idle path does not die, and its idle time does not count. */
	setup(&p);
	learn_rtt(&p, t - MS, 200 * US, &s);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 5000 * (uint64_t)MS, note, &s), GW_TX_NOTHING);
	send(&p, 1, t + 5000 * (uint64_t)MS);
	CU_ASSERT_EQUAL(gw_tx_path_timer(&p, t + 5000 * (uint64_t)MS + 1, note, &s), GW_TX_NOTHING);
	gw_tx_path_release(&p);
}

static void test_fail(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	setup(&p);
	send_many(&p, 100, MS);
	send_probe(&p, MS);
	gw_tx_path_push_run(&p, 5, 6);
	gw_tx_path_sent(&p, &(struct gw_tx_record){.sent_ns = MS,
				    .page = 0,
				    .count = 1,
				    .wire_bytes = 80,
				    .kind = GW_TX_RUN_LIST});
	a = make_ack(40, 0x15, MS);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, MS + 10, note, &s));
	CU_ASSERT_EQUAL(s.acked, 3);
	gw_tx_path_fail(&p, note, &s);
	CU_ASSERT_EQUAL(s.acked, 3);
	CU_ASSERT_EQUAL(s.lost, 98);
	CU_ASSERT_EQUAL(p.inflight_packets, 0);
	CU_ASSERT_EQUAL(p.inflight_bytes, 0);
	CU_ASSERT_EQUAL(p.una, p.next_psn);
	CU_ASSERT_EQUAL(gw_tx_path_run_room(&p), GW_TX_RUNS);
	CU_ASSERT_EQUAL(p.spent_bytes, 3 * PACKET);
	gw_tx_path_fail(&p, note, &s);
	CU_ASSERT_EQUAL(s.lost, 98);
	/* The numbers go on: nothing is used twice. */
	CU_ASSERT_EQUAL(p.next_psn, 102);
	CU_ASSERT_EQUAL(send(&p, 1, 2 * MS), 102);
	gw_tx_path_release(&p);
}

static uint64_t send_runs(struct gw_tx_path *p, unsigned int n)
{
	struct gw_tx_record r = {.sent_ns = MS,
		.page = p->run_head,
		.count = (uint16_t)n,
		.wire_bytes = 100,
		.kind = GW_TX_RUN_LIST};

	for (unsigned int i = 0; i < n; i++)
		gw_tx_path_push_run(p, p->run_head, n);
	return gw_tx_path_sent(p, &r);
}

/* Runs come back in order of numbers, whatever order ACKs come in. */
static void test_runs(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;
	unsigned int sent = 0;

	setup(&p);
	p.run_head = p.run_tail = UINT32_MAX - 5; /* positions wrap */
	while (gw_tx_path_run_room(&p) >= GW_WIRE_RUNS_MAX) {
		CU_ASSERT_EQUAL(send_runs(&p, GW_WIRE_RUNS_MAX), sent);
		sent++;
	}
	CU_ASSERT_EQUAL(sent, GW_TX_RUNS / GW_WIRE_RUNS_MAX);
	send_runs(&p, gw_tx_path_run_room(&p));
	CU_ASSERT_EQUAL(gw_tx_path_run_room(&p), 0);
	/* Each record still finds its own runs. */
	for (uint64_t n = 0; n <= sent; n++) {
		const struct gw_tx_record *r = &p.record[n];

		for (uint32_t i = 0; i < r->count; i++) {
			const struct gw_tx_run *run = gw_tx_path_run(&p, r->page + i);

			if (run->page != r->page + i || run->count != r->count)
				CU_FAIL("a run was overwritten");
		}
	}
	a = make_ack(2, 3, MS);
	gw_tx_path_acked(&p, &a, MS + 1, note, &s);
	CU_ASSERT_EQUAL(s.acked, 2);
	CU_ASSERT_EQUAL(gw_tx_path_run_room(&p), 0); /* the oldest is still out */
	a = make_ack(2, 4, MS);
	gw_tx_path_acked(&p, &a, MS + 1, note, &s);
	CU_ASSERT_EQUAL(gw_tx_path_run_room(&p), 3 * GW_WIRE_RUNS_MAX);
	gw_tx_path_fail(&p, note, &s);
	CU_ASSERT_EQUAL(gw_tx_path_run_room(&p), GW_TX_RUNS);
	gw_tx_path_release(&p);
}

static void test_records_full(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;
	unsigned int n = 0;

	setup(&p);
	p.rate.window_bytes = UINT64_MAX;
	while (gw_tx_path_open(&p, MS) && n++ < GW_TX_RECORDS)
		send(&p, n, MS);
	/* Fragments of a page and a probe still fit behind what is open. */
	CU_ASSERT_EQUAL(n, GW_TX_RECORDS - 8);
	a = make_ack(10, 0x3ff, MS); /* all but number 0 */
	gw_tx_path_acked(&p, &a, MS, note, &s);
	CU_ASSERT_EQUAL(s.acked, 10);
	CU_ASSERT_FALSE(gw_tx_path_open(&p, MS));
	a = make_ack(10, 0x400, MS);
	gw_tx_path_acked(&p, &a, MS, note, &s);
	p.rate.window_bytes = UINT64_MAX;
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	gw_tx_path_fail(&p, note, &s);
	CU_ASSERT_EQUAL(s.acked + s.lost, n);
	gw_tx_path_release(&p);
}

/* Duplicates: each packet with pages once, oldest first and not too young; who is acknowledged
 * first settles it, and nothing is settled twice. */
static void test_copy(void)
{
	const uint64_t age_ns = GW_TX_COPY_AGE_NS, t = 100 * MS;
	struct settled s = {0};
	struct gw_tx_record *r;
	struct gw_wire_packet a;
	struct gw_tx_path p;
	uint64_t first, runs, psn;

	setup(&p);
	learn_rtt(&p, t - MS, 200 * US, &s);
	s = (struct settled){0};
	send_probe(&p, t);
	first = send(&p, 11, t);
	send(&p, 12, t + 10 * US);
	runs = send_runs(&p, 5);
	p.record[runs & p.mask].sent_ns = t + 20 * US;
	gw_tx_path_sent(
		&p, &(struct gw_tx_record){.sent_ns = t, .kind = GW_TX_COPY, .wire_bytes = 99});
	p.copy_bytes = 99;
	CU_ASSERT_PTR_NULL(gw_tx_path_next_copy(&p, t + age_ns - 1, &psn));
	r = gw_tx_path_next_copy(&p, t + age_ns, &psn);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	CU_ASSERT_EQUAL(psn, first);
	/* What was not copied is not covered. */
	CU_ASSERT_FALSE(gw_tx_path_covered(&p, (uint32_t)first, note, &s));
	r->copied = 1;
	CU_ASSERT_PTR_NULL(gw_tx_path_next_copy(&p, t + age_ns, &psn));
	r = gw_tx_path_next_copy(&p, t + age_ns + 10 * US, &psn);
	CU_ASSERT_EQUAL(psn, first + 1);
	r->copied = 1;
	r = gw_tx_path_next_copy(&p, t + age_ns + 20 * US, &psn);
	CU_ASSERT_EQUAL(psn, runs);
	r->copied = 1;
	/* Neither probes nor duplicates are duplicated. */
	CU_ASSERT_PTR_NULL(gw_tx_path_next_copy(&p, t + 1000 * MS, &psn));
	CU_ASSERT_EQUAL(p.copy_next, p.next_psn);

	/* The duplicate comes first. */
	CU_ASSERT_TRUE(gw_tx_path_covered(&p, (uint32_t)first, note, &s));
	CU_ASSERT_EQUAL(s.acked, 1);
	CU_ASSERT_EQUAL(s.last_page, 11);
	CU_ASSERT_FALSE(gw_tx_path_covered(&p, (uint32_t)first, note, &s));
	CU_ASSERT_TRUE(gw_tx_path_covered(&p, (uint32_t)runs, note, &s));
	CU_ASSERT_FALSE(gw_tx_path_covered(&p, (uint32_t)runs, note, &s));
	CU_ASSERT_EQUAL(s.acked, 2);
	CU_ASSERT_EQUAL(p.inflight_packets, 5); /* the packets are still out */
	/* The original comes first. */
	a = make_ack(first + 1, 1, t);
	gw_tx_path_acked(&p, &a, t + age_ns + 30 * US, note, &s);
	CU_ASSERT_EQUAL(s.acked, 3);
	CU_ASSERT_EQUAL(s.last_page, 12);
	CU_ASSERT_FALSE(gw_tx_path_covered(&p, (uint32_t)(first + 1), note, &s));
	/* Numbers that never were, and that the low bits could mean. */
	CU_ASSERT_FALSE(gw_tx_path_covered(&p, (uint32_t)p.next_psn, note, &s));
	CU_ASSERT_FALSE(gw_tx_path_covered(&p, UINT32_MAX, note, &s));
	/* All is lost: what was covered is not lost with it, and the runs' places come back. */
	gw_tx_path_fail(&p, note_pages, &s);
	CU_ASSERT_EQUAL(s.lost, 0);
	CU_ASSERT_EQUAL(s.acked, 3);
	CU_ASSERT_EQUAL(p.copy_bytes, 0);
	CU_ASSERT_EQUAL(p.inflight_bytes, 0);
	CU_ASSERT_EQUAL(gw_tx_path_run_room(&p), GW_TX_RUNS);
	/* Lost first: the duplicate settles nothing any more. */
	first = send(&p, 13, t + 200 * MS);
	p.record[first & p.mask].copied = 1;
	gw_tx_path_fail(&p, note, &s);
	CU_ASSERT_EQUAL(s.lost, 1);
	CU_ASSERT_FALSE(gw_tx_path_covered(&p, (uint32_t)first, note, &s));
	/* The numbers' low half goes round. */
	p.next_psn = p.una = UINT64_C(0x5ffffffff);
	first = send(&p, 14, t + 300 * MS);
	send(&p, 15, t + 300 * MS);
	p.record[first & p.mask].copied = 1;
	CU_ASSERT_TRUE(gw_tx_path_covered(&p, UINT32_MAX, note, &s));
	CU_ASSERT_EQUAL(s.last_page, 14);
	gw_tx_path_release(&p);
}

/* Larger books while much is outstanding: nothing is lost, changed or settled twice. */
static void test_grow(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_books *b, *back;
	struct gw_tx_path p;
	uint64_t late, first;

	setup(&p);
	learn_rtt(&p, MS, 100 * US, &s);
	while (p.next_psn < 3 * GW_TX_RECORDS) { /* the rings have gone round */
		a = make_ack(send(&p, (uint32_t)p.next_psn, 2 * MS), 1, 2 * MS);
		gw_tx_path_acked(&p, &a, 2 * MS + 100 * US, note, &s);
	}
	late = send(&p, 7, 3 * MS);
	send_many(&p, 3, 3 * MS);
	a = make_ack(late + 3, 7, 3 * MS);
	gw_tx_path_acked(&p, &a, 4 * MS, note, &s);
	CU_ASSERT_EQUAL(s.lost, 1);
	p.run_head = p.run_tail = UINT32_MAX - 100; /* positions wrap */
	s = (struct settled){0};
	first = p.next_psn;
	CU_ASSERT_FALSE(gw_tx_path_short(&p));
	for (unsigned int i = 0; i < 2500; i++) {
		if (i % 100 == 50)
			send_runs(&p, 5);
		else
			send(&p, (uint32_t)p.next_psn, 5 * MS);
	}
	CU_ASSERT_TRUE(gw_tx_path_short(&p));
	b = gw_tx_books_create(4 * GW_TX_RECORDS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	back = gw_tx_path_grow(&p, b);
	CU_ASSERT_PTR_NOT_EQUAL(back, b);
	CU_ASSERT_EQUAL(back->records, GW_TX_RECORDS);
	gw_tx_books_free(back);
	CU_ASSERT_FALSE(gw_tx_path_short(&p));
	/* Books that are no larger come back as they are. */
	b = gw_tx_books_create(GW_TX_RECORDS);
	CU_ASSERT_PTR_EQUAL(gw_tx_path_grow(&p, b), b);
	gw_tx_books_free(b);
	for (uint64_t n = first; n < p.next_psn; n++) {
		const struct gw_tx_record *r = &p.record[n & p.mask];
		unsigned int bad = r->state != GW_TX_OUT;

		if (r->kind == GW_TX_RUN_LIST)
			for (uint32_t i = 0; i < r->count; i++)
				bad += gw_tx_path_run(&p, r->page + i)->page != r->page + i;
		else
			bad += r->page != n;
		if (bad != 0)
			CU_FAIL("a record was changed");
	}
	/* What was declared lost before is still known when it comes. */
	a = make_ack(late + 3, 0xf, 3 * MS);
	gw_tx_path_acked(&p, &a, 5 * MS, note, &s);
	CU_ASSERT_EQUAL(p.fault[GW_TX_SPURIOUS], 1);
	gw_tx_path_fail(&p, note, &s);
	CU_ASSERT_EQUAL(s.lost, 2500);
	CU_ASSERT_EQUAL(p.run_head, p.run_tail);
	gw_tx_path_release(&p);
}

static void test_limits(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	setup(&p);
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	/* The window. */
	p.rate.window_bytes = 2 * PACKET;
	send_many(&p, 2, MS);
	CU_ASSERT_FALSE(gw_tx_path_open(&p, MS));
	p.rate.window_bytes = GW_RATE_FLOOR_BYTES;
	/* The keys end: a take's packets, and probes, stay before that. */
	gw_tx_path_fail(&p, note, &s);
	p.next_psn = p.una = 1000;
	p.psn_end = 1009;
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	send(&p, 1, MS);
	CU_ASSERT_FALSE(gw_tx_path_open(&p, MS));
	p.psn_end = 5000;
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	p.psn_end = GW_WIRE_PSN_MAX + 1;
	/* The numbers end. */
	gw_tx_path_fail(&p, note, &s);
	p.next_psn = p.una = GW_WIRE_PSN_MAX - 9;
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	send(&p, 1, MS);
	CU_ASSERT_FALSE(gw_tx_path_open(&p, MS));
	gw_tx_path_release(&p);

	/* Credit: absolute, closes, opens, never moves back; a loss gives its bytes back. */
	if (gw_tx_path_init(&p, 0, 3 * PACKET) != 0)
		abort();
	send_many(&p, 3, MS);
	CU_ASSERT_FALSE(gw_tx_path_open(&p, MS));
	a = make_ack(0, 1, MS);
	a.ack.credit = 4 * PACKET;
	gw_tx_path_acked(&p, &a, MS, note, &s);
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	a = make_ack(1, 1, MS);
	a.ack.credit = PACKET;
	gw_tx_path_acked(&p, &a, MS, note, &s);
	CU_ASSERT_EQUAL(p.credit, 4 * PACKET);
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	send(&p, 1, MS);
	CU_ASSERT_FALSE(gw_tx_path_open(&p, MS));
	gw_tx_path_fail(&p, note, &s);
	CU_ASSERT_TRUE(gw_tx_path_open(&p, MS));
	CU_ASSERT_EQUAL(p.spent_bytes, 2 * PACKET);
	gw_tx_path_release(&p);
}

static uint64_t rtt_of(uint64_t sent_ns, uint32_t echo, uint32_t hold, uint64_t now_ns)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;
	uint64_t srtt_ns;

	setup(&p);
	a = make_ack(send(&p, 1, sent_ns), 1, 0);
	a.ack.echo = echo;
	a.ack.hold = hold;
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, now_ns, note, &s));
	CU_ASSERT_EQUAL(s.acked, 1);
	srtt_ns = p.srtt_ns;
	CU_ASSERT_EQUAL(gw_rate_min_rtt_ns(&p.rate), srtt_ns);
	gw_tx_path_release(&p);
	return srtt_ns;
}

static void test_rtt(void)
{
	const uint64_t wrap_ns = UINT64_C(1) << (32 + GW_WIRE_TS_SHIFT);
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	/* 1 ms out and back, 6.4 us held. */
	CU_ASSERT_EQUAL(rtt_of(64000, 1000, 100, 64000 + 1000000), 1000000 - 6400 + 1);
	/* The clock wraps on the way. */
	CU_ASSERT_EQUAL(rtt_of(wrap_ns - 6400, UINT32_MAX - 99, 0, wrap_ns + 6400), 12800 + 1);
	CU_ASSERT_EQUAL(
		rtt_of(3 * wrap_ns - 6400, UINT32_MAX - 99, 100, 3 * wrap_ns + 6400), 6400 + 1);
	/* An echo from the future; a hold longer than the whole way. */
	CU_ASSERT_EQUAL(rtt_of(64000, 100000, 0, 1064000), 0);
	CU_ASSERT_EQUAL(rtt_of(64000, 1000, UINT32_MAX / 2, 1064000), 0);

	/* Smoothing by an eighth; the minimum stays. */
	if (gw_tx_path_init(&p, 40000000000u, UINT64_MAX) != 0)
		abort();
	a = make_ack(send(&p, 1, 64 * MS), 1, 64 * MS);
	gw_tx_path_acked(&p, &a, 65 * MS, note, &s);
	CU_ASSERT_EQUAL(p.srtt_ns, MS + 1);
	a = make_ack(send(&p, 1, 64 * MS), 1, 64 * MS);
	gw_tx_path_acked(&p, &a, 73 * MS, note, &s);
	CU_ASSERT(p.srtt_ns > 1999990 && p.srtt_ns < 2000010);
	CU_ASSERT_EQUAL(gw_rate_min_rtt_ns(&p.rate), MS + 1);
	/* Only the newest packet's echo is a sample. */
	a = make_ack(0, 1, 0);
	gw_tx_path_acked(&p, &a, 73 * MS, note, &s);
	CU_ASSERT(p.srtt_ns < 2000010);
	gw_tx_path_release(&p);
}

static void test_skip(void)
{
	struct settled s = {0};
	struct gw_wire_packet a;
	struct gw_tx_path p;

	setup(&p);
	gw_tx_path_skip(&p);
	CU_ASSERT_EQUAL(p.una, 1);
	CU_ASSERT_EQUAL(send(&p, 9, MS), 1);
	gw_tx_path_skip(&p);
	CU_ASSERT_EQUAL(p.una, 1);
	a = make_ack(2, 7, MS);
	CU_ASSERT_TRUE(gw_tx_path_acked(&p, &a, MS, note, &s));
	CU_ASSERT_EQUAL(s.acked, 1);
	CU_ASSERT_EQUAL(s.last_page, 9);
	CU_ASSERT_EQUAL(p.una, 3);
	CU_ASSERT_EQUAL(p.inflight_packets, 0);
	gw_tx_path_release(&p);
}

/* Random sends, deliveries in any order, losses, lost ACKs, silence, deaths; each packet is settled
 * exactly once, what the receiver applied is not lost for ever, and the books come out even. */
#define MODEL_PACKETS 60000u

struct model {
	struct gw_tx_path tx;
	struct gw_rx_path rx;
	uint8_t settled[MODEL_PACKETS]; /* times, by page = sending order */
	bool acked[MODEL_PACKETS], received[MODEL_PACKETS];
	uint64_t in_air[4096]; /* PSNs; page in the high half */
	uint32_t n_in_air;
	uint64_t bytes_out, expected_bytes[MODEL_PACKETS];
	unsigned int bad;
};

static void model_settle(
	void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost)
{
	struct model *m = ctx;

	(void)p;
	m->settled[r->page]++;
	m->acked[r->page] = !lost;
	m->bad += !lost && !m->received[r->page];
	m->bytes_out -= r->wire_bytes;
}

static void model_ack(struct model *m, uint64_t now_ns)
{
	struct gw_wire_packet a = {.type = GW_WIRE_ACK};
	struct gw_wire_ack_body b;

	a.psn = gw_rx_path_ack(&m->rx, now_ns, &b);
	a.ack.largest = b.largest;
	a.ack.credit = b.credit;
	a.ack.echo = b.echo;
	a.ack.hold = b.hold;
	memcpy(a.ack.bitmap, b.bitmap, sizeof(b.bitmap));
	m->bad += !gw_tx_path_acked(&m->tx, &a, now_ns, model_settle, m);
}

static void model_run(struct random *r, struct model *m)
{
	uint32_t loss = random_below(r, 30), far = 1 + random_below(r, 300), sent = 0;
	uint64_t now_ns = MS;

	while (sent < MODEL_PACKETS / 20) {
		now_ns += random_below(r, 20 * US);
		if (random_chance(r, 60) && m->n_in_air < 4000 && gw_tx_path_open(&m->tx, now_ns)) {
			struct gw_tx_record rec = {.sent_ns = now_ns,
				.page = sent,
				.count = 1,
				.kind = GW_TX_FRAGMENT,
				.wire_bytes = (uint16_t)(60 + random_below(r, 9000))};
			uint64_t psn = gw_tx_path_sent(&m->tx, &rec);

			m->bytes_out += rec.wire_bytes;
			m->expected_bytes[sent] = rec.wire_bytes;
			if (!random_chance(r, loss))
				m->in_air[m->n_in_air++] = psn | (uint64_t)sent << 32;
			sent++;
		}
		if (m->n_in_air != 0 && random_chance(r, 55)) {
			uint32_t k = random_below(r, m->n_in_air < far ? m->n_in_air : far);
			uint64_t psn = m->in_air[k] & 0xffffffff, page = m->in_air[k] >> 32;

			memmove(m->in_air + k, m->in_air + k + 1,
				(--m->n_in_air - k) * sizeof(m->in_air[0]));
			if (gw_rx_path_check(&m->rx, psn) == GW_RX_NEW) {
				m->received[page] = true;
				gw_rx_path_applied(&m->rx, psn, (uint32_t)(now_ns >> 6),
					(uint32_t)m->expected_bytes[page], now_ns);
			}
		}
		if (gw_rx_path_ack_due(&m->rx, now_ns)) {
			if (random_chance(r, loss))
				m->rx.unacked = 0, m->rx.ack_now = false;
			else
				model_ack(m, now_ns);
		}
		if (random_chance(r, 1) && random_chance(r, 5))
			now_ns += random_below(r, 80 * MS);
		if (gw_tx_path_timer(&m->tx, now_ns, model_settle, m) == GW_TX_DEAD)
			gw_tx_path_fail(&m->tx, model_settle, m);
		m->bad += m->tx.inflight_bytes != m->bytes_out;
		m->bad += m->tx.una > m->tx.next_psn;
	}
	gw_tx_path_fail(&m->tx, model_settle, m);
	for (uint32_t i = 0; i < sent; i++)
		m->bad += m->settled[i] != 1;
	m->bad += m->tx.inflight_packets != 0 || m->tx.inflight_bytes != 0;
	m->bad += m->tx.una != m->tx.next_psn;
	/* Credit is compared with what the receiver counts: the sender never believes that it spent
	 * more than it did. */
	m->bad += m->tx.spent_bytes > m->rx.bytes;
}

static void test_model(void)
{
	struct random r = {random_seed("sender model")};
	struct model *m = malloc(sizeof(*m));
	uint64_t spurious_seen = 0, lost = 0;

	for (unsigned int i = 0; i < 150; i++) {
		memset(m, 0, sizeof(*m));
		setup(&m->tx);
		gw_rx_path_init(&m->rx, UINT32_MAX);
		model_run(&r, m);
		CU_ASSERT_EQUAL(m->bad, 0);
		spurious_seen += m->tx.fault[GW_TX_SPURIOUS];
		lost += m->tx.lost_packets;
		gw_tx_path_release(&m->tx);
	}
	CU_ASSERT(lost > 1000);
	CU_ASSERT(spurious_seen > 10);
	free(m);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"acknowledged", test_acked},
		{"never sent", test_never_sent},
		{"loss by reordering", test_reorder_loss},
		{"spurious loss", test_spurious},
		{"threshold's limit", test_reorder_max},
		{"thresholds go back", test_relax},
		{"hostile ACKs", test_hostile},
		{"CE marks", test_ce},
		{"lost ACKs", test_lost_acks},
		{"tail", test_tail},
		{"death", test_dead},
		{"failure", test_fail},
		{"runs", test_runs},
		{"records full", test_records_full},
		{"books grow", test_grow},
		{"duplicates", test_copy},
		{"window, credit, numbers", test_limits},
		{"RTT", test_rtt},
		{"skipped number", test_skip},
		{"model", test_model},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"tx_path", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
