/* SPDX-License-Identifier: BSD-3-Clause */
/* The consumer's view of an export ring. The producer's half is in producer.h.
 * Nothing that the producer can write is trusted: the mask comes from the checked HELLO, the tail is
 * the consumer's own copy, an entry is copied once and then checked. */
#pragma once

#include "godwit_export.h"

#include <errno.h>
#include <stdint.h>

struct gw_ring_reader {
	struct gw_export_ring *ring; /* in shared memory */
	uint64_t tail;               /* own copy; never read back */
	uint32_t mask;
};

/* Entries waiting: 0..mask+1, or -EPROTO where the producer's cursor is impossible. */
static inline int64_t gw_ring_pending(const struct gw_ring_reader *r)
{
	uint64_t n = __atomic_load_n(&r->ring->head, __ATOMIC_ACQUIRE) - r->tail;

	return n <= (uint64_t)r->mask + 1 ? (int64_t)n : -EPROTO;
}

/* Takes up to max entries, publishes the new tail. Returns how many, or -EPROTO. */
static inline int gw_ring_pop(struct gw_ring_reader *r, uint64_t *out, unsigned int max)
{
	int64_t n = gw_ring_pending(r);

	if (n <= 0)
		return (int)n;
	if (n > (int64_t)max)
		n = max;
	for (int64_t i = 0; i < n; i++)
		out[i] = __atomic_load_n(&r->ring->entry[(r->tail + (uint64_t)i) & r->mask], __ATOMIC_RELAXED);
	r->tail += (uint64_t)n;
	__atomic_store_n(&r->ring->tail, r->tail, __ATOMIC_RELEASE);
	return (int)n;
}
