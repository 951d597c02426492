/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast a path may send: a model of the network of two numbers, the rate at which packets arrive
 * at the other end and the smallest round trip, after BBR (draft-ietf-ccwg-bbr; the rate samples as
 * in draft-cheng-iccrg-delivery-rate-estimation). Pure: time comes in. A poll worker alone owns it.
 *
 * In flight at most two bandwidth-delay products, paced at about the rate that was measured; from
 * time to time a little faster, which shows whether there is more. A loss by itself means nothing:
 * only a round in which more than 3 % were lost while the queue grew, or more than 10 %, does.
 *
 * Delay target: the round's smallest RTT stays below the smallest RTT at all plus the larger of a
 * quarter of that and 1 ms. What exceeds it for 10 ms makes the path send less than what arrives.
 *
 * Floor: 2 MiB may always be in flight, unpaced, unless packets are lost for it or stand in a queue
 * of over 20 ms. On a link within a machine, where the round trip is microseconds and a thread may
 * be away for milliseconds, the floor alone decides and the model only watches.
 *
 * The port's own cap stands above all this (pacer.h). While the cap, or a lack of pages, is what
 * holds a path back, its samples say little of the network: they may raise the estimate and never
 * lower it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_RATE_FLOOR_BYTES (2u << 20)
#define GW_RATE_FLOOR_MIN_BYTES (64u << 10)
#define GW_RATE_MARK_PACKETS 32u /* packets per mark, a power of two */
#define GW_RATE_TARGET_MIN_NS 1000000u
/* Times and costs are fixed-point numbers as in pacer.h. */
#define GW_RATE_TIME_SHIFT 6u
#define GW_RATE_COST_SHIFT 20u

enum gw_rate_phase {
	GW_RATE_STARTUP,   /* twice as fast each round until it does not help */
	GW_RATE_DRAIN,     /* gives back the queue that this made */
	GW_RATE_CRUISE,    /* as fast as packets arrive */
	GW_RATE_UP,        /* a quarter faster, while that helps */
	GW_RATE_DOWN,      /* slower, until the queue is gone */
	GW_RATE_PROBE_RTT, /* half a bandwidth-delay product, to see the empty path */
};

/* What was known when the first of each GW_RATE_MARK_PACKETS packets was sent. */
struct gw_rate_mark {
	uint64_t delivered, delivered_ns, first_sent_ns;
	uint64_t held; /* the model held the path back before it */
};

struct gw_rate {
	/* What the hot path reads. */
	uint64_t window_bytes; /* layer 2 */
	uint64_t per_byte;     /* of pacing; 0: not paced */
	uint64_t tat;          /* theoretical arrival time, as in pacer.h */
	uint64_t depth;        /* how far behind it may catch up */
	bool held;             /* window or pacing refused a packet since the last mark */

	uint8_t phase; /* enum gw_rate_phase */
	bool growing;  /* STARTUP: the last round gained */
	uint64_t delivered, delivered_ns, first_sent_ns;
	uint64_t cap;           /* bytes/s of the port, 0: none */
	double bw, bw_older;    /* bytes/s: largest of this cycle and of the last one */
	double bw_lo;           /* after congestion, until the next UP; 0: none */
	double full_bw, up_bw;  /* STARTUP, UP: what the last gain was */
	double up_gain;         /* UP's, smaller after losses */
	double ce_alpha;        /* smoothed share of CE marks (RFC 8257) */
	uint32_t full_rounds;   /* STARTUP: rounds without gain */
	uint32_t phase_rounds;  /* rounds in this phase */
	uint32_t cruise_rounds; /* CRUISE ends after so many */
	uint64_t phase_since_ns, cycle_since_ns;
	uint64_t floor_bytes, floor_since_ns;
	uint64_t min_rtt_ns, min_rtt_older_ns, min_rtt_since_ns; /* of this 10 s and the last */
	uint64_t queue_since_ns;                                 /* over the target since; 0: not */
	uint64_t ack_bytes; /* largest amount that one ACK acknowledged, decaying */
	/* The round. */
	uint64_t round_end, round_since_ns;
	uint64_t round_rtt_ns; /* smallest; 0: no sample */
	uint64_t round_delivered, round_lost;
	uint32_t round_lost_packets, round_packets, round_ce;
	double round_bw;
	bool round_held;
};

/* What an ACK brought. */
struct gw_rate_ack {
	uint64_t now_ns;
	uint64_t rtt_ns;                 /* sample; 0: none */
	uint64_t bytes, packets;         /* acknowledged by this one */
	uint64_t lost_bytes;             /* declared lost since the last call */
	uint32_t lost_packets, ce;       /* the same; CE marks seen since the last call */
	uint64_t inflight_bytes;         /* after it */
	const struct gw_rate_mark *mark; /* of the newest packet acknowledged; NULL: none */
	uint64_t sent_ns;                /* of that packet */
};

void gw_rate_init(struct gw_rate *r, uint64_t cap_bps);
/* The path died: what is known of it is not known any more. */
void gw_rate_forget(struct gw_rate *r);
void gw_rate_acked(struct gw_rate *r, const struct gw_rate_ack *a);

/* The smallest RTT of 10 to 20 s; 0: none yet. */
static inline uint64_t gw_rate_min_rtt_ns(const struct gw_rate *r)
{
	if (r->min_rtt_ns == 0 || (r->min_rtt_older_ns != 0 && r->min_rtt_older_ns < r->min_rtt_ns))
		return r->min_rtt_older_ns;
	return r->min_rtt_ns;
}

/* Bytes per second that the network is believed to deliver; 0: not known. */
static inline double gw_rate_bw(const struct gw_rate *r)
{
	return r->bw > r->bw_older ? r->bw : r->bw_older;
}

/* Whether another packet may go now. */
static inline bool gw_rate_open(struct gw_rate *r, uint64_t inflight_bytes, uint64_t now_ns)
{
	if (inflight_bytes < r->window_bytes &&
		(r->per_byte == 0 || r->tat <= now_ns << GW_RATE_TIME_SHIFT))
		return true;
	r->held = true;
	return false;
}

/* Nothing was in flight before what is sent now: the time until now was nobody's. */
static inline void gw_rate_restart(struct gw_rate *r, uint64_t now_ns)
{
	r->delivered_ns = now_ns;
	r->first_sent_ns = now_ns;
}

static inline void gw_rate_mark(struct gw_rate *r, struct gw_rate_mark *m)
{
	*m = (struct gw_rate_mark){r->delivered, r->delivered_ns, r->first_sent_ns, r->held};
	r->held = false;
}

static inline void gw_rate_spend(struct gw_rate *r, uint32_t bytes, uint64_t now_ns)
{
	uint64_t now = now_ns << GW_RATE_TIME_SHIFT;

	if (r->per_byte == 0)
		return;
	r->tat = (r->tat + r->depth < now ? now - r->depth : r->tat) +
		 ((bytes * r->per_byte) >> GW_RATE_COST_SHIFT);
}
