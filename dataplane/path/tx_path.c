/* SPDX-License-Identifier: BSD-3-Clause */
#include "tx_path_internal.h"

#define COPY_LOOK 256u /* records looked at in one call */

static struct gw_rate_mark *mark_of(const struct gw_tx_path *p, uint64_t psn)
{
	return &p->mark[psn / GW_RATE_MARK_PACKETS & p->mask / GW_RATE_MARK_PACKETS];
}

uint64_t gw_tx_path_sent(struct gw_tx_path *p, const struct gw_tx_record *r)
{
	uint64_t psn = p->next_psn++;

	p->record[psn & p->mask] = *r;
	p->record[psn & p->mask].state = GW_TX_OUT;
	/* Silence before this packet was nobody's fault: the clock for progress starts here. */
	if (p->inflight_packets == 0) {
		p->last_ack_ns = r->sent_ns;
		p->pto_count = 0;
		gw_rate_restart(&p->rate, r->sent_ns);
	}
	if (psn % GW_RATE_MARK_PACKETS == 0 || p->inflight_packets == 0)
		gw_rate_mark(&p->rate, mark_of(p, psn));
	gw_rate_spend(&p->rate, r->wire_bytes, r->sent_ns);
	p->inflight_packets++;
	p->inflight_bytes += r->wire_bytes;
	p->spent_bytes += r->wire_bytes;
	return psn;
}

void gw_tx_path_skip(struct gw_tx_path *p)
{
	if (p->next_psn % GW_RATE_MARK_PACKETS == 0)
		gw_rate_mark(&p->rate, mark_of(p, p->next_psn));
	p->record[p->next_psn & p->mask] =
		(struct gw_tx_record){.kind = GW_TX_PROBE, .state = GW_TX_ACKED};
	if (p->una == p->next_psn)
		p->una++;
	p->next_psn++;
}

/* The sample that an echo makes; 0: none. */
static uint64_t take_rtt(struct gw_tx_path *p, uint32_t echo, uint32_t hold, uint64_t now_ns)
{
	uint32_t now_ts = (uint32_t)(now_ns >> GW_WIRE_TS_SHIFT);
	uint32_t rtt_ts = now_ts - echo - hold;
	uint64_t rtt_ns;

	if (rtt_ts > UINT32_MAX / 2) /* an echo from the future or a hold that cannot be */
		return 0;
	rtt_ns = ((uint64_t)rtt_ts << GW_WIRE_TS_SHIFT) + 1;
	if (p->srtt_ns == 0)
		p->srtt_ns = rtt_ns;
	else
		p->srtt_ns += (rtt_ns >> 3) - (p->srtt_ns >> 3);
	return rtt_ns;
}

void gw_tx_path_replied(struct gw_tx_path *p, uint32_t echo, uint64_t now_ns)
{
	struct gw_rate_ack sample = {.now_ns = now_ns, .rtt_ns = take_rtt(p, echo, 0, now_ns)};

	gw_rate_acked(&p->rate, &sample);
}

/* Whether this ACK, by its own number, was not seen before. */
static bool take_ack_number(struct gw_tx_path *p, uint64_t psn)
{
	uint64_t back;

	if (!p->any_acked || psn > p->ack_largest) {
		back = p->any_acked ? psn - p->ack_largest : 64;
		p->ack_seen = (back < 64 ? p->ack_seen << back : 0) | 1;
		p->ack_largest = psn;
		return true;
	}
	back = p->ack_largest - psn;
	if (back >= 64)
		return true; /* cannot be told; harmless */
	if (p->ack_seen >> back & 1)
		return false;
	p->ack_seen |= UINT64_C(1) << back;
	return true;
}

/* CE marks since the last ACK that told; no more than packets, whatever it says. */
static uint32_t take_ce(struct gw_tx_path *p, uint32_t ecn_ce, uint64_t packets)
{
	uint32_t more = ecn_ce - p->ecn_ce;

	if (more > UINT32_MAX / 2) {
		gw_tx_fault(p, GW_TX_ACK_ECN_BACK);
		return 0;
	}
	p->ecn_ce = ecn_ce;
	return more < packets ? more : (uint32_t)packets;
}

/* This ACK is the newest: what it and those before it do not cover is unknown. */
static void take_largest(struct gw_tx_path *p, uint64_t largest)
{
	uint64_t next = p->any_acked ? p->largest_acked + 1 : 0;

	if (largest >= GW_WIRE_ACK_BITS && next + GW_WIRE_ACK_BITS <= largest) {
		if (p->gap_end <= p->una)
			p->gap_first = next;
		p->gap_end = largest - GW_WIRE_ACK_BITS + 1;
		p->ask = true;
	}
	p->largest_acked = largest;
	p->any_acked = true;
}

bool gw_tx_path_acked(struct gw_tx_path *p, const struct gw_wire_packet *ack, uint64_t now_ns,
	gw_tx_settle settle, void *ctx)
{
	struct gw_rate_ack sample = {.now_ns = now_ns};
	uint64_t largest = ack->ack.largest;
	uint32_t before = p->inflight_packets;
	uint64_t bytes_before = p->inflight_bytes;
	bool newest;

	if (largest >= p->next_psn) {
		gw_tx_fault(p, GW_TX_ACK_UNSENT);
		return false;
	}
	newest = !p->any_acked || ack->psn > p->ack_largest;
	if (!take_ack_number(p, ack->psn)) {
		gw_tx_fault(p, GW_TX_ACK_REPEAT);
		return false;
	}
	if (!newest)
		gw_tx_fault(p, GW_TX_ACK_OLD);
	if (ack->ack.credit > p->credit)
		p->credit = ack->ack.credit; /* it never moves back */
	else if (newest && ack->ack.credit < p->credit && p->any_acked)
		gw_tx_fault(p, GW_TX_ACK_CREDIT_BACK);
	for (unsigned int w = 0; w < GW_WIRE_ACK_BITS / 64; w++) {
		uint64_t bits = ack->ack.bitmap[w];

		if (largest < 64u * w || largest - 64u * w < p->una)
			break; /* everything further left is settled */
		while (bits != 0) {
			unsigned int i = (unsigned int)__builtin_ctzll(bits);
			uint64_t psn = largest - (64u * w + i);

			bits &= bits - 1;
			if (64u * w + i > largest || !gw_tx_in_books(p, psn) ||
				p->record[psn & p->mask].state != GW_TX_OUT)
				continue;
			/* Bits go from newest to oldest. */
			if (sample.mark == NULL) {
				sample.mark = mark_of(p, psn);
				sample.sent_ns = p->record[psn & p->mask].sent_ns;
			}
			gw_tx_settle_one(p, psn, false, settle, ctx);
		}
	}
	sample.bytes = bytes_before - p->inflight_bytes;
	sample.packets = before - p->inflight_packets;
	if (newest)
		sample.ce = take_ce(p, ack->ack.ecn_ce, sample.packets);
	gw_tx_detect_spurious(p, ack, now_ns);
	gw_tx_relax_reorder(p, now_ns);
	if (!p->any_acked || largest > p->largest_acked) {
		take_largest(p, largest);
		sample.rtt_ns = take_rtt(p, ack->ack.echo, ack->ack.hold, now_ns);
	}
	if (sample.mark != NULL) {
		p->last_ack_ns = now_ns;
		p->pto_count = 0;
	}
	gw_tx_detect_losses(p, now_ns, settle, ctx);
	sample.lost_bytes = p->lost_unseen;
	sample.lost_packets = p->lost_unseen_packets;
	sample.inflight_bytes = p->inflight_bytes;
	p->lost_unseen = 0;
	p->lost_unseen_packets = 0;
	gw_rate_acked(&p->rate, &sample);
	return true;
}

uint64_t gw_tx_path_pto_ns(const struct gw_tx_path *p)
{
	return gw_tx_base_pto_ns(p) << (p->pto_count < 6 ? p->pto_count : 6);
}

enum gw_tx_due gw_tx_path_timer(
	struct gw_tx_path *p, uint64_t now_ns, gw_tx_settle settle, void *ctx)
{
	uint64_t dead_ns, since_ns;

	if (p->inflight_packets == 0)
		return GW_TX_NOTHING;
	if (p->ask) {
		p->ask = false;
		return GW_TX_SEND_PROBE;
	}
	gw_tx_detect_losses(p, now_ns, settle, ctx);
	if (p->inflight_packets == 0 || now_ns < p->last_ack_ns)
		return GW_TX_NOTHING;
	since_ns = now_ns - p->last_ack_ns;
	dead_ns = 3 * gw_tx_base_pto_ns(p);
	if (dead_ns < GW_TX_DEAD_MIN_NS)
		dead_ns = GW_TX_DEAD_MIN_NS;
	/* A probe must have gone out before silence means death: a poll core that was away saw
	 * nothing at all. */
	if (since_ns > dead_ns && p->pto_count >= 2)
		return GW_TX_DEAD;
	if (since_ns > gw_tx_path_pto_ns(p) && now_ns - p->pto_sent_ns > GW_TX_PTO_MIN_NS) {
		p->pto_count++;
		p->pto_sent_ns = now_ns;
		return GW_TX_SEND_PROBE;
	}
	return GW_TX_NOTHING;
}

struct gw_tx_record *gw_tx_path_next_copy(struct gw_tx_path *p, uint64_t now_ns, uint64_t *psn)
{
	uint64_t age_ns = p->srtt_ns / 8 > GW_TX_COPY_AGE_NS ? p->srtt_ns / 8 : GW_TX_COPY_AGE_NS;

	if (p->copy_next < p->una)
		p->copy_next = p->una;
	for (uint32_t n = 0; n < COPY_LOOK && p->copy_next < p->next_psn; n++, p->copy_next++) {
		struct gw_tx_record *r = &p->record[p->copy_next & p->mask];

		if (r->state != GW_TX_OUT || r->copied || r->kind == GW_TX_PROBE ||
			r->kind == GW_TX_COPY)
			continue;
		if (now_ns < r->sent_ns + age_ns)
			return NULL;
		*psn = p->copy_next;
		return r;
	}
	return NULL;
}

bool gw_tx_path_covered(struct gw_tx_path *p, uint32_t psn_low, gw_tx_settle settle, void *ctx)
{
	uint64_t psn = (p->next_psn & ~(uint64_t)UINT32_MAX) | psn_low;
	struct gw_tx_record *r;

	if (psn >= p->next_psn)
		psn -= UINT64_C(1) << 32;
	if (psn < p->una || psn >= p->next_psn)
		return false;
	r = &p->record[psn & p->mask];
	if (r->state != GW_TX_OUT || !r->copied || r->kind == GW_TX_PROBE ||
		r->kind == GW_TX_COPY || r->source == GW_TX_NO_SOURCE)
		return false;
	settle(ctx, p, r, false);
	/* A run list's places are given back in order. */
	if (r->kind != GW_TX_RUN_LIST)
		r->kind = GW_TX_PROBE;
	r->source = GW_TX_NO_SOURCE;
	return true;
}

void gw_tx_path_fail(struct gw_tx_path *p, gw_tx_settle settle, void *ctx)
{
	for (uint64_t n = p->una; n < p->next_psn; n++) {
		if (p->record[n & p->mask].state == GW_TX_OUT)
			gw_tx_settle_one(p, n, true, settle, ctx);
	}
	gw_tx_advance_una(p);
	gw_rate_forget(&p->rate);
	p->lost_unseen = 0;
	p->lost_unseen_packets = 0;
	p->pto_count = 0;
}
