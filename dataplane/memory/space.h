/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM's pages as one flat array of 2 MiB chunks: each region begins on a chunk of its own, the
 * device state is the last region. A chunk's bits in a bitmap are one cache line (512 bits), and a
 * chunk has one owner core.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_CHUNK_PAGES 512u
#define GW_CHUNK_WORDS 8u
#define GW_SPACE_REGIONS 17u /* guest regions and the device state */

struct gw_space_region {
	uint8_t *base;
	uint64_t pages;
	uint64_t first; /* flat page index, a multiple of GW_CHUNK_PAGES */
	uint8_t id;     /* on the wire */
};

struct gw_space {
	uint32_t n;
	struct gw_space_region region[GW_SPACE_REGIONS];
	uint64_t words; /* 64-bit words of a bitmap over all chunks */
};

/* Adds a region behind the others; its index, or -1 where there is no room. */
static inline int gw_space_add(struct gw_space *s, uint8_t id, void *base, uint64_t pages)
{
	struct gw_space_region *r = &s->region[s->n];

	if (s->n == GW_SPACE_REGIONS)
		return -1;
	r->base = base;
	r->pages = pages;
	r->first = s->words * 64;
	r->id = id;
	s->words += (pages + GW_CHUNK_PAGES - 1) / GW_CHUNK_PAGES * GW_CHUNK_WORDS;
	return (int)s->n++;
}

/* Index of the region with this wire id, or -1. */
static inline int gw_space_find(const struct gw_space *s, uint8_t id)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->region[i].id == id)
			return (int)i;
	return -1;
}

/* Region index that holds a flat page. */
static inline uint32_t gw_space_region_of(const struct gw_space *s, uint64_t flat)
{
	uint32_t i = s->n - 1;

	while (s->region[i].first > flat)
		i--;
	return i;
}

/* Owner core of a page: both ends compute it from what is on the wire. */
static inline uint32_t gw_space_owner(uint8_t region_id, uint64_t page, uint32_t n_cores)
{
	return n_cores == 1 ? 0 : (uint32_t)((page / GW_CHUNK_PAGES + region_id) % n_cores);
}
