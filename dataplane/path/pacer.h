/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A rate cap shared by the workers that send on one port: the generic cell rate algorithm (ITU-T
 * I.371, virtual scheduling). One 64-bit word, so that several workers share it without a lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How far behind the cap may catch up after a poll core was away: the burst is rate times this. */
#define GW_PACER_DEPTH_NS 4000000u

/* Fixed point: times count 1/64 ns, so that the cost of a small packet at 100 Gb/s is exact within
 * 0.1 %; the cost of a byte has 20 bits more. */
#define GW_PACER_TIME_SHIFT 6u
#define GW_PACER_COST_SHIFT 20u

struct gw_pacer {
	uint64_t tat;      /* theoretical arrival time; all senders write it */
	uint64_t per_byte; /* 8e9 / rate_bps in ns, fixed point; 0: no cap; control writes */
};

/* Another cap, while others send; what was sent before counts at the old one. 0: no cap. */
static inline void gw_pacer_set(struct gw_pacer *p, uint64_t rate_bps)
{
	uint64_t per_byte =
		rate_bps != 0
			? (UINT64_C(8000000000) << (GW_PACER_TIME_SHIFT + GW_PACER_COST_SHIFT)) /
				  rate_bps
			: 0;

	__atomic_store_n(&p->per_byte, per_byte, __ATOMIC_RELAXED);
}

static inline void gw_pacer_init(struct gw_pacer *p, uint64_t rate_bps)
{
	p->tat = 0;
	gw_pacer_set(p, rate_bps);
}

/* Whether another packet may go now. */
static inline bool gw_pacer_open(const struct gw_pacer *p, uint64_t now_ns)
{
	return __atomic_load_n(&p->per_byte, __ATOMIC_RELAXED) == 0 ||
	       __atomic_load_n(&p->tat, __ATOMIC_RELAXED) <= now_ns << GW_PACER_TIME_SHIFT;
}

/* Accounts bytes (layer 1) that were sent at now_ns. */
static inline void gw_pacer_spend(struct gw_pacer *p, uint64_t bytes, uint64_t now_ns)
{
	const uint64_t depth = (uint64_t)GW_PACER_DEPTH_NS << GW_PACER_TIME_SHIFT;
	const uint64_t now = now_ns << GW_PACER_TIME_SHIFT;
	uint64_t per_byte = __atomic_load_n(&p->per_byte, __ATOMIC_RELAXED), cost, tat, next;

	if (per_byte == 0)
		return;
	cost = (bytes * per_byte + (1u << (GW_PACER_COST_SHIFT - 1))) >> GW_PACER_COST_SHIFT;
	tat = __atomic_load_n(&p->tat, __ATOMIC_RELAXED);
	do {
		next = (tat + depth < now ? now - depth : tat) + cost;
	} while (!__atomic_compare_exchange_n(
		&p->tat, &tat, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}
