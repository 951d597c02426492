/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink.h"

#include "../base/prefault.h"
#include "../base/secret.h"
#include "../memory/bitmap.h"
#include "../memory/copy.h"
#include "../memory/stamp.h"
#include "../memory/zero.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* The usual guest with few devices has less. */
#define STATE_POPULATE_BYTES (1u << 20)

int gw_sink_init(
	struct gw_sink *s, const struct gw_space *regions, uint64_t state_pages, uint32_t n_cores)
{
	void *m;

	memset(s, 0, sizeof(*s));
	s->space = *regions;
	s->n_cores = n_cores;
	s->state_bytes = state_pages * GW_WIRE_PAGE_BYTES;
	m = gw_secret_alloc(s->state_bytes);
	if (m == NULL)
		return -ENOMEM;
	s->state = m;
	s->state_region = (uint32_t)gw_space_add(&s->space, 255, m, state_pages);
	if (s->state_region >= GW_SPACE_REGIONS)
		goto fail;
	m = mmap(NULL, s->space.words * 64 * sizeof(*s->stamp), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m == MAP_FAILED)
		goto fail;
	s->stamp = m;
	gw_prefault(m, s->space.words * 64 * sizeof(*s->stamp));
	s->punch = gw_bitmap_create(s->space.words);
	s->kept = gw_bitmap_create(s->space.words);
	if (s->punch == NULL || s->kept == NULL)
		goto fail;
	return 0;
fail:
	gw_sink_release(s);
	return -ENOMEM;
}

void gw_sink_release(struct gw_sink *s)
{
	if (s->stamp != NULL)
		munmap(s->stamp, s->space.words * 64 * sizeof(*s->stamp));
	gw_secret_free(s->state);
	gw_bitmap_free(s->punch, s->space.words);
	gw_bitmap_free(s->kept, s->space.words);
	s->stamp = NULL;
	s->state = NULL;
	s->punch = s->kept = NULL;
}

void gw_sink_populate_state(struct gw_sink *s)
{
	gw_secret_populate(s->state,
		s->state_bytes < STATE_POPULATE_BYTES ? s->state_bytes : STATE_POPULATE_BYTES);
}

static inline void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Whole pages or one fragment. */
static void apply_raw(struct gw_sink *s, struct gw_sink_tally *t, const struct gw_space_region *r,
	const struct gw_wire_packet *p)
{
	bool whole = p->data.fragment == GW_WIRE_WHOLE;
	uint32_t pages = whole ? p->data.length / GW_WIRE_PAGE_BYTES : 1;
	uint32_t bytes = whole ? GW_WIRE_PAGE_BYTES : p->data.length;
	uint32_t fragments = whole ? GW_STAMP_ALL : 1u << p->data.fragment;
	uint32_t *stamp = &s->stamp[r->first + p->data.page];
	uint8_t *to = r->base + (uint64_t)p->data.page * GW_WIRE_PAGE_BYTES + p->data.offset;
	const uint8_t *from = p->data.payload;

	for (uint32_t i = 0; i < pages; i++, to += GW_WIRE_PAGE_BYTES, from += GW_WIRE_PAGE_BYTES) {
		if (gw_stamp_take(&stamp[i], p->data.epoch, fragments, true) != GW_STAMP_APPLY) {
			add(&t->superseded, 1);
			continue;
		}
		gw_copy_in(to, from, bytes);
		add(&t->bytes, bytes);
		add(&t->pages, whole || p->data.offset == 0);
		if (gw_bitmap_get(s->punch, r->first + p->data.page + i))
			gw_bitmap_clear(s->punch, r->first + p->data.page + i);
	}
}

/* Most pages of preallocated memory are zero: to look costs less than to write. */
static void clear_page(const struct gw_space_region *r, uint32_t page)
{
	uint8_t *at = r->base + (uint64_t)page * GW_WIRE_PAGE_BYTES;

	if (!gw_zero_page(at))
		memset(at, 0, GW_WIRE_PAGE_BYTES);
}

/* A page that nobody stored to is zero already: it is stamped and left alone. One that was there
 * before is cleared, and stays: it was taken ahead on purpose, and giving it back would be done
 * while the guest stands. */
static void apply_runs(struct gw_sink *s, struct gw_sink_tally *t, const struct gw_space_region *r,
	const struct gw_wire_packet *p)
{
	bool hole = p->data.encoding == GW_WIRE_HOLE_RUNS;
	uint32_t page, count;

	for (unsigned int i = 0; i < p->data.length / sizeof(struct gw_wire_run); i++) {
		gw_wire_run_get(p->data.payload, i, &page, &count);
		for (uint64_t flat = r->first + page; count != 0; flat++, page++, count--) {
			if (gw_stamp_take(&s->stamp[flat], p->data.epoch, GW_STAMP_ALL, false) !=
				GW_STAMP_APPLY) {
				add(&t->superseded, 1);
				continue;
			}
			add(hole ? &t->hole_pages : &t->zero_pages, 1);
			if ((s->stamp[flat] & GW_STAMP_DATA) != 0) {
				clear_page(r, page);
				if (hole)
					gw_bitmap_set(s->punch, flat);
			} else if (gw_bitmap_get(s->kept, flat)) {
				clear_page(r, page);
				gw_bitmap_clear(s->kept, flat);
			}
		}
	}
}

/* Whether [page, page + count) lies in the region and in chunks of this core. */
static enum gw_apply check_range(const struct gw_sink *s, const struct gw_space_region *r,
	uint32_t core, uint32_t page, uint32_t count)
{
	if (page >= r->pages || count > r->pages - page)
		return GW_APPLY_BAD_PAGE;
	if (s->n_cores == 1)
		return GW_APPLY_DONE;
	/* A sender cuts its runs at chunks: one owner per run. */
	if (page / GW_CHUNK_PAGES != (page + count - 1) / GW_CHUNK_PAGES ||
		gw_space_owner(r->id, page, s->n_cores) != core)
		return GW_APPLY_WRONG_CORE;
	return GW_APPLY_DONE;
}

enum gw_apply gw_sink_apply(struct gw_sink *s, uint32_t core, const struct gw_wire_packet *p)
{
	int index = gw_space_find(&s->space, p->data.region);
	struct gw_sink_tally *t = &s->tally[core];
	const struct gw_space_region *r;
	enum gw_apply verdict;
	uint32_t page, count;

	if (index < 0)
		return GW_APPLY_BAD_REGION;
	r = &s->space.region[index];
	if (p->data.encoding == GW_WIRE_RAW) {
		count = p->data.fragment == GW_WIRE_WHOLE ? p->data.length / GW_WIRE_PAGE_BYTES : 1;
		verdict = check_range(s, r, core, p->data.page, count);
		if (verdict == GW_APPLY_DONE)
			apply_raw(s, t, r, p);
		return verdict;
	}
	/* All runs are checked before the first page is touched. */
	for (unsigned int i = 0; i < p->data.length / sizeof(struct gw_wire_run); i++) {
		gw_wire_run_get(p->data.payload, i, &page, &count);
		verdict = check_range(s, r, core, page, count);
		if (verdict != GW_APPLY_DONE)
			return verdict;
	}
	apply_runs(s, t, r, p);
	return GW_APPLY_DONE;
}
