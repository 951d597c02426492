/* SPDX-License-Identifier: BSD-3-Clause */
/* What a page holds: a pure function of seed, page and generation, so that it can be verified. */
#pragma once

#include "profile.h"

#include <stdbool.h>
#include <stdint.h>

#define GUEST_PAGE_BYTES 4096u
#define GUEST_PAGE_WORDS (GUEST_PAGE_BYTES / sizeof(uint64_t))

enum guest_class { GUEST_HOLE, GUEST_ZERO, GUEST_COMPRESSIBLE, GUEST_NOISE };

/* splitmix64: the next number of a sequence. */
static inline uint64_t guest_rand(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

enum guest_class guest_class_of(const struct guest_profile *p, uint64_t page_idx);

void guest_page_fill(const struct guest_profile *p, uint64_t page_idx, uint32_t generation,
	uint64_t page[GUEST_PAGE_WORDS]);
bool guest_page_ok(const struct guest_profile *p, uint64_t page_idx, uint32_t generation,
	const uint64_t page[GUEST_PAGE_WORDS]);
