/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose turn it is: the sources that send over one queue share it by weight, by deficit round robin
 * (Shreedhar and Varghese, "Efficient fair queuing using deficit round-robin", SIGCOMM 1995). Sizes
 * are known only after a packet was made, so that a turn ends when its bytes are used up and what
 * was taken too much is owed ("surplus" round robin). Pure: no clock, no packets.
 *
 * Work conserving: a source that has nothing to send, or may not send now, is passed over and keeps
 * what is left of its turn, which is never more than one turn's worth: nobody saves up while idle.
 *
 * A turn is worth GW_SHARE_TURN_BYTES to the source with the smallest weight and in proportion more
 * to others. No packet, nor the fragments of one page, is larger, so one visit always pays a debt
 * off, and turns are as short as the weights allow.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define GW_SHARE_MEMBERS 64u
#define GW_SHARE_TURN_BYTES 9728 /* of the lightest; above MTU 9600 and its frame */
#define GW_SHARE_WEIGHT_MAX 1000u

struct gw_share {
	uint32_t n, turn; /* turn: index in member */
	uint8_t member[GW_SHARE_MEMBERS];
	uint32_t weight[GW_SHARE_MEMBERS]; /* by id, as the next two */
	int64_t turn_bytes[GW_SHARE_MEMBERS];
	int64_t deficit[GW_SHARE_MEMBERS]; /* bytes left of the turn; negative: owed */
};

static inline void gw_share_measure(struct gw_share *s)
{
	uint32_t least = GW_SHARE_WEIGHT_MAX;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->weight[s->member[i]] < least)
			least = s->weight[s->member[i]];
	for (uint32_t i = 0; i < s->n; i++) {
		uint8_t id = s->member[i];

		s->turn_bytes[id] = (int64_t)GW_SHARE_TURN_BYTES * s->weight[id] / least;
		if (s->deficit[id] > s->turn_bytes[id])
			s->deficit[id] = s->turn_bytes[id];
	}
}

/* weight: 1..GW_SHARE_WEIGHT_MAX; what is outside counts as the nearest. */
static inline void gw_share_set(struct gw_share *s, uint8_t id, uint32_t weight)
{
	s->weight[id] = weight < 1                     ? 1
			: weight > GW_SHARE_WEIGHT_MAX ? GW_SHARE_WEIGHT_MAX
						       : weight;
	gw_share_measure(s);
}

/* id below GW_SHARE_MEMBERS, not a member yet. */
static inline void gw_share_add(struct gw_share *s, uint8_t id, uint32_t weight)
{
	s->member[s->n++] = id;
	s->deficit[id] = 0;
	gw_share_set(s, id, weight);
}

static inline void gw_share_remove(struct gw_share *s, uint8_t id)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->member[i] != id)
			continue;
		memmove(s->member + i, s->member + i + 1, s->n - i - 1);
		s->n--;
		if (s->turn > i)
			s->turn--;
		break;
	}
	if (s->turn >= s->n)
		s->turn = 0;
	gw_share_measure(s);
}

/* The id of the source that sends next; -1: none. barred: a bit per id that has nothing to send, or
 * may not send. */
static inline int gw_share_pick(struct gw_share *s, uint64_t barred)
{
	uint8_t id;

	if (s->n == 0)
		return -1;
	if (s->n == 1) /* alone: no turns */
		return (barred >> s->member[0] & 1) != 0 ? -1 : s->member[0];
	for (uint32_t i = 0; i <= s->n; i++) {
		id = s->member[s->turn];
		if ((barred >> id & 1) == 0 && s->deficit[id] > 0)
			return id;
		s->turn = s->turn + 1 < s->n ? s->turn + 1 : 0;
		id = s->member[s->turn];
		if ((barred >> id & 1) == 0 && s->deficit[id] <= 0)
			s->deficit[id] += s->turn_bytes[id];
	}
	/* Debts from heavier days: work goes on. */
	for (uint32_t i = 0; i < s->n; i++)
		if ((barred >> s->member[i] & 1) == 0)
			return s->member[i];
	return -1;
}

/* It sent so many bytes. */
static inline void gw_share_spend(struct gw_share *s, uint8_t id, uint64_t bytes)
{
	if (s->n > 1)
		s->deficit[id] -= (int64_t)bytes;
}
