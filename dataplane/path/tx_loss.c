/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets of a path count as lost, and how late is too late. */
#include "tx_path_internal.h"

#include "rx_path.h"

#define REORDER_CALM_RTTS 32u
#define REORDER_CALM_NS 1000000000u

uint64_t gw_tx_base_pto_ns(const struct gw_tx_path *p)
{
	uint64_t rtt_ns = p->srtt_ns != 0 ? p->srtt_ns : GW_TX_RTT_UNKNOWN_NS;
	uint64_t pto_ns = 2 * rtt_ns + GW_RX_ACK_DELAY_NS;

	return pto_ns > GW_TX_PTO_MIN_NS ? pto_ns : GW_TX_PTO_MIN_NS;
}

void gw_tx_detect_losses(struct gw_tx_path *p, uint64_t now_ns, gw_tx_settle settle, void *ctx)
{
	uint64_t age_ns = p->srtt_ns + p->srtt_ns / 4 * p->reorder_time + GW_RX_ACK_DELAY_NS;
	uint64_t old_ns = gw_tx_base_pto_ns(p);

	if (!p->any_acked)
		return;
	for (uint64_t n = p->una; n < p->largest_acked; n++) {
		struct gw_tx_record *r = &p->record[n & p->mask];
		uint64_t since_ns = now_ns > r->sent_ns ? now_ns - r->sent_ns : 0;

		if (r->state != GW_TX_OUT)
			continue;
		/* Sent in order: what follows is younger and was overtaken by fewer. */
		if (since_ns < age_ns || (n + p->reorder > p->largest_acked && since_ns < old_ns))
			break;
		if (n >= p->gap_first && n < p->gap_end && since_ns < 2 * old_ns)
			break;
		gw_tx_settle_one(p, n, true, settle, ctx);
	}
	gw_tx_advance_una(p);
}

void gw_tx_detect_spurious(struct gw_tx_path *p, const struct gw_wire_packet *ack, uint64_t now_ns)
{
	if (p->lost_packets == p->fault[GW_TX_SPURIOUS])
		return;
	for (unsigned int i = 0; i < GW_TX_LOST_KEPT; i++) {
		uint64_t back = ack->ack.largest - p->lost_psn[i];

		if (p->lost_psn[i] > ack->ack.largest || back >= GW_WIRE_ACK_BITS ||
			(ack->ack.bitmap[back / 64] >> (back % 64) & 1) == 0)
			continue;
		/* The receiver's absolute credit counts its bytes. */
		if (gw_tx_in_books(p, p->lost_psn[i]))
			p->spent_bytes += p->record[p->lost_psn[i] & p->mask].wire_bytes;
		p->lost_psn[i] = UINT64_MAX;
		gw_tx_fault(p, GW_TX_SPURIOUS);
		if (p->reorder < GW_TX_REORDER_MAX)
			p->reorder *= 2;
		/* Once per round trip: many may come late by one and the same cause. */
		if (p->reorder_time < GW_TX_REORDER_TIME_MAX &&
			now_ns - p->reorder_since_ns > p->srtt_ns)
			p->reorder_time++;
		p->reorder_since_ns = now_ns;
	}
}

void gw_tx_relax_reorder(struct gw_tx_path *p, uint64_t now_ns)
{
	uint64_t calm_ns = REORDER_CALM_RTTS * p->srtt_ns;

	if (calm_ns < REORDER_CALM_NS)
		calm_ns = REORDER_CALM_NS;
	if ((p->reorder == GW_TX_REORDER_MIN && p->reorder_time == 1) ||
		now_ns - p->reorder_since_ns < calm_ns)
		return;
	p->reorder = p->reorder / 2 > GW_TX_REORDER_MIN ? p->reorder / 2 : GW_TX_REORDER_MIN;
	p->reorder_time -= p->reorder_time > 1;
	p->reorder_since_ns = now_ns;
}
