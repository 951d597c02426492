/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM's outgoing pages, shared by the workers that send them: the page rules' bitmaps, the label,
 * and each worker's own counters. No DPDK here: the simulator runs the same code.
 *
 * open: pages to send under the current label; workers claim words of it. What they claim that is in
 * next, too, they leave to the next epoch.
 *
 * next: pages dirtied since; the draining worker fills it, opening an epoch empties it into open.
 *
 * hole: pages that the source file does not hold; the exporter's dirt clears them.
 *
 * resend: pages whose packet was lost. One that is read again may have been punched meanwhile, and
 * the old bytes may have been applied under this very label: it must come again under the next.
 */
#pragma once

#include "../export/ring.h"
#include "../memory/bitmap.h"
#include "../memory/space.h"
#include "../path/tx_path.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_SOURCE_MAX_WORKERS 16u

/* One worker's counters for one source; that worker alone writes them. `taken` minus `settled` is
 * what is in its hand or outstanding, in units of one page in hand or one packet (page rule 3). */
struct gw_source_tally {
	_Alignas(64) uint64_t taken;
	uint64_t settled;
	uint64_t pages, zero_pages, hole_pages, resent_pages;
	uint64_t deferred_pages; /* left to the next epoch: dirtied before their turn came */
	uint64_t wire_bytes;
};

struct gw_source {
	struct gw_space space;
	uint32_t n_cores;      /* of the destination */
	uint32_t state_region; /* index in space; its pages are added when the state is known */
	uint64_t *open, *next, *hole, *resend;
	uint32_t still; /* the guest is paused and its holes were looked for: nothing is punched any
			   more */
	_Alignas(64) uint32_t label; /* the draining worker publishes it; 0: nothing open */
	_Alignas(64)
		uint64_t limit[GW_SPACE_REGIONS]; /* pages below it may be taken; control writes */
	_Alignas(64) struct gw_source_tally tally[GW_SOURCE_MAX_WORKERS];

	/* The draining worker's own. */
	_Alignas(64) struct gw_ring_reader ring[GW_EXPORT_MAX_RINGS];
	uint32_t n_rings;
	uint64_t drain_head[GW_EXPORT_MAX_RINGS];
	bool draining; /* towards drain_head */
	bool ring_broken;
	bool merging;
	uint64_t merge_word, merge_pages;
	uint64_t dirty_entries, dirty_pages, bad_entries; /* control reads */
	uint64_t bad_entry;
};

/* regions: guest memory, mapped; state_pages bounds the device state. */
int gw_source_init(struct gw_source *s, const struct gw_space *regions, uint64_t state_pages,
	uint32_t n_cores);
void gw_source_release(struct gw_source *s);

/* Nothing open, in hand or outstanding, seen together (page rule 3). Any thread. */
bool gw_source_idle(const struct gw_source *s);

static inline void gw_tally_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELEASE);
}

/* A packet left a path's books: puts lost pages back, then counts it. */
void gw_source_settle(struct gw_source *s, uint32_t worker, const struct gw_tx_path *p,
	const struct gw_tx_record *r, bool lost);

/* The draining worker's steps; both do a bounded part and return what is left to do. */
enum gw_drain_result { GW_DRAIN_IDLE, GW_DRAIN_REACHED, GW_DRAIN_BROKEN };
/* Pops up to a burst from each ring into next; nothing while an epoch is being merged. REACHED once
 * when all rings passed drain_head. */
enum gw_drain_result gw_source_drain(struct gw_source *s);
/* Starts an epoch: publishes the label, then merges. gw_source_merge() returns true once when it is
 * done. */
void gw_source_open(struct gw_source *s, uint16_t label);
bool gw_source_merge(struct gw_source *s);
