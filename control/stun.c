/* SPDX-License-Identifier: BSD-3-Clause */
#include "stun.h"

#include "../dataplane/base/clock.h"

/* Nearer to the target than this is near enough. */
#define DEAD_BAND 0.1
/* One look never takes away more than nine tenths of what is left, as one interval may mislead, and
 * gives back slowly: an epoch that finds the brake off too early was sent for nothing. */
#define STEP_DOWN 0.1
#define STEP_UP 1.25
/* Beyond this ratio an epoch is no shorter than the one before. */
#define ENOUGH 0.95

void gw_stun_init(struct gw_stun *s, uint32_t max_percent)
{
	*s = (struct gw_stun){.max_percent = max_percent < 99 ? max_percent : 99, .share = 1};
}

void gw_stun_release(struct gw_stun *s)
{
	gw_stun_init(s, s->max_percent);
}

static double step_of(double ratio)
{
	double step;

	if (ratio > GW_STUN_TARGET - DEAD_BAND && ratio < GW_STUN_TARGET + DEAD_BAND)
		return 1;
	if (ratio * STEP_UP <= GW_STUN_TARGET) /* also where nothing was dirtied */
		return STEP_UP;
	step = GW_STUN_TARGET / ratio;
	return step < STEP_DOWN ? STEP_DOWN : step;
}

static void correct(struct gw_stun *s, double ratio)
{
	double least = 1 - s->max_percent / 100.0;

	s->spent = s->share <= least && ratio >= ENOUGH;
	s->share *= step_of(ratio);
	if (s->share < least)
		s->share = least;
	if (s->share < 1)
		return;
	s->share = 1;
	s->on = s->spent; /* with nothing to take it stays spent until the ratio falls */
}

bool gw_stun_look(
	struct gw_stun *s, uint64_t ns, uint64_t dirty_bytes, uint64_t rate_bps, bool outruns)
{
	double ratio;

	s->ns += ns;
	s->dirty_bytes += dirty_bytes;
	if (s->ns < GW_STUN_LOOK_NS || rate_bps == 0)
		return false;
	ratio = (double)s->dirty_bytes * 8 * GW_NS_PER_S / (double)s->ns / (double)rate_bps;
	s->ns = s->dirty_bytes = 0;
	s->on = s->on || outruns;
	if (s->on)
		correct(s, ratio);
	return true;
}

uint32_t gw_stun_percent(const struct gw_stun *s)
{
	uint32_t percent = (uint32_t)((1 - s->share) * 100 + 0.5);

	return percent < s->max_percent ? percent : s->max_percent;
}
