/* SPDX-License-Identifier: BSD-3-Clause */
#include "take.h"

#include "../memory/zero.h"

#define SCAN_WORDS 512u
/* Zero and hole pages of one call: reading that many takes a core some 15 us. */
#define LOOK_PAGES 64u

/* Bits of this word that may be taken now: pages below the region's limit. */
static uint64_t allowed(
	const struct gw_source *s, const struct gw_space_region *r, uint32_t region, uint64_t word)
{
	uint64_t limit = __atomic_load_n(&s->limit[region], __ATOMIC_ACQUIRE);
	uint64_t page = word * 64 - r->first;

	if (limit >= page + 64)
		return ~UINT64_C(0);
	return limit <= page ? 0 : (UINT64_C(1) << (limit - page)) - 1;
}

/* Of the pages that were claimed those that this epoch has to send: one that was dirtied again goes
 * with the next, where it would have to go anyway. The order is what makes that safe: a merge that
 * had emptied this word of next before it was read put the page into open before or after the
 * claim, so it is in hand or still there. */
static uint64_t defer_dirtied(
	struct gw_source *s, struct gw_source_tally *tally, uint64_t word, uint64_t bits)
{
	uint64_t again = bits & __atomic_load_n(&s->next[word], __ATOMIC_SEQ_CST);

	/* In the last epochs everything goes: no next one follows because of a page that classify()
	 * puts into next a moment too late to be counted. */
	if (__atomic_load_n(&s->still, __ATOMIC_ACQUIRE) != 0)
		return bits;
	if (again != 0)
		gw_tally_add(&tally->deferred_pages, (uint64_t)__builtin_popcountll(again));
	return bits & ~again;
}

/* Claims the next word with work for this core. False where a bounded scan found none. */
static bool claim(
	struct gw_source *s, struct gw_take *t, struct gw_source_tally *tally, uint32_t core)
{
	uint64_t words = s->space.words, mask, bits;
	uint32_t region;

	for (uint64_t n = 0; n < SCAN_WORDS && n < words; n++, t->cursor++) {
		if (t->cursor >= words)
			t->cursor = 0;
		if (__atomic_load_n(&s->open[t->cursor], __ATOMIC_RELAXED) == 0)
			continue;
		region = gw_space_region_of(&s->space, t->cursor * 64);
		if (gw_space_owner(s->space.region[region].id,
			    t->cursor * 64 - s->space.region[region].first, s->n_cores) != core)
			continue;
		mask = allowed(s, &s->space.region[region], region, t->cursor);
		if (mask == 0)
			continue;
		/* Counted before the bits are gone: an idle check must never see neither. */
		gw_tally_add(&tally->taken, 64);
		if (mask == ~UINT64_C(0))
			bits = __atomic_exchange_n(&s->open[t->cursor], 0, __ATOMIC_SEQ_CST);
		else
			bits = __atomic_fetch_and(&s->open[t->cursor], ~mask, __ATOMIC_SEQ_CST) &
			       mask;
		bits = defer_dirtied(s, tally, t->cursor, bits);
		gw_tally_add(&tally->settled, 64 - (uint64_t)__builtin_popcountll(bits));
		if (bits == 0)
			continue;
		t->hand = bits;
		t->hand_word = t->cursor++;
		t->hand_region = region;
		t->hand_label = (uint16_t)__atomic_load_n(&s->label, __ATOMIC_SEQ_CST);
		return true;
	}
	return false;
}

static bool runs_full(const struct gw_take *t)
{
	return t->n_runs == GW_WIRE_RUNS_SENT || t->run_pages == GW_WIRE_RUN_PAGES_MAX;
}

/* Adds a page to the run list. False where it does not fit the list as it is: the list must go
 * first. */
static bool add_run(const struct gw_source *s, struct gw_take *t, uint8_t encoding, uint32_t page)
{
	struct gw_tx_run *last = t->n_runs != 0 ? &t->run[t->n_runs - 1] : NULL;

	if (last == NULL) {
		t->run_encoding = encoding;
		t->run_label = t->hand_label;
		t->run_region = t->hand_region;
	} else if (t->run_encoding != encoding || t->run_label != t->hand_label ||
		   t->run_region != t->hand_region || runs_full(t)) {
		return false;
	} else if (last->page + last->count == page &&
		   (s->n_cores == 1 || page % GW_CHUNK_PAGES != 0)) {
		last->count++;
		t->run_pages++;
		return true;
	}
	t->run[t->n_runs++] = (struct gw_tx_run){page, 1};
	t->run_pages++;
	return true;
}

static void give_runs(const struct gw_take *t, struct gw_taken *out)
{
	out->kind = GW_TAKE_RUNS;
	out->label = t->run_label;
	out->region = t->run_region;
}

/* RAW, ZERO_RUNS or HOLE_RUNS for a page in hand. A hole is never read: reading makes it data. */
static uint8_t classify(struct gw_source *s, uint64_t flat, const uint8_t *data, uint32_t region)
{
	bool zero;

	if (region == s->state_region)
		return GW_WIRE_RAW; /* the destination's buffer is not guest RAM: what is not sent
				       is not there */
	if (gw_bitmap_get(s->hole, flat))
		return GW_WIRE_HOLE_RUNS;
	zero = gw_zero_line(data) && gw_zero_page(data);
	/* Whatever it is now: it may be punched between this look and the driver's read. */
	if (gw_bitmap_get(s->resend, flat)) {
		if (__atomic_load_n(&s->still, __ATOMIC_RELAXED) == 0)
			gw_bitmap_set(s->next, flat);
		gw_bitmap_clear(s->resend, flat);
	}
	return zero ? GW_WIRE_ZERO_RUNS : GW_WIRE_RAW;
}

/* The first page that is left in hand, which is not empty. */
static uint64_t first_in_hand(const struct gw_take *t)
{
	return t->hand_word * 64 + (unsigned int)__builtin_ctzll(t->hand);
}

void gw_take_next(struct gw_source *s, struct gw_take *t, uint32_t worker, uint32_t core,
	uint32_t max_pages, struct gw_taken *out)
{
	struct gw_source_tally *tally = &s->tally[worker];
	const struct gw_space_region *r;

	out->kind = GW_TAKE_NOTHING;
	for (uint32_t looked = 0;; looked++) {
		uint64_t flat;
		uint8_t encoding;
		uint32_t page;

		if (t->hand == 0 && !claim(s, t, tally, core)) {
			if (t->n_runs != 0)
				give_runs(t, out);
			return;
		}
		if (looked == LOOK_PAGES) {
			out->kind = GW_TAKE_AGAIN;
			return;
		}
		r = &s->space.region[t->hand_region];
		flat = first_in_hand(t);
		page = (uint32_t)(flat - r->first);
		encoding = classify(
			s, flat, r->base + (uint64_t)page * GW_WIRE_PAGE_BYTES, t->hand_region);
		if (encoding != GW_WIRE_RAW) {
			if (!add_run(s, t, encoding, page)) {
				give_runs(t, out);
				return;
			}
			t->hand &= t->hand - 1;
			gw_tally_add(encoding == GW_WIRE_ZERO_RUNS ? &tally->zero_pages
								   : &tally->hole_pages,
				1);
			continue;
		}
		out->kind = GW_TAKE_PAGES;
		out->label = t->hand_label;
		out->region = t->hand_region;
		out->page = page;
		out->data = r->base + (uint64_t)page * GW_WIRE_PAGE_BYTES;
		out->count = 1;
		t->hand &= t->hand - 1;
		while (out->count < max_pages && t->hand != 0 &&
			first_in_hand(t) == flat + out->count &&
			classify(s, flat + out->count,
				out->data + (uint64_t)out->count * GW_WIRE_PAGE_BYTES,
				t->hand_region) == GW_WIRE_RAW) {
			t->hand &= t->hand - 1;
			out->count++;
		}
		gw_tally_add(&tally->pages, out->count);
		out->next = NULL;
		if (t->hand != 0)
			out->next = r->base + (first_in_hand(t) - r->first) * GW_WIRE_PAGE_BYTES;
		return;
	}
}

void gw_take_runs_done(struct gw_source *s, struct gw_take *t, uint32_t worker)
{
	gw_tally_add(&s->tally[worker].settled, t->run_pages - 1);
	t->n_runs = 0;
	t->run_pages = 0;
}

void gw_take_return(struct gw_source *s, struct gw_take *t, uint32_t worker)
{
	struct gw_source_tally *tally = &s->tally[worker];

	if (t->hand != 0) {
		__atomic_fetch_or(&s->open[t->hand_word], t->hand, __ATOMIC_RELEASE);
		gw_tally_add(&tally->settled, (uint64_t)__builtin_popcountll(t->hand));
		t->hand = 0;
	}
	for (uint32_t i = 0; i < t->n_runs; i++)
		gw_bitmap_set_range(s->open, s->space.region[t->run_region].first + t->run[i].page,
			t->run[i].count);
	gw_tally_add(&tally->settled, t->run_pages);
	t->n_runs = 0;
	t->run_pages = 0;
}
