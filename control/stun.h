/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stun during page send: how much of its time a guest has to give up so that its pages can be sent
 * faster than it dirties them. A closed loop on the ratio of the dirty rate to the wire rate; pure,
 * without a clock. With the ratio held at GW_STUN_TARGET each epoch lasts that share of the one
 * before it, so the rest shrinks geometrically.
 *
 * The correction is proportional: what a guest dirties is taken to be proportional to the time it
 * gets. Where it is not (a hot set is dirty long before the interval ends, or the guest has CPU
 * time to spare) the ratio stays too high, and the next look corrects again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_STUN_TARGET 0.5
/* Shorter intervals say nothing: they are added to the next. */
#define GW_STUN_LOOK_NS 50000000ull

struct gw_stun {
	uint32_t max_percent; /* the most that is taken: 0..99 */
	double share;         /* of its time that the guest keeps, where on */
	bool on;
	bool spent; /* the most is taken, and that is not enough */
	uint64_t ns, dirty_bytes;
};

void gw_stun_init(struct gw_stun *s, uint32_t max_percent);

/* In `ns` the guest dirtied so much, while the wire takes rate_bps (bits of guest memory a second,
 * 0: not known). outruns: without a brake this would not end; nothing is taken before that was once
 * so. True: ns and what came before it made a look, and the percentage may be another. */
bool gw_stun_look(
	struct gw_stun *s, uint64_t ns, uint64_t dirty_bytes, uint64_t rate_bps, bool outruns);

/* What is to be taken from the guest now: 0..max_percent. */
uint32_t gw_stun_percent(const struct gw_stun *s);

void gw_stun_release(struct gw_stun *s);
