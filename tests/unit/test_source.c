/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/stream/: source.c and take.c. What is claimed, counted, put back and believed. */
#include "../../dataplane/stream/source.c"
#include "../../dataplane/stream/take.c"

#include "random.h"
#include "run.h"

#include <pthread.h>
#include <sched.h>

#define PAGE 4096u
#define A_ID 1u
#define A_PAGES 1600u /* chunks 0..3, the last in part */
#define B_ID 6u
#define B_PAGES 70u
#define B_FIRST 2048u
#define STATE_PAGES 3u
#define STATE_FIRST 2560u
#define ENTRIES 64u

struct world {
	struct gw_source s;
	struct gw_take take[16];
	uint8_t *mem;
	_Alignas(64) uint8_t ring_memory[2][sizeof(struct gw_export_ring) + ENTRIES * 8];
};

static struct gw_export_ring *ring(struct world *w, uint32_t i)
{
	return (struct gw_export_ring *)w->ring_memory[i];
}

/* All guest pages hold data; nothing is open. */
static void setup(struct world *w, uint32_t n_cores)
{
	struct gw_space space = {0};

	memset(w, 0, sizeof(*w));
	w->mem = malloc((size_t)(A_PAGES + B_PAGES + STATE_PAGES) * PAGE);
	memset(w->mem, 0x11, (size_t)(A_PAGES + B_PAGES + STATE_PAGES) * PAGE);
	gw_space_add(&space, A_ID, w->mem, A_PAGES);
	gw_space_add(&space, B_ID, w->mem + A_PAGES * PAGE, B_PAGES);
	if (gw_source_init(&w->s, &space, STATE_PAGES, n_cores) != 0)
		abort();
	w->s.space.region[2].base = w->mem + (A_PAGES + B_PAGES) * PAGE;
	for (uint32_t i = 0; i < 2; i++)
		w->s.ring[i] = (struct gw_ring_reader){.ring = ring(w, i), .mask = ENTRIES - 1};
	w->s.n_rings = 2;
	CU_ASSERT_EQUAL(gw_bitmap_count(w->s.hole, w->s.space.words), A_PAGES + B_PAGES);
	memset(w->s.hole, 0, w->s.space.words * 8);
}

static void teardown(struct world *w)
{
	gw_source_release(&w->s);
	free(w->mem);
}

static void open_range(struct world *w, uint64_t flat, uint64_t count, uint16_t label)
{
	gw_bitmap_set_range(w->s.next, flat, count);
	gw_source_open(&w->s, label);
	while (!gw_source_merge(&w->s))
		;
}

/* Takes; the work of one call is bounded, so it asks more than once. */
static bool take(struct world *w, uint32_t worker, uint32_t core, uint32_t max, struct gw_taken *t)
{
	*t = (struct gw_taken){0};
	for (int i = 0; i < 60; i++) {
		gw_take_next(&w->s, &w->take[core], worker, core, max, t);
		if (t->kind == GW_TAKE_PAGES || t->kind == GW_TAKE_RUNS)
			return true;
	}
	return false;
}

static void settle_pages(struct world *w, uint32_t worker, const struct gw_taken *t, bool lost)
{
	struct gw_tx_record r = {.page = t->page,
		.count = (uint16_t)t->count,
		.kind = GW_TX_PAGES,
		.region = (uint8_t)t->region};

	gw_source_settle(&w->s, worker, NULL, &r, lost);
}

/* Every page goes to exactly one owner, once, with its own bytes. */
static void owners(uint32_t n_cores, uint32_t max_pages)
{
	static uint8_t times[STATE_FIRST + STATE_PAGES];
	static struct world w;
	struct gw_taken t;
	unsigned int bad = 0, crossed = 0;

	setup(&w, n_cores);
	memset(times, 0, sizeof(times));
	open_range(&w, 0, A_PAGES, 7);
	open_range(&w, B_FIRST, B_PAGES, 7);
	open_range(&w, STATE_FIRST, STATE_PAGES, 7);
	for (uint32_t core = 0; core < n_cores; core++) {
		while (take(&w, core, core, max_pages, &t)) {
			const struct gw_space_region *r = &w.s.space.region[t.region];

			bad += t.kind != GW_TAKE_PAGES || t.label != 7 || t.count > max_pages;
			bad += t.data != r->base + (size_t)t.page * PAGE;
			bad += t.page + t.count > r->pages;
			for (uint32_t i = 0; i < t.count; i++) {
				times[r->first + t.page + i]++;
				bad += gw_space_owner(r->id, t.page + i, n_cores) != core;
			}
			crossed += t.page / 512 != (t.page + t.count - 1) / 512;
			CU_ASSERT_FALSE(gw_source_idle(&w.s));
			settle_pages(&w, core, &t, false);
		}
	}
	for (uint32_t i = 0; i < STATE_FIRST + STATE_PAGES; i++) {
		bool exists =
			i < A_PAGES || (i >= B_FIRST && i < B_FIRST + B_PAGES) || i >= STATE_FIRST;

		bad += times[i] != exists;
	}
	CU_ASSERT_EQUAL(bad, 0);
	CU_ASSERT_EQUAL(crossed, 0);
	CU_ASSERT_TRUE(gw_source_idle(&w.s));
	teardown(&w);
}

static void test_owners(void)
{
	for (uint32_t n_cores = 1; n_cores <= 5; n_cores++)
		for (uint32_t max = 1; max <= 3; max++)
			owners(n_cores, max);
}

/* A claim takes one word: at most 64 pages; the rest stays open for others. */
static void test_claims(void)
{
	static struct world w;
	struct gw_taken t;

	setup(&w, 1);
	open_range(&w, 10, 200, 1);
	CU_ASSERT_TRUE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_EQUAL(t.page, 10);
	CU_ASSERT_EQUAL(t.count, 2);
	CU_ASSERT_EQUAL(gw_bitmap_count(w.s.open, w.s.space.words), 200 - 54);
	CU_ASSERT_EQUAL(w.s.tally[0].taken - w.s.tally[0].settled, 54);
	/* Another worker gets none of them. */
	gw_take_next(&w.s, &w.take[5], 5, 0, 1, &t);
	CU_ASSERT_EQUAL(t.kind, GW_TAKE_PAGES);
	CU_ASSERT_EQUAL(t.page, 64);
	/* Pages that are no neighbours do not share a packet. */
	memset(w.s.open, 0, w.s.space.words * 8);
	memset(&w.take, 0, sizeof(w.take));
	open_range(&w, 1000, 1, 2);
	open_range(&w, 1002, 2, 2);
	CU_ASSERT_TRUE(take(&w, 0, 0, 3, &t));
	CU_ASSERT_EQUAL(t.count, 1);
	CU_ASSERT_TRUE(take(&w, 0, 0, 3, &t));
	CU_ASSERT_EQUAL(t.page, 1002);
	CU_ASSERT_EQUAL(t.count, 2);
	teardown(&w);
}

static void test_limits(void)
{
	static const uint64_t marks[] = {0, 1, 63, 64, 65, 127, 128, 700, A_PAGES};
	static struct world w;
	struct gw_taken t;

	for (unsigned int i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		uint64_t pages = 0, b = 0;

		setup(&w, 1);
		w.s.limit[0] = marks[i];
		open_range(&w, 0, A_PAGES, 1);
		open_range(&w, B_FIRST, B_PAGES, 1);
		while (take(&w, 0, 0, 3, &t)) {
			CU_ASSERT(t.region != 0 || t.page + t.count <= marks[i]);
			*(t.region == 0 ? &pages : &b) += t.count;
			settle_pages(&w, 0, &t, false);
		}
		CU_ASSERT_EQUAL(pages, marks[i]);
		CU_ASSERT_EQUAL(b, B_PAGES); /* a mark is its region's own */
		CU_ASSERT_EQUAL(gw_source_idle(&w.s), marks[i] == A_PAGES);
		w.s.limit[0] = UINT64_MAX;
		while (take(&w, 0, 0, 3, &t)) {
			pages += t.count;
			settle_pages(&w, 0, &t, false);
		}
		CU_ASSERT_EQUAL(pages, A_PAGES);
		CU_ASSERT_TRUE(gw_source_idle(&w.s));
		teardown(&w);
	}
}

/* Counts the pages of the run lists of one core and checks where they are cut. */
static uint64_t take_runs(struct world *w, uint32_t core, uint32_t n_cores, uint8_t encoding)
{
	uint64_t pages = 0;
	struct gw_taken t;

	while (take(w, 0, core, 1, &t)) {
		struct gw_take *k = &w->take[core];
		struct gw_tx_record r = {.kind = GW_TX_RUN_LIST, .count = (uint16_t)k->n_runs};
		uint32_t sum = 0;

		CU_ASSERT_EQUAL_FATAL(t.kind, GW_TAKE_RUNS);
		CU_ASSERT_EQUAL(k->run_encoding, encoding);
		CU_ASSERT(k->n_runs > 0 && k->n_runs <= GW_WIRE_RUNS_SENT);
		for (uint32_t i = 0; i < k->n_runs; i++) {
			const struct gw_tx_run *run = &k->run[i];

			sum += run->count;
			CU_ASSERT(run->page + run->count <= w->s.space.region[t.region].pages);
			if (n_cores == 1)
				continue;
			CU_ASSERT_EQUAL(run->page / 512, (run->page + run->count - 1) / 512);
			CU_ASSERT_EQUAL(
				gw_space_owner(w->s.space.region[t.region].id, run->page, n_cores),
				core);
		}
		CU_ASSERT_EQUAL(sum, k->run_pages);
		CU_ASSERT(sum <= GW_WIRE_RUN_PAGES_MAX);
		pages += sum;
		gw_take_runs_done(&w->s, k, 0);
		/* The list counts as one packet that is outstanding. */
		CU_ASSERT_FALSE(gw_source_idle(&w->s));
		gw_source_settle(&w->s, 0, NULL, &r, false);
	}
	return pages;
}

static void test_runs(void)
{
	static struct world w;

	for (uint32_t n_cores = 1; n_cores <= 4; n_cores++) {
		for (uint32_t hole = 0; hole < 2; hole++) {
			uint64_t pages = 0;

			setup(&w, n_cores);
			memset(w.mem, 0, (size_t)(A_PAGES + B_PAGES) * PAGE);
			if (hole) {
				/* A hole is not read: these bytes are not looked at. */
				memset(w.mem, 0xff, (size_t)(A_PAGES + B_PAGES) * PAGE);
				gw_bitmap_set_range(w.s.hole, 0, A_PAGES);
				gw_bitmap_set_range(w.s.hole, B_FIRST, B_PAGES);
			}
			open_range(&w, 0, A_PAGES, 1);
			open_range(&w, B_FIRST, B_PAGES, 1);
			for (uint32_t core = 0; core < n_cores; core++)
				pages += take_runs(&w, core, n_cores,
					hole ? GW_WIRE_HOLE_RUNS : GW_WIRE_ZERO_RUNS);
			CU_ASSERT_EQUAL(pages, A_PAGES + B_PAGES);
			CU_ASSERT_EQUAL(hole ? w.s.tally[0].hole_pages : w.s.tally[0].zero_pages,
				A_PAGES + B_PAGES);
			CU_ASSERT_TRUE(gw_source_idle(&w.s));
			teardown(&w);
		}
	}
	/* Every other page: lists are cut where they are full. */
	setup(&w, 1);
	memset(w.mem, 0, (size_t)A_PAGES * PAGE);
	for (uint32_t i = 0; i < A_PAGES; i += 2)
		open_range(&w, i, 1, 1);
	CU_ASSERT_EQUAL(take_runs(&w, 0, 1, GW_WIRE_ZERO_RUNS), A_PAGES / 2);
	CU_ASSERT_TRUE(gw_source_idle(&w.s));
	teardown(&w);
}

/* The last byte of a page decides too, and the state region is always sent as bytes. */
static void test_classify(void)
{
	static struct world w;
	struct gw_taken t;

	setup(&w, 1);
	memset(w.mem, 0, (size_t)(A_PAGES + B_PAGES + STATE_PAGES) * PAGE);
	for (uint32_t at = 0; at < PAGE; at += at < 64 || at > 4030 ? 1 : 61) {
		w.mem[5 * PAGE + at] = 1;
		open_range(&w, 5, 1, 1);
		CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t));
		CU_ASSERT_EQUAL(t.kind, GW_TAKE_PAGES);
		w.mem[5 * PAGE + at] = 0;
	}
	open_range(&w, STATE_FIRST, STATE_PAGES, 1);
	CU_ASSERT_TRUE(take(&w, 0, 0, 4, &t));
	CU_ASSERT_EQUAL(t.kind, GW_TAKE_PAGES);
	CU_ASSERT_EQUAL(t.count, STATE_PAGES);
	CU_ASSERT_EQUAL(t.region, 2);
	teardown(&w);
}

/* The label is the one that was open at the claim, for everything in hand. */
static void test_label(void)
{
	static struct world w;
	struct gw_taken t;

	setup(&w, 1);
	open_range(&w, 0, 4, 5);
	CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t));
	CU_ASSERT_EQUAL(t.label, 5);
	__atomic_store_n(&w.s.label, 6, __ATOMIC_SEQ_CST);
	CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t));
	CU_ASSERT_EQUAL(t.label, 5);
	settle_pages(&w, 0, &t, true);
	take(&w, 0, 0, 1, &t);
	take(&w, 0, 0, 1, &t);
	CU_ASSERT_EQUAL(t.label, 5);
	CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t)); /* the lost one, claimed again */
	CU_ASSERT_EQUAL(t.page, 1);
	CU_ASSERT_EQUAL(t.label, 6);
	/* The label is out when the first bit is merged. */
	gw_bitmap_set(w.s.next, 9);
	gw_source_open(&w.s, 7);
	CU_ASSERT_EQUAL(w.s.label, 7);
	CU_ASSERT_TRUE(gw_bitmap_empty(w.s.open, w.s.space.words));
	CU_ASSERT_TRUE(gw_source_merge(&w.s));
	CU_ASSERT_EQUAL(w.s.merge_pages, 2);    /* and the lost one */
	CU_ASSERT_FALSE(gw_source_merge(&w.s)); /* true once */
	teardown(&w);
}

/* What was dirtied again before its turn came is left to the next epoch, and goes there once. */
static void test_defer(void)
{
	static struct world w;
	struct gw_taken t, sent;

	setup(&w, 1);
	open_range(&w, 10, 4, 5);
	gw_bitmap_set_range(w.s.next, 11, 2);
	gw_bitmap_set(w.s.next, 700); /* of this epoch it is none */
	CU_ASSERT_TRUE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_EQUAL(t.page, 10);
	CU_ASSERT_EQUAL(t.count, 1);
	settle_pages(&w, 0, &t, false);
	/* In hand already: it is sent, and again in the next epoch. */
	gw_bitmap_set(w.s.next, 13);
	CU_ASSERT_TRUE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_EQUAL(t.page, 13);
	sent = t;
	settle_pages(&w, 0, &t, false);
	CU_ASSERT_FALSE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_TRUE(gw_source_idle(&w.s));
	CU_ASSERT_EQUAL(w.s.tally[0].deferred_pages, 2);
	CU_ASSERT_EQUAL(w.s.tally[0].pages, 2);
	CU_ASSERT_EQUAL(gw_bitmap_count(w.s.next, w.s.space.words), 4);
	/* A lost page, too, if it was dirtied since. */
	gw_tally_add(&w.s.tally[0].taken, 1);
	settle_pages(&w, 0, &sent, true);
	CU_ASSERT_FALSE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_TRUE(gw_source_idle(&w.s));

	gw_source_open(&w.s, 6);
	while (!gw_source_merge(&w.s))
		;
	CU_ASSERT_EQUAL(w.s.merge_pages, 4);
	CU_ASSERT_TRUE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_EQUAL(t.page, 700); /* the cursor had come so far */
	CU_ASSERT_TRUE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_EQUAL(t.page, 11);
	CU_ASSERT_EQUAL(t.count, 2);
	CU_ASSERT_EQUAL(t.label, 6);
	CU_ASSERT_EQUAL(w.s.tally[0].deferred_pages, 3);
	teardown(&w);
}

/* An epoch of which nothing is left to send is idle as soon as that was seen. */
static void test_defer_all(void)
{
	static struct world w;
	struct gw_taken t;

	setup(&w, 1);
	open_range(&w, 0, 130, 5);
	gw_bitmap_set_range(w.s.next, 0, 130);
	CU_ASSERT_FALSE(gw_source_idle(&w.s));
	CU_ASSERT_FALSE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_TRUE(gw_source_idle(&w.s));
	CU_ASSERT_EQUAL(w.s.tally[0].deferred_pages, 130);
	CU_ASSERT_EQUAL(gw_bitmap_count(w.s.next, w.s.space.words), 130);
	teardown(&w);
}

/* No epoch is sure to follow the last one. */
static void test_defer_nothing_last(void)
{
	static struct world w;
	struct gw_taken t;

	setup(&w, 1);
	open_range(&w, 10, 2, 5);
	gw_bitmap_set_range(w.s.next, 10, 2);
	w.s.still = 1;
	CU_ASSERT_TRUE(take(&w, 0, 0, 2, &t));
	CU_ASSERT_EQUAL(t.page, 10);
	CU_ASSERT_EQUAL(t.count, 2);
	CU_ASSERT_EQUAL(w.s.tally[0].deferred_pages, 0);
	settle_pages(&w, 0, &t, false);
	teardown(&w);
}

/* Pages sent until so few are left that the guest could be paused. It writes 2 pages of its hot set
 * in the time in which 3 are sent; its dirt is known at the end of each epoch, and each `look`
 * times (0: never) in between. */
#define HOT_FIRST 300u
#define HOT_PAGES 600u
#define FEW 25u

static uint64_t sent_until_few(uint32_t look)
{
	static struct world w;
	static bool dirty[HOT_PAGES];
	struct random r = {7};
	uint64_t sent = 0, times = 0;
	uint16_t label = 1;
	struct gw_taken t;

	setup(&w, 1);
	memset(dirty, 0, sizeof(dirty));
	open_range(&w, 0, A_PAGES, label);
	for (;;) {
		bool more = take(&w, 0, 0, 1, &t);

		if (more) {
			settle_pages(&w, 0, &t, false);
			sent += t.count;
			if (sent % 3 != 0)
				dirty[random_below(&r, HOT_PAGES)] = true;
		}
		if (!more || (look != 0 && ++times % look == 0))
			for (uint32_t i = 0; i < HOT_PAGES; i++) {
				if (dirty[i])
					gw_bitmap_set(w.s.next, HOT_FIRST + i);
				dirty[i] = false;
			}
		if (more)
			continue;
		CU_ASSERT_TRUE(gw_source_idle(&w.s));
		if (gw_bitmap_count(w.s.next, w.s.space.words) <= FEW || label == 200)
			break;
		gw_source_open(&w.s, ++label);
		while (!gw_source_merge(&w.s))
			;
	}
	CU_ASSERT(label < 200);
	teardown(&w);
	return sent;
}

/* Deferring saves pages, the more the more often it is known what was dirtied. */
static void test_defer_saves(void)
{
	uint64_t never = sent_until_few(0), seldom = sent_until_few(200),
		 often = sent_until_few(40);

	printf("\n    sent until few are left: %llu, %llu, %llu pages ", (unsigned long long)never,
		(unsigned long long)seldom, (unsigned long long)often);
	CU_ASSERT(seldom < never);
	CU_ASSERT(often < seldom);
}

static void test_put_back(void)
{
	static struct world w;
	struct gw_tx_path p;
	struct gw_taken t;
	struct gw_tx_record r = {.kind = GW_TX_FRAGMENT, .page = 3, .count = 1};

	setup(&w, 1);
	open_range(&w, 2, 3, 1);
	CU_ASSERT_TRUE(take(&w, 0, 0, 3, &t));
	CU_ASSERT_FALSE(gw_source_idle(&w.s));
	settle_pages(&w, 0, &t, true);
	CU_ASSERT_EQUAL(w.s.open[0], 7u << 2);
	CU_ASSERT_EQUAL(w.s.resend[0], 7u << 2);
	CU_ASSERT_EQUAL(w.s.tally[0].resent_pages, 3);
	CU_ASSERT_EQUAL(w.s.tally[0].taken, w.s.tally[0].settled);
	CU_ASSERT_FALSE(gw_source_idle(&w.s));
	/* A fragment puts its page back; a second one of the same page is no second page. */
	memset(w.s.open, 0, 8);
	w.s.tally[0].taken += 2;
	gw_source_settle(&w.s, 0, NULL, &r, true);
	gw_source_settle(&w.s, 0, NULL, &r, true);
	CU_ASSERT_EQUAL(w.s.open[0], 1u << 3);
	CU_ASSERT_EQUAL(w.s.tally[0].resent_pages, 4);
	/* A run list: all its runs, across words, in its region. */
	memset(w.s.open, 0, w.s.space.words * 8);
	if (gw_tx_path_init(&p, 0, 0) != 0)
		abort();
	p.run_head = p.run_tail = UINT32_MAX; /* positions wrap */
	gw_tx_path_push_run(&p, 60, 10);
	gw_tx_path_push_run(&p, 0, 1);
	r = (struct gw_tx_record){
		.kind = GW_TX_RUN_LIST, .page = UINT32_MAX, .count = 2, .region = 1};
	w.s.tally[0].taken++;
	gw_source_settle(&w.s, 0, &p, &r, true);
	CU_ASSERT_EQUAL(gw_bitmap_count(w.s.open, w.s.space.words), 11);
	CU_ASSERT_EQUAL(w.s.open[B_FIRST / 64], UINT64_C(0xf) << 60 | 1);
	CU_ASSERT_EQUAL(w.s.open[B_FIRST / 64 + 1], 0x3f);
	CU_ASSERT_EQUAL(w.s.tally[0].taken, w.s.tally[0].settled);
	gw_tx_path_release(&p);
	teardown(&w);
}

/* A page that was lost and is read again comes again under the next label, zero or not. */
static void test_zero_after_loss(void)
{
	static struct world w;
	struct gw_taken t;

	for (uint32_t max = 1; max <= 3; max++) {
		setup(&w, 1);
		open_range(&w, 2, 3, 1);
		CU_ASSERT_TRUE(take(&w, 0, 0, 3, &t));
		settle_pages(&w, 0, &t, true);
		memset(w.mem + 3 * PAGE, 0, PAGE); /* punched: nobody says so */
		w.take[0].cursor = 0;
		for (int i = 0; i < 5; i++) {
			gw_take_next(&w.s, &w.take[0], 0, 0, max, &t);
			if (t.kind == GW_TAKE_PAGES)
				settle_pages(&w, 0, &t, false);
		}
		CU_ASSERT_EQUAL(t.kind, GW_TAKE_RUNS);
		/* The neighbours too: what was read as data may be punched before the driver reads
		 * it. */
		CU_ASSERT_EQUAL(w.s.next[0], 7u << 2);
		CU_ASSERT_EQUAL(w.s.resend[0], 0); /* once is enough */
		CU_ASSERT_EQUAL(w.take[0].n_runs, 1);
		CU_ASSERT_EQUAL(w.take[0].run[0].page, 3);
		teardown(&w);
	}
	/* One that was never lost does not. */
	setup(&w, 1);
	memset(w.mem, 0, 10 * PAGE);
	open_range(&w, 0, 10, 1);
	CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t));
	CU_ASSERT_EQUAL(t.kind, GW_TAKE_RUNS);
	CU_ASSERT_TRUE(gw_bitmap_empty(w.s.next, w.s.space.words));
	teardown(&w);
}

static void test_return(void)
{
	static struct world w;
	struct gw_taken t;

	setup(&w, 1);
	memset(w.mem + 20 * PAGE, 0, 5 * PAGE);
	open_range(&w, 18, 30, 1);
	CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t)); /* 18 */
	settle_pages(&w, 0, &t, false);
	CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t)); /* 19 */
	settle_pages(&w, 0, &t, false);
	CU_ASSERT_TRUE(take(&w, 0, 0, 1, &t)); /* 25: zeros wait as a run */
	CU_ASSERT_EQUAL(t.page, 25);
	CU_ASSERT_EQUAL(w.take[0].run_pages, 5);
	CU_ASSERT_FALSE(gw_source_idle(&w.s));
	gw_take_return(&w.s, &w.take[0], 0);
	settle_pages(&w, 0, &t, false);
	for (uint32_t i = 0; i < 64; i++)
		CU_ASSERT_EQUAL(gw_bitmap_get(w.s.open, i), i >= 20 && i < 48 && i != 25);
	CU_ASSERT_EQUAL(gw_bitmap_count(w.s.open, w.s.space.words), 27);
	CU_ASSERT_EQUAL(w.s.tally[0].taken, w.s.tally[0].settled);
	CU_ASSERT_FALSE(gw_source_idle(&w.s));
	gw_take_return(&w.s, &w.take[0], 0);
	CU_ASSERT_EQUAL(w.s.tally[0].taken, w.s.tally[0].settled);
	teardown(&w);
}

static void push(struct world *w, uint32_t i, uint64_t entry)
{
	struct gw_export_ring *r = ring(w, i);

	r->entry[r->head % ENTRIES] = entry;
	r->head++;
}

static void test_drain(void)
{
	static struct world w;
	uint64_t pushed = 0;

	setup(&w, 1);
	gw_bitmap_set_range(w.s.hole, 0, A_PAGES);
	/* Cursors wrap, and the ring many times over. */
	ring(&w, 0)->head = ring(&w, 0)->tail = w.s.ring[0].tail = UINT64_MAX - 70;
	for (uint32_t i = 0; i < 300; i++) {
		push(&w, 0, gw_export_entry(i * 5, 3, A_ID));
		pushed += 3;
		if (i % 60 == 59)
			CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_IDLE);
	}
	CU_ASSERT_EQUAL(gw_bitmap_count(w.s.next, w.s.space.words), pushed);
	CU_ASSERT_EQUAL(gw_bitmap_count(w.s.hole, w.s.space.words), A_PAGES - pushed);
	CU_ASSERT_EQUAL(w.s.dirty_pages, pushed);
	CU_ASSERT_EQUAL(w.s.dirty_entries, 300);
	CU_ASSERT_TRUE(gw_bitmap_empty(w.s.open, w.s.space.words));
	/* REACHED once, when all rings passed their heads, not before. */
	push(&w, 1, gw_export_entry(B_PAGES - 1, 1, B_ID));
	push(&w, 0, gw_export_entry(A_PAGES - 1, 1, A_ID));
	w.s.drain_head[0] = ring(&w, 0)->head;
	w.s.drain_head[1] = ring(&w, 1)->head + 1; /* one is still to come */
	w.s.draining = true;
	CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_IDLE);
	CU_ASSERT_TRUE(gw_bitmap_get(w.s.next, B_FIRST + B_PAGES - 1));
	push(&w, 1, gw_export_entry(0, 1, B_ID));
	CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_REACHED);
	CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_IDLE);
	teardown(&w);
}

/* A write that is drained while an epoch opens belongs to the next: its page may have been sent
 * with the label already. */
static void test_no_drain_in_merge(void)
{
	static struct world w;

	setup(&w, 1);
	gw_bitmap_set(w.s.next, 1);
	gw_source_open(&w.s, 2);
	push(&w, 0, gw_export_entry(0, 1, A_ID));
	CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_IDLE);
	CU_ASSERT_TRUE(gw_source_merge(&w.s));
	CU_ASSERT_TRUE(gw_bitmap_get(w.s.open, 1));
	CU_ASSERT_FALSE(gw_bitmap_get(w.s.open, 0));
	CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_IDLE);
	CU_ASSERT_TRUE(gw_bitmap_get(w.s.next, 0));
	CU_ASSERT_FALSE(gw_bitmap_get(w.s.open, 0));
	teardown(&w);
}

static void test_hostile(void)
{
	static const uint64_t good_but[] = {
		(uint64_t)A_PAGES,                              /* behind the region */
		(uint64_t)(A_PAGES - 1) | UINT64_C(1) << 40,    /* count over the end */
		UINT64_C(0xffffffffff) | UINT64_C(0xfff) << 40, /* the largest of both */
		UINT64_C(4095) << 40,                           /* longer than the region */
	};
	static struct world w;

	for (unsigned int i = 0; i < 4 + 256; i++) {
		uint64_t entry = i < 4 ? good_but[i] | (uint64_t)A_ID << 52
				       : gw_export_entry(0, 1, (uint8_t)(i - 4));

		if (i >= 4 && (i - 4 == A_ID || i - 4 == B_ID))
			continue;
		setup(&w, 1);
		push(&w, 1, entry);
		CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_BROKEN);
		CU_ASSERT_TRUE(gw_bitmap_empty(w.s.next, w.s.space.words));
		CU_ASSERT_EQUAL(w.s.bad_entries, 1);
		CU_ASSERT_EQUAL(w.s.bad_entry, entry);
		/* It stays broken, whatever comes. */
		push(&w, 1, gw_export_entry(0, 1, A_ID));
		w.s.draining = true;
		CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_IDLE);
		CU_ASSERT_TRUE(gw_bitmap_empty(w.s.next, w.s.space.words));
		teardown(&w);
	}
	/* Cursors that cannot be. */
	for (unsigned int i = 0; i < 3; i++) {
		static const uint64_t heads[3] = {ENTRIES + 1, UINT64_MAX, UINT64_C(1) << 63};

		setup(&w, 1);
		ring(&w, 0)->head = heads[i];
		CU_ASSERT_EQUAL(gw_source_drain(&w.s), GW_DRAIN_BROKEN);
		CU_ASSERT_TRUE(w.s.ring_broken);
		teardown(&w);
	}
}

/* Two workers take, lose and settle while control opens epochs and asks whether all is done. Each
 * page's last acknowledged label is noted before it is settled, so idle must find all of them, but
 * for those that were lost twice: they were in next when they came back. */
#define STRESS_PAGES 600u
#define STRESS_EPOCHS 150u
#define STRESS_OUT 40u

struct stress {
	struct world w;
	uint32_t acked[STRESS_PAGES]; /* by flat page: label */
	bool stop;
};

struct stress_worker {
	struct stress *s;
	struct gw_take take;
	uint32_t index;
	struct random r;
};

static void *stress_work(void *arg)
{
	struct stress_worker *me = arg;
	struct gw_source *src = &me->s->w.s;
	struct gw_taken out[STRESS_OUT];
	uint32_t n = 0;

	while (!__atomic_load_n(&me->s->stop, __ATOMIC_ACQUIRE)) {
		struct gw_taken t;

		if (n < STRESS_OUT) {
			gw_take_next(src, &me->take, me->index, 0, 2, &t);
			if (t.kind == GW_TAKE_PAGES)
				out[n++] = t;
			else if (n == 0)
				sched_yield();
		}
		if (n != 0 && (n == STRESS_OUT || random_chance(&me->r, 50))) {
			uint32_t k = random_below(&me->r, n);
			bool lost = random_chance(&me->r, 20);

			t = out[k];
			out[k] = out[--n];
			for (uint32_t i = 0; i < t.count && !lost; i++)
				__atomic_store_n(
					&me->s->acked[t.page + i], t.label, __ATOMIC_RELAXED);
			settle_pages(&me->s->w, me->index, &t, lost);
		}
		if (random_below(&me->r, 300) == 0)
			gw_take_return(src, &me->take, me->index);
	}
	return NULL;
}

static void test_stress(void)
{
	static struct stress s;
	static struct stress_worker worker[2];
	uint64_t seed = random_seed("idle, claim and put back");
	unsigned int missing = 0;
	pthread_t thread[2];

	setup(&s.w, 1);
	for (uint32_t i = 0; i < 2; i++) {
		worker[i] = (struct stress_worker){.s = &s, .index = i, .r = {seed + i}};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, stress_work, &worker[i]), 0);
	}
	for (uint32_t label = 1; label <= STRESS_EPOCHS; label++) {
		open_range(&s.w, 0, STRESS_PAGES, (uint16_t)label);
		while (!gw_source_idle(&s.w.s))
			sched_yield();
		for (uint32_t i = 0; i < STRESS_PAGES; i++)
			missing += __atomic_load_n(&s.acked[i], __ATOMIC_RELAXED) != label &&
				   !gw_bitmap_get(s.w.s.next, i);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	CU_ASSERT_EQUAL(missing, 0);
	CU_ASSERT(s.w.s.tally[0].resent_pages + s.w.s.tally[1].resent_pages > STRESS_EPOCHS);
	teardown(&s.w);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"owners", test_owners},
		{"claims", test_claims},
		{"limit marks", test_limits},
		{"run lists", test_runs},
		{"classes", test_classify},
		{"label", test_label},
		{"left to the next epoch", test_defer},
		{"all left to the next epoch", test_defer_all},
		{"none left in the last epoch", test_defer_nothing_last},
		{"what that saves", test_defer_saves},
		{"put back", test_put_back},
		{"zero after a loss", test_zero_after_loss},
		{"hand returned", test_return},
		{"drain", test_drain},
		{"no drain while an epoch opens", test_no_drain_in_merge},
		{"hostile exporter", test_hostile},
		{"threads", test_stress},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"source", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
