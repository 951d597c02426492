/* SPDX-License-Identifier: BSD-3-Clause */
/* Rate samples, the smallest RTT, and what follows for window and pacing. */
#include "rate_internal.h"

#include <string.h>

/* 4 ln 2: the smallest gain that doubles the rate each round (draft-ietf-ccwg-bbr, 2.4). */
#define STARTUP_GAIN 2.77
#define DRAIN_GAIN 0.5
#define DOWN_GAIN 0.8
#define MIN_RTT_NS (10000ull * MS) /* how long a smallest RTT counts at least */
#define PROBE_RTT_NS (50 * MS)     /* and one round */
#define DEPTH_MIN_NS (500 * 1000u) /* a poll core that was away catches up so much */
#define DEPTH_MAX_NS (4 * MS)
#define ROUND_MIN_NS (200 * 1000u) /* shorter round trips share one round */

void gw_rate_init(struct gw_rate *r, uint64_t cap_bps)
{
	memset(r, 0, sizeof(*r));
	r->cap = cap_bps / 8;
	r->floor_bytes = GW_RATE_FLOOR_BYTES;
	r->window_bytes = GW_RATE_FLOOR_BYTES;
	r->ce_alpha = 1;
	r->up_gain = UP_GAIN;
}

void gw_rate_forget(struct gw_rate *r)
{
	struct gw_rate old = *r;

	gw_rate_init(r, 0);
	r->cap = old.cap;
	/* The marks count on. */
	r->delivered = old.delivered;
	r->delivered_ns = old.delivered_ns;
	r->first_sent_ns = old.first_sent_ns;
	r->round_end = old.delivered;
}

static void take_rtt(struct gw_rate *r, uint64_t rtt_ns)
{
	if (r->min_rtt_ns == 0 || rtt_ns < r->min_rtt_ns)
		r->min_rtt_ns = rtt_ns;
	if (r->round_rtt_ns == 0 || rtt_ns < r->round_rtt_ns)
		r->round_rtt_ns = rtt_ns;
}

static void rotate_min_rtt(struct gw_rate *r, uint64_t now_ns)
{
	r->min_rtt_older_ns = r->min_rtt_ns;
	r->min_rtt_ns = 0;
	r->min_rtt_since_ns = now_ns;
}

/* The smallest RTT grew old. One that is confirmed is kept; another is believed once the path was
 * nearly empty. */
static void age_min_rtt(struct gw_rate *r, uint64_t now_ns)
{
	if (r->phase == GW_RATE_PROBE_RTT) {
		if (now_ns - r->phase_since_ns < PROBE_RTT_NS || r->phase_rounds < 2)
			return;
		rotate_min_rtt(r, now_ns);
		gw_rate_enter(r, GW_RATE_CRUISE, now_ns);
		return;
	}
	if (r->min_rtt_since_ns == 0)
		r->min_rtt_since_ns = now_ns;
	if (now_ns - r->min_rtt_since_ns < MIN_RTT_NS || r->min_rtt_ns == 0)
		return;
	if (on_floor(r) || r->phase == GW_RATE_STARTUP || r->min_rtt_older_ns == 0 ||
		r->min_rtt_ns < r->min_rtt_older_ns + r->min_rtt_older_ns / 16 + MS / 10)
		rotate_min_rtt(r, now_ns);
	else
		gw_rate_enter(r, GW_RATE_PROBE_RTT, now_ns);
}

/* A rate sample: what was delivered since the newest acknowledged packet was sent, over the longer
 * of the times in which that was sent and in which it was acknowledged. */
static void take_sample(struct gw_rate *r, const struct gw_rate_ack *a)
{
	const struct gw_rate_mark *m = a->mark;
	uint64_t ack_ns = a->now_ns - m->delivered_ns;
	uint64_t send_ns = a->sent_ns > m->first_sent_ns ? a->sent_ns - m->first_sent_ns : 0;
	uint64_t ns = ack_ns > send_ns ? ack_ns : send_ns;
	bool held = m->held != 0;
	double bw;

	r->first_sent_ns = a->sent_ns;
	if (ns == 0 || ns < gw_rate_min_rtt_ns(r) || m->delivered_ns == 0)
		return;
	bw = (double)(r->delivered - m->delivered) * 1e9 / (double)ns;
	if (bw > r->round_bw)
		r->round_bw = bw;
	r->round_held |= held;
	if (bw > r->bw && (held || bw > r->bw_older))
		r->bw = bw;
}

/* Window and pacing of the phase. */
static void decide(struct gw_rate *r)
{
	const double gain[] = {[GW_RATE_STARTUP] = STARTUP_GAIN,
		[GW_RATE_DRAIN] = DRAIN_GAIN,
		[GW_RATE_CRUISE] = 1,
		[GW_RATE_UP] = r->phase_rounds == 0 ? r->up_gain : 1,
		[GW_RATE_DOWN] = DOWN_GAIN,
		[GW_RATE_PROBE_RTT] = 1};
	/* In STARTUP the estimate is what the last round could show. */
	double window_gain = r->growing ? STARTUP_GAIN : WINDOW_GAIN;
	double bw = kept_bw(r), window = window_gain * bdp(r, bw) + ack_slack(r);
	uint64_t depth_ns = gw_rate_min_rtt_ns(r) / 4;
	double least;

	if (r->phase == GW_RATE_PROBE_RTT)
		window = bdp(r, bw) / 2;
	if (window < (double)r->floor_bytes)
		window = (double)r->floor_bytes;
	r->window_bytes = (uint64_t)window;
	if (on_floor(r) && r->floor_bytes == GW_RATE_FLOOR_BYTES) {
		r->per_byte = 0;
		return;
	}
	if (depth_ns < DEPTH_MIN_NS)
		depth_ns = DEPTH_MIN_NS;
	if (depth_ns > DEPTH_MAX_NS)
		depth_ns = DEPTH_MAX_NS;
	r->depth = depth_ns << GW_RATE_TIME_SHIFT;
	/* The floor may go out within a round trip, or 10 ms: below that the window rules, and no
	 * sample of a bad moment can slow the path down for long. */
	least = (double)r->floor_bytes * 1e9 /
		(double)(gw_rate_min_rtt_ns(r) > 10 * MS ? gw_rate_min_rtt_ns(r) : 10 * MS);
	if (bw < least)
		bw = least;
	r->per_byte = (uint64_t)((double)(UINT64_C(1000000000)
					  << (GW_RATE_TIME_SHIFT + GW_RATE_COST_SHIFT)) /
				 (bw * gain[r->phase]));
}

void gw_rate_acked(struct gw_rate *r, const struct gw_rate_ack *a)
{
	r->delivered += a->bytes;
	r->round_delivered += a->bytes;
	r->round_packets += (uint32_t)a->packets;
	r->round_lost += a->lost_bytes;
	r->round_lost_packets += a->lost_packets;
	r->round_ce += a->ce;
	r->ack_bytes -= r->ack_bytes / 64;
	if (a->bytes > r->ack_bytes)
		r->ack_bytes = a->bytes;
	if (a->rtt_ns != 0)
		take_rtt(r, a->rtt_ns);
	if (a->bytes != 0)
		r->delivered_ns = a->now_ns;
	if (a->mark != NULL) {
		take_sample(r, a);
		if (a->mark->delivered >= r->round_end &&
			a->now_ns - r->round_since_ns >= ROUND_MIN_NS)
			gw_rate_round(r, a->now_ns);
	}
	age_min_rtt(r, a->now_ns);
	if ((r->phase == GW_RATE_DRAIN || r->phase == GW_RATE_DOWN) &&
		(double)a->inflight_bytes <= bdp(r, kept_bw(r)) + ack_slack(r))
		gw_rate_enter(r, GW_RATE_CRUISE, a->now_ns);
	decide(r);
}
