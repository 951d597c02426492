/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may begin to be let in. Connections whose peer is not known yet cost memory and, in the
 * handshake, time of the control thread, so both are bounded: so many at once, fewer from one
 * source, and so many a second. When all places are taken, the one who has stood there longest
 * goes: an honest peer needs few round trips. Pure: time is an argument.
 */
#pragma once

#include <stdint.h>

#define GW_DOOR_PLACES 32u
#define GW_DOOR_PER_SOURCE 8u
#define GW_DOOR_PER_SECOND 50u
#define GW_DOOR_BURST 32u

struct gw_door {
	struct gw_door_place {
		uint8_t from[16];
		uint64_t since_ns; /* 0: free */
	} place[GW_DOOR_PLACES];
	uint64_t full_ns; /* the credit of connections is whole again then */
};

/* How long the next one has to wait before it is looked at; 0: not at all. */
uint64_t gw_door_wait_ns(const struct gw_door *door, uint64_t now_ns);
/* One comes. Its place, or -EBUSY: too many from there. *evicted: whose place it is that was taken,
 * or -1. now_ns is not 0. */
int gw_door_enter(struct gw_door *door, const uint8_t from[16], uint64_t now_ns, int *evicted);
/* It is known now, or gone. */
void gw_door_leave(struct gw_door *door, int place);
