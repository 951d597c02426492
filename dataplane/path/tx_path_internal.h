/* SPDX-License-Identifier: BSD-3-Clause */
/* A path's own, shared by its files: every packet passes here. */
#pragma once

#include "tx_path.h"

static inline void gw_tx_fault(struct gw_tx_path *p, enum gw_tx_fault what)
{
	p->fault[what]++;
	p->fault_news = true;
}

/* Whether the record of psn is still there. */
static inline bool gw_tx_in_books(const struct gw_tx_path *p, uint64_t psn)
{
	return p->next_psn - psn <= p->mask + 1;
}

static inline void gw_tx_settle_one(
	struct gw_tx_path *p, uint64_t psn, bool lost, gw_tx_settle settle, void *ctx)
{
	struct gw_tx_record *r = &p->record[psn & p->mask];

	if (lost) {
		p->lost_psn[p->lost_packets++ % GW_TX_LOST_KEPT] = psn;
		p->spent_bytes -= r->wire_bytes;
		p->lost_unseen += r->wire_bytes;
		p->lost_unseen_packets++;
	} else {
		p->acked_bytes += r->wire_bytes + GW_WIRE_L1_BYTES;
	}
	p->inflight_packets--;
	p->inflight_bytes -= r->wire_bytes;
	if (r->kind == GW_TX_COPY)
		p->copy_bytes -= r->wire_bytes;
	if (r->kind != GW_TX_PROBE)
		settle(ctx, p, r, lost);
	r->state = lost ? GW_TX_LOST : GW_TX_ACKED;
}

/* Moves una over settled packets and gives their runs back. */
static inline void gw_tx_advance_una(struct gw_tx_path *p)
{
	for (; p->una < p->next_psn; p->una++) {
		const struct gw_tx_record *r = &p->record[p->una & p->mask];

		if (r->state == GW_TX_OUT)
			return;
		if (r->kind == GW_TX_RUN_LIST)
			p->run_tail += r->count;
	}
}

/* ---- tx_loss.c ---- */
/* The timeout without its back-off: 2 srtt and the ACK delay. */
uint64_t gw_tx_base_pto_ns(const struct gw_tx_path *p);
/* Everything from una that was overtaken: by `reorder` packets and a while, or by any and a whole
 * timeout (what a probe's ACK shows of the tail); two where the ACKs for it may be what was lost.
 */
void gw_tx_detect_losses(struct gw_tx_path *p, uint64_t now_ns, gw_tx_settle settle, void *ctx);
/* Declared lost, yet it arrived: the threshold was too small. Losses are left of una, where the
 * bits of an ACK are no longer looked at, so they are looked up one by one. */
void gw_tx_detect_spurious(struct gw_tx_path *p, const struct gw_wire_packet *ack, uint64_t now_ns);
/* No loss was spurious for a while: the thresholds go back. */
void gw_tx_relax_reorder(struct gw_tx_path *p, uint64_t now_ns);
