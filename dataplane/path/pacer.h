/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A rate cap shared by the workers that send on one port: the generic cell rate algorithm (ITU-T
 * I.371, virtual scheduling). One 64-bit word, so that several workers share it without a lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How far behind the cap may catch up after a poll core was away: the burst is rate times this. */
#define GW_PACER_DEPTH_NS 1000000u

struct gw_pacer {
	uint64_t tat_ns;      /* theoretical arrival time; all senders write it */
	uint64_t ps_per_byte; /* 8e12 / rate_bps; 0: no cap */
};

static inline void gw_pacer_init(struct gw_pacer *p, uint64_t rate_bps)
{
	p->tat_ns = 0;
	p->ps_per_byte = rate_bps != 0 ? UINT64_C(8000000000000) / rate_bps : 0;
}

/* Whether another packet may go now. */
static inline bool gw_pacer_open(const struct gw_pacer *p, uint64_t now_ns)
{
	return p->ps_per_byte == 0 || __atomic_load_n(&p->tat_ns, __ATOMIC_RELAXED) <= now_ns;
}

/* Accounts bytes (layer 1) that were sent at now_ns. */
static inline void gw_pacer_spend(struct gw_pacer *p, uint64_t bytes, uint64_t now_ns)
{
	uint64_t cost_ns, tat, next;

	if (p->ps_per_byte == 0)
		return;
	cost_ns = (bytes * p->ps_per_byte + 500) / 1000;
	tat = __atomic_load_n(&p->tat_ns, __ATOMIC_RELAXED);
	do {
		next = tat + GW_PACER_DEPTH_NS < now_ns ? now_ns - GW_PACER_DEPTH_NS : tat;
		next += cost_ns;
	} while (!__atomic_compare_exchange_n(
		&p->tat_ns, &tat, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}
