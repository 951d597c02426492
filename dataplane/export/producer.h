/* SPDX-License-Identifier: BSD-3-Clause */
/* The producer's half of the export rings: their memory, and pushing an entry. The consumer's half
 * is ring.h. The consumer's cursor is not trusted either: a bad one is an error, never a loss. */
#pragma once

#include "godwit_export.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/* One producer at a time. */
struct gw_ring_writer {
	struct gw_export_ring *ring; /* in shared memory */
	uint64_t head;               /* own copy; never read back */
	uint64_t tail_seen;          /* the consumer was at least here */
	uint32_t mask;
};

/* A sealed memfd with n_rings empty rings, mapped. */
struct gw_ring_area {
	int fd;
	void *map;
	size_t size_bytes;
	uint32_t n_rings;
	uint32_t ring_entries;
	uint64_t ring_stride;
};

/* ring_entries: a power of two within the contract's bounds. -EINVAL, -ENOMEM, other -errno. */
int gw_ring_area_create(uint32_t n_rings, uint32_t ring_entries, struct gw_ring_area *out);
void gw_ring_area_free(struct gw_ring_area *area);

/* A writer at the start of ring idx (idx < n_rings). */
struct gw_ring_writer gw_ring_area_writer(const struct gw_ring_area *area, uint32_t idx);

/* 0, -EAGAIN: the ring is full, -EPROTO: the consumer's cursor is impossible. */
static inline int gw_ring_push(struct gw_ring_writer *w, uint64_t entry)
{
	uint64_t tail;

	if (w->head - w->tail_seen > w->mask) {
		tail = __atomic_load_n(&w->ring->tail, __ATOMIC_ACQUIRE);
		if (w->head - tail > w->head - w->tail_seen)
			return -EPROTO;
		w->tail_seen = tail;
		if (w->head - tail > w->mask)
			return -EAGAIN;
	}
	__atomic_store_n(&w->ring->entry[w->head & w->mask], entry, __ATOMIC_RELAXED);
	w->head++;
	__atomic_store_n(&w->ring->head, w->head, __ATOMIC_RELEASE);
	return 0;
}
