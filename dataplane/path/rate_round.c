/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases: what a round shows, and what comes next. */
#include "rate_internal.h"

#include <math.h>

#define UP_GAIN_MIN 1.05 /* where a quarter more is lost at once */
#define UP_GAIN_STEP 0.02
#define CYCLE_MIN_NS (200 * MS)    /* how long a largest rate counts at least */
#define UP_MIN_NS (10 * MS)        /* between two UPs */
#define QUEUE_NS (10 * MS)         /* over the target for so long is a queue, not a stall */
#define STANDING_NS (20 * MS)      /* a queue that even the floor gives way to ... */
#define STANDING_FOR_NS (100 * MS) /* ... when it stands so long */
#define FLOOR_STEP_NS (100 * MS)
#define LOSS_QUEUE 0.03
#define LOSS_ANY 0.10
#define CE_SHARE 100u   /* one mark in so many packets says nothing */
#define LOSS_PACKETS 8u /* fewer say nothing of a share */
#define DOWN_ROUNDS 8u
#define LOWER 0.95
#define CREEP 0.012
#define CREEP_BW 1.25e9 /* bytes/s */
#define CREEP_MAX 0.03

void gw_rate_enter(struct gw_rate *r, enum gw_rate_phase phase, uint64_t now_ns)
{
	r->phase = (uint8_t)phase;
	r->growing = false;
	r->phase_rounds = 0;
	r->phase_since_ns = now_ns;
	if (phase == GW_RATE_UP)
		r->up_bw = kept_bw(r);
	if (phase != GW_RATE_CRUISE)
		return;
	/* Paths that share a bottleneck shall not probe in step. */
	r->cruise_rounds =
		5 + (uint32_t)(((now_ns ^ r->delivered) * 0x9e3779b97f4a7c15u) >> 32) % 4;
	/* A cycle without a sample of the network says nothing. */
	if (now_ns - r->cycle_since_ns < CYCLE_MIN_NS || r->bw == 0)
		return;
	r->cycle_since_ns = now_ns;
	r->bw_older = r->bw;
	r->bw = 0;
}

/* From now on about as much as arrives: of paths that share a bottleneck each has seen its share
 * when there was more to take, and the sum of these is too much. */
static void lower(struct gw_rate *r, double factor)
{
	double bw = gw_rate_bw(r), least = bw / 2;

	if (r->round_bw != 0 && r->round_bw < bw)
		bw = r->round_bw;
	bw *= factor;
	if (r->bw_lo == 0 || bw < r->bw_lo)
		r->bw_lo = bw > least ? bw : least;
}

/* There is room for more: up to what was measured before. */
static void raise(struct gw_rate *r, double bw)
{
	if (r->bw_lo == 0)
		return;
	if (bw > r->bw_lo)
		r->bw_lo = bw;
	if (r->bw_lo >= gw_rate_bw(r))
		r->bw_lo = 0;
}

/* A step up that grows more slowly than the rate itself, where lower() takes a share of it: this is
 * what makes paths that share a bottleneck come together (as additive increase and multiplicative
 * decrease do). */
static void creep(struct gw_rate *r)
{
	double step = CREEP * sqrt(r->bw_lo * CREEP_BW);

	raise(r, r->bw_lo + (step < r->bw_lo * CREEP_MAX ? step : r->bw_lo * CREEP_MAX));
}

static void move_floor(struct gw_rate *r, double bytes, uint64_t now_ns)
{
	if (bytes < GW_RATE_FLOOR_MIN_BYTES)
		bytes = GW_RATE_FLOOR_MIN_BYTES;
	if (bytes > GW_RATE_FLOOR_BYTES)
		bytes = GW_RATE_FLOOR_BYTES;
	r->floor_bytes = (uint64_t)bytes;
	r->floor_since_ns = now_ns;
}

/* Whether the round shows congestion; lowers the rate, or the floor where that decides. */
static bool congested(struct gw_rate *r, uint64_t now_ns)
{
	uint64_t sum = r->round_delivered + r->round_lost;
	double loss = sum != 0 ? (double)r->round_lost / (double)sum : 0;
	uint64_t q_ns = queue_ns(r), over_ns;
	bool floored = on_floor(r), ce = r->round_ce * CE_SHARE > r->round_packets, heavy, queue;
	double ce_factor;

	if (q_ns <= target_ns(r))
		r->queue_since_ns = 0;
	else if (r->queue_since_ns == 0)
		r->queue_since_ns = r->round_since_ns;
	over_ns = r->queue_since_ns != 0 ? now_ns - r->queue_since_ns : 0;
	queue = floored ? q_ns > STANDING_NS && over_ns > STANDING_FOR_NS : over_ns > QUEUE_NS;
	heavy = r->round_lost_packets >= LOSS_PACKETS &&
		(loss > LOSS_ANY || (loss > LOSS_QUEUE && q_ns > target_ns(r) / 2));
	if (r->round_packets != 0)
		r->ce_alpha += ((double)r->round_ce / r->round_packets - r->ce_alpha) / 8;
	ce_factor = 1 - r->ce_alpha / 3;
	if (heavy || ce || queue) {
		if ((heavy || ce) && (r->phase == GW_RATE_UP ||
					     (r->phase == GW_RATE_DOWN && r->phase_rounds < 2))) {
			r->up_gain = 1 + (r->up_gain - 1) / 2;
			if (r->up_gain < UP_GAIN_MIN)
				r->up_gain = UP_GAIN_MIN;
		}
		/* STARTUP looks for gain only; while a queue drains there is no need for less yet.
		 */
		if (r->phase == GW_RATE_STARTUP)
			return true;
		if (heavy || ce || (r->phase != GW_RATE_DOWN && r->phase != GW_RATE_DRAIN))
			lower(r, ce ? ce_factor : LOWER);
		if (floored && now_ns - r->floor_since_ns > gw_rate_min_rtt_ns(r))
			move_floor(r,
				(double)r->floor_bytes * (heavy ? 0.8 : (ce ? ce_factor : 0.9)),
				now_ns);
		return true;
	}
	/* By steps of one size, so that two paths come together. */
	if (r->floor_bytes < GW_RATE_FLOOR_BYTES && now_ns - r->floor_since_ns > FLOOR_STEP_NS)
		move_floor(r, (double)(r->floor_bytes + GW_RATE_FLOOR_MIN_BYTES), now_ns);
	return false;
}

/* STARTUP ends when three rounds in which the network was the limit did not gain a quarter. */
static bool pipe_full(struct gw_rate *r)
{
	r->growing = gw_rate_bw(r) >= r->full_bw * 1.25;
	if (r->growing) {
		r->full_bw = gw_rate_bw(r);
		r->full_rounds = 0;
		return false;
	}
	r->full_rounds += r->round_held;
	return r->full_rounds >= 3;
}

void gw_rate_round(struct gw_rate *r, uint64_t now_ns)
{
	bool stop = congested(r, now_ns);
	bool over = queue_ns(r) > target_ns(r) && !on_floor(r);

	r->phase_rounds++;
	switch ((enum gw_rate_phase)r->phase) {
	case GW_RATE_STARTUP:
		/* A queue of others does not end it while there is gain. */
		if (pipe_full(r) || ((stop || over) && !r->growing))
			gw_rate_enter(r, GW_RATE_DRAIN, now_ns);
		break;
	case GW_RATE_CRUISE:
		if (!stop)
			creep(r);
		if (stop && !on_floor(r))
			gw_rate_enter(r, GW_RATE_DOWN, now_ns);
		else if (r->phase_rounds >= r->cruise_rounds &&
			 now_ns - r->phase_since_ns >= UP_MIN_NS)
			gw_rate_enter(r, GW_RATE_UP, now_ns);
		break;
	case GW_RATE_UP:
		/* One round a quarter faster, one to see what became of it. */
		if (stop || over) {
			gw_rate_enter(r, GW_RATE_DOWN, now_ns);
		} else if (r->phase_rounds >= 2) {
			bool gained = r->round_held &&
				      r->round_bw >= r->up_bw * (1 + (r->up_gain - 1) * 0.4);

			raise(r, gained ? r->round_bw : r->bw_lo * r->up_gain);
			r->up_gain = gained ? UP_GAIN : r->up_gain + UP_GAIN_STEP;
			if (r->up_gain > UP_GAIN)
				r->up_gain = UP_GAIN;
			r->up_bw = kept_bw(r);
			if (gained)
				r->phase_rounds = 0;
			else
				gw_rate_enter(r, GW_RATE_DOWN, now_ns);
		}
		break;
	case GW_RATE_DRAIN:
	case GW_RATE_DOWN:
		if (r->phase_rounds >= DOWN_ROUNDS)
			gw_rate_enter(r, GW_RATE_CRUISE, now_ns);
		break;
	case GW_RATE_PROBE_RTT:
		break;
	}
	r->round_end = r->delivered;
	r->round_since_ns = now_ns;
	r->round_rtt_ns = 0;
	r->round_delivered = r->round_lost = 0;
	r->round_lost_packets = r->round_packets = r->round_ce = 0;
	r->round_bw = 0;
	r->round_held = false;
}
