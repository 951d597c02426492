/* SPDX-License-Identifier: BSD-3-Clause */
#include "convergence.h"

#include "../dataplane/base/clock.h"

#define LABELS_FOR_SWITCHOVER 2u

/* Where the blackout fits: so many more epochs at most, and none for less than this. */
#define MORE_EPOCHS 6u
#define SMALL_NS GW_NS_PER_MS

/* While the state is saved on the same two CPUs, a SYNC of 0.5 ms and its pages turn 2 ms of saving
 * into 4. */
#define SYNC_GAIN_NS (2 * GW_NS_PER_MS)

/* An epoch below these says more about latency than about the wire. */
#define RATE_MIN_BYTES (1u << 18)
#define RATE_MIN_NS (5 * GW_NS_PER_MS)
/* What is shorter speaks only for its part of this. */
#define WINDOW_NS (50 * GW_NS_PER_MS)

static uint64_t sat_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t gw_convergence_send_ns(uint64_t bytes, uint64_t rate_bps)
{
	__extension__ typedef unsigned __int128 wide;
	wide ns;

	if (rate_bps == 0)
		rate_bps = GW_CONVERGENCE_RATE_UNKNOWN_BPS;
	ns = (wide)bytes * 8 * GW_NS_PER_S / rate_bps;
	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static uint64_t last_pages_ns(const struct gw_convergence_sample *s)
{
	uint64_t bytes = s->next_pages > UINT64_MAX / GW_CONVERGENCE_PAGE_BYTES
				 ? UINT64_MAX
				 : s->next_pages * GW_CONVERGENCE_PAGE_BYTES;
	uint64_t late = (uint64_t)((double)s->dirty_bps / 8 * (double)s->gap_ns / GW_NS_PER_S);

	return gw_convergence_send_ns(sat_add(bytes, late), s->rate_bps);
}

bool gw_convergence_sync_once(const struct gw_convergence_sample *s)
{
	return sat_add(s->sync_ns, SYNC_GAIN_NS) > last_pages_ns(s);
}

uint64_t gw_convergence_reckon_ns(const struct gw_convergence_sample *s, bool sync_once)
{
	uint64_t ns = last_pages_ns(s);

	if (sync_once)
		ns = sat_add(ns, s->save_ns);
	else if (sat_add(ns, s->sync_ns) > s->save_ns)
		ns = sat_add(ns, s->sync_ns);
	else
		ns = s->save_ns;
	ns = sat_add(ns, gw_convergence_send_ns(s->state_bytes, s->rate_bps));
	ns = sat_add(ns, sat_add(s->rtt_ns, s->rtt_ns / 2));
	return sat_add(sat_add(ns, s->state_ns), s->verify_ns);
}

uint64_t gw_convergence_blackout_ns(const struct gw_convergence_sample *s)
{
	return gw_convergence_reckon_ns(s, gw_convergence_sync_once(s));
}

static uint64_t next_ns(const struct gw_convergence_sample *s)
{
	return gw_convergence_send_ns(s->next_pages * GW_CONVERGENCE_PAGE_BYTES, s->rate_bps);
}

bool gw_convergence_shrinks(const struct gw_convergence_sample *s, uint64_t epoch_ns)
{
	return next_ns(s) < epoch_ns - epoch_ns / 20;
}

static enum gw_convergence_verdict at_limit(bool switches, uint64_t blackout_ns)
{
	return switches && blackout_ns <= GW_CONVERGENCE_BLACKOUT_MAX_NS ? GW_CONVERGENCE_SWITCH
									 : GW_CONVERGENCE_GIVE_UP;
}

uint64_t gw_convergence_fixed_ns(const struct gw_convergence_sample *s)
{
	struct gw_convergence_sample empty = *s;

	empty.next_pages = 0;
	empty.save_ns = 0;
	empty.sync_ns = 0;
	return gw_convergence_blackout_ns(&empty);
}

uint64_t gw_convergence_room_ns(uint64_t limit_ns, const struct gw_convergence_sample *s)
{
	uint64_t fixed_ns = gw_convergence_fixed_ns(s);

	return fixed_ns < limit_ns ? limit_ns - fixed_ns : 0;
}

enum gw_convergence_verdict gw_convergence_decide(const struct gw_convergence_limits *limits,
	const struct gw_convergence_sample *s, uint64_t epoch_ns, uint16_t label, uint32_t fitting,
	bool out_of_time)
{
	uint64_t send_ns = next_ns(s);
	uint64_t blackout_ns = gw_convergence_blackout_ns(s);
	bool may_go_on = !out_of_time && label + LABELS_FOR_SWITCHOVER + 1 < limits->label_max;

	if (blackout_ns <= limits->blackout_ns)
		return may_go_on && fitting < MORE_EPOCHS && send_ns > SMALL_NS &&
				       send_ns < epoch_ns / 2
			       ? GW_CONVERGENCE_AGAIN
			       : GW_CONVERGENCE_SWITCH;
	if (out_of_time || label + LABELS_FOR_SWITCHOVER >= limits->label_max)
		return at_limit(limits->switch_on_limit, blackout_ns);
	/* What is not sent anyway takes longer than allowed: short epochs help nobody, and each
	 * costs the guest a fault for every page that it writes. */
	if (gw_convergence_room_ns(limits->blackout_ns, s) == 0) {
		bool shrinks =
			send_ns > limits->min_epoch_ns && gw_convergence_shrinks(s, epoch_ns);

		if (limits->on_spent == GW_SPENT_WAIT || shrinks)
			return GW_CONVERGENCE_PACED;
		return at_limit(limits->on_spent == GW_SPENT_SWITCH, blackout_ns);
	}
	if (gw_convergence_shrinks(s, epoch_ns))
		return GW_CONVERGENCE_AGAIN;
	if (s->spent && limits->on_spent != GW_SPENT_WAIT)
		return at_limit(limits->on_spent == GW_SPENT_SWITCH, blackout_ns);

	/* Hurrying only sends the same pages more often, unless the guest is held back the more for
	 * it. */
	return s->stun_percent > 0 && !s->spent ? GW_CONVERGENCE_AGAIN : GW_CONVERGENCE_PACED;
}

/* Bits per second of what took duration_ns, beside what is known from before: 0, nothing. */
static uint64_t blend_bps(uint64_t known_bps, uint64_t bytes, uint64_t duration_ns)
{
	__extension__ typedef unsigned __int128 wide;
	wide bps = (wide)bytes * 8 * GW_NS_PER_S / duration_ns;

	if (known_bps != 0 && duration_ns < WINDOW_NS)
		bps = (bps * duration_ns + (wide)known_bps * (WINDOW_NS - duration_ns)) / WINDOW_NS;
	return bps > UINT64_MAX ? UINT64_MAX : (uint64_t)bps;
}

uint64_t gw_convergence_rate_bps(uint64_t known_bps, uint64_t bytes, uint64_t duration_ns)
{
	if (bytes < RATE_MIN_BYTES || duration_ns < RATE_MIN_NS)
		return known_bps;
	return blend_bps(known_bps, bytes, duration_ns);
}

uint64_t gw_convergence_dirty_bps(uint64_t known_bps, uint64_t pages, uint64_t duration_ns)
{
	if (duration_ns == 0 || pages > UINT64_MAX / GW_CONVERGENCE_PAGE_BYTES)
		return known_bps;
	known_bps = blend_bps(known_bps, pages * GW_CONVERGENCE_PAGE_BYTES, duration_ns);
	return known_bps == 0 ? 1 : known_bps; /* known: it wrote nothing */
}
