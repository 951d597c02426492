/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The largest IP packet that a path really carries, after RFC 8899: a switch that is set to less
 * than both ends believe drops large packets silently, while small ones pass. Pure: time comes in.
 *
 * A size is tested by a probe that is padded to it and a small one right behind it. Each answer is
 * small. The large one answered: the size is good. The small one answered and the large one not,
 * GW_MTU_MISSES times in a row: it is not, and the next smaller size is tested. Neither: that says
 * nothing.
 *
 * A path is believed to carry its limit until a test fails. While it carries less than its limit,
 * that is tested again every half minute.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_MTU_SIZES 4u
/* Five: a path that loses 2 % each way at random misses so once in 10 million tests. */
#define GW_MTU_MISSES 5u
#define GW_MTU_RETEST_NS 30000000000ull
#define GW_MTU_SUSPECT_NS 1000000000ull /* between tests that a suspicion starts */
#define GW_MTU_WAIT_NS 20000000u        /* for the large probe's answer, after the small one's */
#define GW_MTU_SILENCE_NS 500000000u    /* no answer at all: tried again */

struct gw_mtu {
	uint16_t size[GW_MTU_SIZES]; /* sizes that make a difference, descending; size[0]: limit */
	uint8_t sizes;
	uint8_t good;    /* index of the size in use */
	uint8_t testing; /* index */
	bool active;     /* a test is under way */
	bool sent;       /* its probes are out */
	bool small_came;
	uint8_t misses;
	uint64_t large_psn, small_psn;
	uint64_t sent_ns, came_ns, tested_ns;
};

/* limit: the smaller MTU of both ends, 1280 or more. */
void gw_mtu_init(struct gw_mtu *m, uint32_t limit);
/* The path came up: its limit is to be tested. */
void gw_mtu_start(struct gw_mtu *m);
/* Packets get lost, or go unanswered: the size in use is to be tested. */
void gw_mtu_suspect(struct gw_mtu *m, uint64_t now_ns);
/* The size of the padded probe that is to be sent now, a small one behind it; 0: none. May step
 * m->good down: the caller compares. */
uint32_t gw_mtu_due(struct gw_mtu *m, uint64_t now_ns);
void gw_mtu_sent(struct gw_mtu *m, uint64_t large_psn, uint64_t small_psn, uint64_t now_ns);
/* A probe was answered. May change m->good. */
void gw_mtu_replied(struct gw_mtu *m, uint64_t psn, uint64_t now_ns);

static inline uint32_t gw_mtu_good(const struct gw_mtu *m)
{
	return m->size[m->good];
}
