/* SPDX-License-Identifier: BSD-3-Clause */
/* The search for pages that the guest gave back after they were sent. A page that is given back
 * leaves every page table, also ours, where all data pages are: so only what is missing there is
 * looked up in the file. Several threads share a search, a slice of a region at a time: no two have
 * a word of a bitmap in common. */
#include "internal.h"

#include <errno.h>

#define SLICE_PAGES (GW_DP_HOLE_SLICE_BYTES / GW_WIRE_PAGE_BYTES)

struct hole_walk {
	struct gw_dp_source *s;
	uint32_t index;
	const struct gw_space_region *r;
	uint64_t at; /* pages below it were looked at */
	int64_t found;
};

/* [at, end) is a hole: what of it was data before goes into next. */
static void hole_found(struct hole_walk *h, uint64_t end)
{
	struct gw_source *s = &h->s->core;

	for (; h->at < end; h->at++) {
		uint64_t flat = h->r->first + h->at;

		if (gw_bitmap_get(s->hole, flat))
			continue;
		/* A page that is dirty as well may have been written since this look: it counts as
		 * data. The drainer sets next before it clears hole, so one of both sees the other.
		 */
		gw_bitmap_set(s->hole, flat);
		if (gw_bitmap_test_and_set(s->next, flat))
			gw_bitmap_clear(s->hole, flat);
		h->found++;
	}
}

/* [at, end) is data: given back and read again it would be a zero page that nobody reported. What
 * is still to be sent is read later anyway. */
static void data_found(struct hole_walk *h, uint64_t end)
{
	struct gw_source *s = &h->s->core;

	for (; h->at < end; h->at++) {
		uint64_t flat = h->r->first + h->at;

		if (gw_bitmap_get(s->hole, flat) || gw_bitmap_get(s->open, flat))
			continue;
		h->found += !gw_bitmap_test_and_set(s->next, flat);
	}
}

static int walk_data(void *ctx, uint64_t first, uint64_t count)
{
	struct hole_walk *h = ctx;

	hole_found(h, first);
	data_found(h, first + count);
	return 0;
}

/* Most of what is not mapped was a hole from the start. */
static int walk_unmapped(void *ctx, uint64_t first, uint64_t count)
{
	struct hole_walk *h = ctx;
	const uint64_t *hole = h->s->core.hole;
	uint64_t end = first + count;

	while (first < end) {
		uint64_t flat = h->r->first + first, n = 1;
		int ret;

		if (gw_bitmap_get(hole, flat)) {
			bool word =
				flat % 64 == 0 && end - first >= 64 &&
				__atomic_load_n(&hole[flat / 64], __ATOMIC_RELAXED) == ~UINT64_C(0);

			first += word ? 64 : 1;
			continue;
		}
		while (first + n < end && !gw_bitmap_get(hole, flat + n))
			n++;
		h->at = first;
		ret = gw_ram_extents(h->s->ram, h->index, first, n, walk_data, h);
		if (ret != 0)
			return ret;
		hole_found(h, first + n);
		first += n;
	}
	return 0;
}

/* Those of one region. */
static uint64_t slices_of(const struct gw_space_region *r)
{
	return (r->pages + SLICE_PAGES - 1) / SLICE_PAGES;
}

uint64_t gw_dp_source_hole_slices(const struct gw_dp_source *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->core.state_region; i++)
		n += slices_of(&s->core.space.region[i]);
	return n;
}

/* 1: there is no such slice. */
static int search_slice(struct hole_walk *h, uint64_t n)
{
	for (h->index = 0; h->index < h->s->core.state_region; h->index++) {
		h->r = &h->s->core.space.region[h->index];
		if (n < slices_of(h->r))
			return gw_ram_unmapped(h->s->ram, h->index, n * SLICE_PAGES, SLICE_PAGES,
				walk_unmapped, h);
		n -= slices_of(h->r);
	}
	return 1;
}

int64_t gw_dp_source_find_holes(struct gw_dp_source *s, uint64_t *slice)
{
	struct hole_walk h = {.s = s};
	int ret;

	do
		ret = search_slice(&h, __atomic_fetch_add(slice, 1, __ATOMIC_RELAXED));
	while (ret == 0);
	if (ret < 0) /* nobody begins another */
		__atomic_store_n(slice, UINT64_MAX / 2, __ATOMIC_RELAXED);
	return ret < 0 ? ret : h.found;
}

void gw_dp_source_still(struct gw_dp_source *s)
{
	__atomic_store_n(&s->core.still, 1, __ATOMIC_RELEASE);
}
