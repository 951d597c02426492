/* SPDX-License-Identifier: BSD-3-Clause */
/* What rate.c and rate_round.c share. */
#pragma once

#include "rate.h"
#include "rx_path.h"

#define MS 1000000u
#define UP_GAIN 1.25
#define WINDOW_GAIN 2.0

static inline double bdp(const struct gw_rate *r, double bw)
{
	return bw * (double)gw_rate_min_rtt_ns(r) * 1e-9;
}

/* The rate that the path keeps to: what is measured, less after congestion. */
static inline double kept_bw(const struct gw_rate *r)
{
	double bw = gw_rate_bw(r);

	if (r->cap != 0 && bw > (double)r->cap)
		bw = (double)r->cap;
	return r->bw_lo != 0 && r->bw_lo < bw ? r->bw_lo : bw;
}

/* What waits for its ACK at the other end, or came with one ACK, is not in the network. */
static inline double ack_slack(const struct gw_rate *r)
{
	return (double)r->ack_bytes + gw_rate_bw(r) * GW_RX_ACK_DELAY_NS * 1e-9;
}

/* The floor alone decides. */
static inline bool on_floor(const struct gw_rate *r)
{
	return WINDOW_GAIN * bdp(r, gw_rate_bw(r)) + ack_slack(r) <= (double)r->floor_bytes;
}

static inline uint64_t target_ns(const struct gw_rate *r)
{
	uint64_t quarter_ns = gw_rate_min_rtt_ns(r) / 4;

	return quarter_ns > GW_RATE_TARGET_MIN_NS ? quarter_ns : GW_RATE_TARGET_MIN_NS;
}

static inline uint64_t queue_ns(const struct gw_rate *r)
{
	uint64_t min_ns = gw_rate_min_rtt_ns(r);

	return r->round_rtt_ns > min_ns ? r->round_rtt_ns - min_ns : 0;
}

void gw_rate_enter(struct gw_rate *r, enum gw_rate_phase phase, uint64_t now_ns);
/* A round ended: what it shows of the network, and the next phase. */
void gw_rate_round(struct gw_rate *r, uint64_t now_ns);
