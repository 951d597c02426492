/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receiving half of a path: which packet numbers were applied, and when an ACK is due. Pure:
 * time comes in, nothing goes out. A poll worker alone owns it.
 */
#pragma once

#include "../wire/encode.h"
#include "../wire/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_RX_ACK_PACKETS 64u
#define GW_RX_ACK_DELAY_NS 100000u
/* What is remembered of the past: an ACK covers the newest GW_WIRE_ACK_BITS of it, a probe is
 * answered with ACKs for all of it, so that what lost ACKs said is not lost. */
#define GW_RX_BITS (8u * GW_WIRE_ACK_BITS)
/* Layer-2 bytes of an ACK at most, over IPv6. */
#define GW_RX_ACK_BYTES (GW_WIRE_L2_TO_UDP_V6 + sizeof(struct gw_wire_ack) + GW_WIRE_TRAILER_MAX)

enum gw_rx_verdict {
	GW_RX_NEW,       /* not seen: apply, then gw_rx_path_applied() */
	GW_RX_DUPLICATE, /* applied before */
	GW_RX_OLD,       /* left of the bitmap: cannot be told, is dropped and never acknowledged */
};

struct gw_rx_path {
	uint64_t largest; /* newest PSN received; valid once any */
	bool any;
	uint64_t applied[GW_RX_BITS / 64]; /* a ring of bits: PSN n is bit n % GW_RX_BITS */
	uint64_t bytes;     /* layer-2 bytes received, cumulative: base of the credit */
	uint64_t room;      /* bytes of credit beyond what was received */
	uint32_t unacked;   /* packets since the last ACK */
	bool ack_now;       /* a gap, a probe */
	uint32_t look_back; /* ACKs for older bits that a probe asked for */
	/* What came and was not answered yet pays for those: a few small probes draw no more than
	 * they bring. */
	uint32_t unanswered_bytes;
	uint32_t ce; /* packets that came with CE */
	uint64_t ack_due_ns;
	uint32_t echo; /* timestamp of the newest packet, and when it came */
	uint64_t echo_ns;
	uint64_t next_psn; /* of the reverse direction: ACKs, see gw_rx_path_ack_psn() */
};

void gw_rx_path_init(struct gw_rx_path *p, uint64_t room_bytes);

/* What psn is, before its packet is applied. */
enum gw_rx_verdict gw_rx_path_check(const struct gw_rx_path *p, uint64_t psn);

/* The packet was applied (or superseded): counts it and schedules the ACK. */
void gw_rx_path_applied(
	struct gw_rx_path *p, uint64_t psn, uint32_t timestamp, uint32_t bytes, uint64_t now_ns);

/* The packet was a probe: an ACK at once, and what is remembered beyond it. */
void gw_rx_path_probed(struct gw_rx_path *p);

/* The next ACK's own number. Its generation is that of the newest packet, so that both directions
 * change keys together; numbers that this skips are never used. */
static inline uint64_t gw_rx_path_ack_psn(const struct gw_rx_path *p)
{
	uint64_t first = p->largest >> GW_WIRE_GENERATION_SHIFT << GW_WIRE_GENERATION_SHIFT;

	return p->next_psn > first ? p->next_psn : first;
}

/* Where a generation has had more ACKs than it has numbers, which takes as many packets, they wait
 * for the next one. */
static inline bool gw_rx_path_ack_due(const struct gw_rx_path *p, uint64_t now_ns)
{
	return ((p->unacked != 0 && (p->ack_now || p->unacked >= GW_RX_ACK_PACKETS ||
					    now_ns >= p->ack_due_ns)) ||
		       (p->look_back != 0 && p->unanswered_bytes >= GW_RX_ACK_BYTES)) &&
	       p->next_psn >> GW_WIRE_GENERATION_SHIFT <= p->largest >> GW_WIRE_GENERATION_SHIFT;
}

/* Fills the ACK, of the newest packets or of older ones, and counts it as sent. Returns its own
 * PSN.
 */
uint64_t gw_rx_path_ack(struct gw_rx_path *p, uint64_t now_ns, struct gw_wire_ack_body *a);
