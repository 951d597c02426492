/* SPDX-License-Identifier: BSD-3-Clause */
#include "source.h"

#include <errno.h>
#include <string.h>

#define DRAIN_BURST 64u
#define MERGE_WORDS 4096u

int gw_source_init(
	struct gw_source *s, const struct gw_space *regions, uint64_t state_pages, uint32_t n_cores)
{
	memset(s, 0, sizeof(*s));
	s->space = *regions;
	s->n_cores = n_cores;
	s->state_region = (uint32_t)gw_space_add(&s->space, 255, NULL, state_pages);
	if (s->state_region >= GW_SPACE_REGIONS)
		return -EINVAL;
	s->open = gw_bitmap_create(s->space.words);
	s->next = gw_bitmap_create(s->space.words);
	s->hole = gw_bitmap_create(s->space.words);
	s->resend = gw_bitmap_create(s->space.words);
	if (s->open == NULL || s->next == NULL || s->hole == NULL || s->resend == NULL) {
		gw_source_release(s);
		return -ENOMEM;
	}
	/* What nobody marked as data is a hole. */
	for (uint32_t i = 0; i < s->state_region; i++)
		gw_bitmap_set_range(s->hole, s->space.region[i].first, s->space.region[i].pages);
	for (uint32_t i = 0; i < GW_SPACE_REGIONS; i++)
		s->limit[i] = UINT64_MAX;
	return 0;
}

void gw_source_release(struct gw_source *s)
{
	gw_bitmap_free(s->open, s->space.words);
	gw_bitmap_free(s->next, s->space.words);
	gw_bitmap_free(s->hole, s->space.words);
	gw_bitmap_free(s->resend, s->space.words);
	s->open = s->next = s->hole = s->resend = NULL;
}

bool gw_source_idle(const struct gw_source *s)
{
	uint64_t taken = 0, settled = 0;

	/* `settled` first, `taken` last: equal sums then mean that nothing was in hand or
	 * outstanding all the while, so nobody could set a bit behind the scan. */
	for (uint32_t w = 0; w < GW_SOURCE_MAX_WORKERS; w++)
		settled += __atomic_load_n(&s->tally[w].settled, __ATOMIC_ACQUIRE);
	if (!gw_bitmap_empty(s->open, s->space.words))
		return false;
	for (uint32_t w = 0; w < GW_SOURCE_MAX_WORKERS; w++)
		taken += __atomic_load_n(&s->tally[w].taken, __ATOMIC_ACQUIRE);
	return taken == settled;
}

/* Page rule 3: the bit is set before the packet stops counting as outstanding. */
static uint64_t put_back(struct gw_source *s, uint64_t flat, uint64_t count)
{
	uint64_t n, mask, added = 0;

	for (; count != 0; flat += n, count -= n) {
		mask = gw_bitmap_mask(flat, count, &n);
		__atomic_fetch_or(&s->resend[flat / 64], mask, __ATOMIC_RELAXED);
		added += (uint64_t)__builtin_popcountll(
			mask & ~__atomic_fetch_or(&s->open[flat / 64], mask, __ATOMIC_RELEASE));
	}
	return added;
}

void gw_source_settle(struct gw_source *s, uint32_t worker, const struct gw_tx_path *p,
	const struct gw_tx_record *r, bool lost)
{
	struct gw_source_tally *t = &s->tally[worker];
	uint64_t first = s->space.region[r->region].first;
	uint64_t again = 0;

	if (lost) {
		if (r->kind == GW_TX_RUN_LIST) {
			for (uint32_t i = 0; i < r->count; i++) {
				const struct gw_tx_run *run = gw_tx_path_run(p, r->page + i);

				again += put_back(s, first + run->page, run->count);
			}
		} else {
			again = put_back(s, first + r->page, r->kind == GW_TX_PAGES ? r->count : 1);
		}
		gw_tally_add(&t->resent_pages, again);
	}
	gw_tally_add(&t->settled, r->kind == GW_TX_PAGES ? r->count : 1);
}

/* One entry of the ring into next, after every check. */
static bool apply_entry(struct gw_source *s, uint64_t entry)
{
	int i = gw_space_find(&s->space, gw_export_entry_region(entry));
	uint64_t page = gw_export_entry_page(entry);
	uint32_t count = gw_export_entry_count(entry);
	const struct gw_space_region *r;

	if (i < 0 || (uint32_t)i == s->state_region)
		return false;
	r = &s->space.region[i];
	if (page >= r->pages || count > r->pages - page)
		return false;
	/* In this order: see hole_found() in streams.c. */
	gw_bitmap_set_range(s->next, r->first + page, count);
	gw_bitmap_clear_range(s->hole, r->first + page, count);
	s->dirty_pages += count;
	s->dirty_entries++;
	return true;
}

enum gw_drain_result gw_source_drain(struct gw_source *s)
{
	uint64_t entry[DRAIN_BURST];
	bool reached = true;

	/* Page rule 1: what is drained while an epoch opens would join it, under a label that its
	 * page may have been sent with already. */
	if (s->ring_broken || s->merging)
		return GW_DRAIN_IDLE;
	for (uint32_t i = 0; i < s->n_rings; i++) {
		int n = gw_ring_pop(&s->ring[i], entry, DRAIN_BURST);

		for (int k = 0; k < n; k++) {
			if (!apply_entry(s, entry[k])) {
				s->bad_entries++;
				s->bad_entry = entry[k];
				n = -EPROTO;
			}
		}
		if (n < 0) {
			s->ring_broken = true;
			s->draining = false;
			return GW_DRAIN_BROKEN;
		}
		/* Signed distance: cursors count for ever and may wrap. */
		if ((int64_t)(s->drain_head[i] - s->ring[i].tail) > 0)
			reached = false;
	}
	if (!s->draining || !reached)
		return GW_DRAIN_IDLE;
	s->draining = false;
	return GW_DRAIN_REACHED;
}

void gw_source_open(struct gw_source *s, uint16_t label)
{
	/* Page rule 1: the label is out before any page of the new epoch can be claimed. */
	__atomic_store_n(&s->label, label, __ATOMIC_SEQ_CST);
	s->merging = true;
	s->merge_word = 0;
	s->merge_pages = 0;
}

bool gw_source_merge(struct gw_source *s)
{
	uint64_t end = s->merge_word + MERGE_WORDS;

	if (!s->merging)
		return false;
	if (end > s->space.words)
		end = s->space.words;
	for (; s->merge_word < end; s->merge_word++) {
		uint64_t bits;

		if (__atomic_load_n(&s->next[s->merge_word], __ATOMIC_RELAXED) == 0)
			continue;
		bits = __atomic_exchange_n(&s->next[s->merge_word], 0, __ATOMIC_ACQ_REL);
		__atomic_fetch_or(&s->open[s->merge_word], bits, __ATOMIC_RELEASE);
		s->merge_pages += (uint64_t)__builtin_popcountll(bits);
	}
	s->merging = s->merge_word < s->space.words;
	return !s->merging;
}
