/* SPDX-License-Identifier: BSD-3-Clause */
#include "content.h"

#define HOLE_BLOCK_SHIFT 6 /* holes come in 256 KiB, as freed memory does */
#define ZERO_BLOCK_SHIFT 2
#define NOISE_WORDS_OF_COMPRESSIBLE (GUEST_PAGE_WORDS / 4)

static uint32_t percentile(uint64_t seed, uint64_t block, uint64_t salt)
{
	uint64_t state = seed ^ block * 0xd1342543de82ef95ull ^ salt;

	return (uint32_t)(guest_rand(&state) % 100);
}

enum guest_class guest_class_of(const struct guest_profile *p, uint64_t page_idx)
{
	if (percentile(p->seed, page_idx >> HOLE_BLOCK_SHIFT, 1) < p->holes_pct)
		return GUEST_HOLE;
	/* zero_pct is of all pages, this draw is among those that are no holes */
	if (percentile(p->seed, page_idx >> ZERO_BLOCK_SHIFT, 2) * (100 - p->holes_pct) <
		p->zero_pct * 100)
		return GUEST_ZERO;
	if (percentile(p->seed, page_idx >> ZERO_BLOCK_SHIFT, 3) < p->compressible_pct)
		return GUEST_COMPRESSIBLE;
	return GUEST_NOISE;
}

struct filler {
	uint64_t state;
	uint64_t repeated;
	unsigned int noise_words;
	bool zero;
};

static struct filler filler_of(
	const struct guest_profile *p, uint64_t page_idx, uint32_t generation)
{
	enum guest_class class = guest_class_of(p, page_idx);
	struct filler f = {.noise_words = GUEST_PAGE_WORDS};

	f.state = p->seed * 0xff51afd7ed558ccdull ^ page_idx << 24 ^ generation;
	f.state = guest_rand(&f.state);
	f.zero = class == GUEST_ZERO && generation % 2 == 0;
	if (class == GUEST_COMPRESSIBLE) {
		f.noise_words = NOISE_WORDS_OF_COMPRESSIBLE;
		f.repeated = f.state | 1;
	}
	return f;
}

static inline uint64_t next_word(struct filler *f, unsigned int word)
{
	if (f->zero)
		return 0;
	return word < f->noise_words ? guest_rand(&f->state) : f->repeated;
}

void guest_page_fill(const struct guest_profile *p, uint64_t page_idx, uint32_t generation,
	uint64_t page[GUEST_PAGE_WORDS])
{
	struct filler f = filler_of(p, page_idx, generation);

	for (unsigned int i = 0; i < GUEST_PAGE_WORDS; i++)
		page[i] = next_word(&f, i);
}

bool guest_page_ok(const struct guest_profile *p, uint64_t page_idx, uint32_t generation,
	const uint64_t page[GUEST_PAGE_WORDS])
{
	struct filler f = filler_of(p, page_idx, generation);
	uint64_t wrong = 0;

	for (unsigned int i = 0; i < GUEST_PAGE_WORDS; i++)
		wrong |= page[i] ^ next_word(&f, i);
	return wrong == 0;
}
