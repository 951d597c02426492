/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All keys of one end of a path. A packet's number says which generation it is sealed with, so
 * nothing is signalled: each end holds the generation that it is at, the next one, which control
 * makes ahead, and a few before it for packets that come late.
 *
 * PROBE and REPLY keys are written before any worker hears of the path and then only read, by any
 * core. Generations are the owner's, who alone looks them up and takes new ones in.
 */
#pragma once

#include "../wire/wire.h"
#include "keys.h"

#define GW_GENERATIONS 4u /* a power of two */

struct gw_generation {
	struct gw_aead_key data, ack;
	uint64_t number;
	const void *owner; /* whom control made it for */
};

struct gw_path_keys {
	struct gw_aead_key probe, reply;
	struct gw_generation *generation[GW_GENERATIONS]; /* by number */
	bool asked; /* the owner's: another generation is on its way */
};

static inline uint64_t gw_generation_of(uint64_t psn)
{
	return psn >> GW_WIRE_GENERATION_SHIFT;
}

/* NULL: not held, or not any more. */
static inline const struct gw_generation *gw_path_keys_at(
	const struct gw_path_keys *k, uint64_t psn)
{
	const struct gw_generation *g = k->generation[gw_generation_of(psn) % GW_GENERATIONS];

	return g != NULL && g->number == gw_generation_of(psn) ? g : NULL;
}

/* At number psn: the generation that is missing, of its own and the next one; UINT64_MAX: none. */
static inline uint64_t gw_path_keys_missing(const struct gw_path_keys *k, uint64_t psn)
{
	for (uint64_t ahead = 0; ahead < 2; ahead++) {
		uint64_t at = psn + (ahead << GW_WIRE_GENERATION_SHIFT);

		if (at <= GW_WIRE_PSN_MAX && gw_path_keys_at(k, at) == NULL)
			return gw_generation_of(at);
	}
	return UINT64_MAX;
}

/* Takes g in; returns what had its place, or NULL. */
struct gw_generation *gw_path_keys_put(struct gw_path_keys *k, struct gw_generation *g);

/* Control thread. NULL: no memory, or the cryptography failed. */
struct gw_path_keys *gw_path_keys_create(
	const uint8_t secret[GW_SECRET_BYTES], bool aes256, const struct gw_key_path *path);
struct gw_generation *gw_generation_create(const uint8_t secret[GW_SECRET_BYTES], bool aes256,
	const struct gw_key_path *path, uint64_t number);
/* Wiped. */
void gw_path_keys_free(struct gw_path_keys **keys);
void gw_generation_free(struct gw_generation *g);
