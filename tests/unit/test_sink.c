/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/stream/sink.c: what may touch memory, and what must not. */
#include "../../dataplane/stream/sink.c"

#include "../../dataplane/wire/encode.h"

#include "random.h"
#include "run.h"

#include <fcntl.h>
#include <unistd.h>

/* Two regions in one memfd with canary pages before, between and behind them. */
#define CANARY_PAGES 4u
#define A_ID 3u
#define A_PAGES 1500u /* chunks 0, 1, 2 in part */
#define B_ID 200u
#define B_PAGES 5u
#define STATE_PAGES 6u
#define ALL_PAGES (3 * CANARY_PAGES + A_PAGES + B_PAGES)
#define PAGE 4096u

struct world {
	struct gw_sink s;
	uint8_t *mem, *a, *b;
	int fd;
	uint8_t payload[65536];
};

static void canary(struct world *w, uint32_t first)
{
	memset(w->mem + (size_t)first * PAGE, 0xc5, CANARY_PAGES * PAGE);
}

static void setup(struct world *w, uint32_t n_cores)
{
	struct gw_space space = {0};

	w->fd = memfd_create("sink", MFD_CLOEXEC);
	if (w->fd < 0 || ftruncate(w->fd, (off_t)ALL_PAGES * PAGE) != 0)
		abort();
	w->mem = mmap(NULL, (size_t)ALL_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	if (w->mem == MAP_FAILED)
		abort();
	w->a = w->mem + CANARY_PAGES * PAGE;
	w->b = w->a + (A_PAGES + CANARY_PAGES) * PAGE;
	canary(w, 0);
	canary(w, CANARY_PAGES + A_PAGES);
	canary(w, 2 * CANARY_PAGES + A_PAGES + B_PAGES);
	gw_space_add(&space, A_ID, w->a, A_PAGES);
	gw_space_add(&space, B_ID, w->b, B_PAGES);
	if (gw_sink_init(&w->s, &space, STATE_PAGES, n_cores) != 0)
		abort();
	memset(w->payload, 0x77, sizeof(w->payload));
}

static bool canary_ok(const struct world *w)
{
	static const uint32_t at[3] = {
		0, CANARY_PAGES + A_PAGES, 2 * CANARY_PAGES + A_PAGES + B_PAGES};

	for (unsigned int i = 0; i < 3; i++)
		for (size_t k = 0; k < CANARY_PAGES * PAGE; k++)
			if (w->mem[(size_t)at[i] * PAGE + k] != 0xc5)
				return false;
	return true;
}

/* Pages of the memfd that hold data, beside the canaries. */
static uint32_t data_pages(const struct world *w)
{
	uint32_t n = 0;
	off_t at = 0, end;

	while ((at = lseek(w->fd, at, SEEK_DATA)) >= 0) {
		end = lseek(w->fd, at, SEEK_HOLE);
		n += (uint32_t)((end - at) / PAGE);
		at = end;
	}
	return n - 3 * CANARY_PAGES;
}

static bool untouched(const struct world *w)
{
	for (uint64_t i = 0; i < w->s.space.words * 64; i++)
		if (w->s.stamp[i] != 0)
			return false;
	return data_pages(w) == 0 && canary_ok(w) && gw_bitmap_empty(w->s.punch, w->s.space.words);
}

static void teardown(struct world *w)
{
	CU_ASSERT_TRUE(canary_ok(w));
	gw_sink_release(&w->s);
	munmap(w->mem, (size_t)ALL_PAGES * PAGE);
	close(w->fd);
}

static enum gw_apply raw(struct world *w, uint32_t core, uint8_t region, uint32_t page,
	uint32_t count, uint16_t epoch)
{
	struct gw_wire_packet p = {.type = GW_WIRE_DATA};

	p.data.epoch = epoch;
	p.data.region = region;
	p.data.fragment = GW_WIRE_WHOLE;
	p.data.page = page;
	p.data.length = (uint16_t)(count * PAGE);
	p.data.payload = w->payload;
	return gw_sink_apply(&w->s, core, &p);
}

static enum gw_apply piece(struct world *w, uint32_t core, uint8_t region, uint32_t page,
	uint8_t fragment, uint16_t epoch)
{
	struct gw_wire_packet p = {.type = GW_WIRE_DATA};

	p.data.epoch = epoch;
	p.data.region = region;
	p.data.fragment = fragment;
	p.data.page = page;
	p.data.offset = (uint16_t)(fragment * GW_WIRE_FRAGMENT_BYTES);
	p.data.length = fragment < 2 ? 1376 : 1344;
	p.data.payload = w->payload;
	return gw_sink_apply(&w->s, core, &p);
}

static enum gw_apply runs(struct world *w, uint32_t core, uint8_t region, uint8_t encoding,
	const uint32_t (*run)[2], uint32_t n, uint16_t epoch)
{
	struct gw_wire_packet p = {.type = GW_WIRE_DATA};
	uint8_t list[16 * 8];

	for (uint32_t i = 0; i < n; i++)
		gw_wire_put_run(list + 8 * i, run[i][0], run[i][1]);
	p.data.epoch = epoch;
	p.data.region = region;
	p.data.encoding = encoding;
	p.data.fragment = GW_WIRE_WHOLE;
	p.data.length = (uint16_t)(n * 8);
	p.data.payload = list;
	return gw_sink_apply(&w->s, core, &p);
}

static enum gw_apply run1(struct world *w, uint8_t encoding, uint32_t page, uint16_t epoch)
{
	uint32_t run[1][2] = {{page, 1}};

	return runs(w, 0, A_ID, encoding, run, 1, epoch);
}

static bool all(const uint8_t *p, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void test_hostile(void)
{
	static const uint32_t bad[][2] = {{A_PAGES, 1}, {A_PAGES - 1, 2}, {0, A_PAGES + 1},
		{UINT32_MAX, 1}, {UINT32_MAX - 1, 1}, {A_PAGES + 511, 1}, {1, UINT32_MAX - 1},
		{1024, 512}};
	static struct world w;

	for (uint32_t n_cores = 1; n_cores <= 4; n_cores += 3) {
		setup(&w, n_cores);
		for (uint32_t core = 0; core < n_cores; core++) {
			for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
				uint32_t two[2][2] = {{0, 1}, {bad[i][0], bad[i][1]}};

				CU_ASSERT_EQUAL(
					runs(&w, core, A_ID, GW_WIRE_ZERO_RUNS, bad + i, 1, 1),
					GW_APPLY_BAD_PAGE);
				CU_ASSERT_EQUAL(
					runs(&w, core, A_ID, GW_WIRE_HOLE_RUNS, bad + i, 1, 1),
					GW_APPLY_BAD_PAGE);
				/* A good run in front of the bad one is not applied either. */
				CU_ASSERT_NOT_EQUAL(
					runs(&w, core, A_ID, GW_WIRE_ZERO_RUNS, two, 2, 1),
					GW_APPLY_DONE);
			}
			CU_ASSERT_EQUAL(raw(&w, core, A_ID, A_PAGES, 1, 1), GW_APPLY_BAD_PAGE);
			CU_ASSERT_EQUAL(raw(&w, core, A_ID, A_PAGES - 1, 2, 1), GW_APPLY_BAD_PAGE);
			CU_ASSERT_EQUAL(raw(&w, core, A_ID, UINT32_MAX, 15, 1), GW_APPLY_BAD_PAGE);
			CU_ASSERT_EQUAL(raw(&w, core, B_ID, B_PAGES - 1, 2, 1), GW_APPLY_BAD_PAGE);
			CU_ASSERT_EQUAL(raw(&w, core, 255, STATE_PAGES, 1, 1), GW_APPLY_BAD_PAGE);
			CU_ASSERT_EQUAL(piece(&w, core, B_ID, B_PAGES, 2, 1), GW_APPLY_BAD_PAGE);
			for (unsigned int id = 0; id < 255; id++)
				if (id != A_ID && id != B_ID)
					CU_ASSERT_EQUAL(raw(&w, core, (uint8_t)id, 0, 1, 1),
						GW_APPLY_BAD_REGION);
		}
		CU_ASSERT_TRUE(untouched(&w));
		teardown(&w);
	}
}

/* Each page is applied on exactly one core; elsewhere nothing is touched. */
static void test_owner(void)
{
	static const uint32_t page[] = {0, 1, 511, 512, 1023, 1024, A_PAGES - 1};
	static const uint32_t across[1][2] = {{511, 2}};
	static struct world w;

	for (uint32_t n_cores = 2; n_cores <= 4; n_cores++) {
		setup(&w, n_cores);
		for (unsigned int i = 0; i < 7; i++) {
			uint32_t owner = gw_space_owner(A_ID, page[i], n_cores), done = 0;
			uint32_t run[1][2] = {{page[i], 1}};

			CU_ASSERT(owner < n_cores);
			for (uint32_t core = 0; core < n_cores; core++) {
				uint32_t before = w.s.stamp[page[i]];

				if (core == owner)
					continue;
				CU_ASSERT_EQUAL(
					raw(&w, core, A_ID, page[i], 1, 1), GW_APPLY_WRONG_CORE);
				CU_ASSERT_EQUAL(
					piece(&w, core, A_ID, page[i], 1, 1), GW_APPLY_WRONG_CORE);
				CU_ASSERT_EQUAL(runs(&w, core, A_ID, GW_WIRE_ZERO_RUNS, run, 1, 1),
					GW_APPLY_WRONG_CORE);
				CU_ASSERT_EQUAL(w.s.stamp[page[i]], before);
			}
			CU_ASSERT_EQUAL(data_pages(&w), i);
			for (uint32_t core = 0; core < n_cores; core++)
				done += raw(&w, core, A_ID, page[i], 1, 1) == GW_APPLY_DONE;
			CU_ASSERT_EQUAL(done, 1);
			CU_ASSERT_EQUAL(data_pages(&w), i + 1);
		}
		/* Across a border no single core owns it all. */
		for (uint32_t core = 0; core < n_cores; core++) {
			CU_ASSERT_EQUAL(raw(&w, core, A_ID, 511, 2, 2), GW_APPLY_WRONG_CORE);
			CU_ASSERT_EQUAL(runs(&w, core, A_ID, GW_WIRE_HOLE_RUNS, across, 1, 2),
				GW_APPLY_WRONG_CORE);
		}
		CU_ASSERT_EQUAL(data_pages(&w), 7);
		teardown(&w);
	}
	setup(&w, 1);
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 511, 2, 2), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(data_pages(&w), 2);
	teardown(&w);
}

static void test_newest(void)
{
	static struct world w;
	uint8_t *p;

	setup(&w, 1);
	p = w.a + 100 * PAGE;
	memset(w.payload, 1, PAGE);
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 100, 1, 5), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, PAGE, 1));
	/* The same label again, and older: acknowledged, not applied. */
	memset(w.payload, 2, PAGE);
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 100, 1, 5), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 100, 1, 4), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 100, 1, 5), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_ZERO_RUNS, 100, 5), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_HOLE_RUNS, 100, 1), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, PAGE, 1));
	CU_ASSERT_EQUAL(w.s.tally[0].superseded, 5);
	CU_ASSERT_EQUAL(w.s.tally[0].pages, 1);
	/* A newer fragment is only its bytes. */
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 100, 1, 6), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, 1376, 1));
	CU_ASSERT_TRUE(all(p + 1376, 1376, 2));
	CU_ASSERT_TRUE(all(p + 2752, 1344, 1));
	memset(w.payload, 3, PAGE);
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 100, 2, 6), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 100, 1, 6), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 100, 0, 6), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, 1376, 3));
	CU_ASSERT_TRUE(all(p + 1376, 1376, 2));
	CU_ASSERT_TRUE(all(p + 2752, 1344, 3));
	/* Several pages at once: each by its own stamp. */
	memset(w.payload, 9, 3 * PAGE);
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 99, 3, 6), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p - PAGE, PAGE, 9));
	CU_ASSERT_TRUE(all(p + PAGE, PAGE, 9));
	/* A whole page of the same label closes all fragments. */
	CU_ASSERT_EQUAL(w.s.stamp[100], 6u << 16 | GW_STAMP_DATA | GW_STAMP_ALL);
	CU_ASSERT_EQUAL(data_pages(&w), 3);
	teardown(&w);
}

static void test_zeros(void)
{
	static const uint32_t fresh[3][2] = {{0, 100}, {600, 1}, {900, 600}};
	static struct world w;
	uint8_t *p;

	setup(&w, 1);
	/* Over fresh memory: stamped, not touched. */
	CU_ASSERT_EQUAL(runs(&w, 0, A_ID, GW_WIRE_ZERO_RUNS, fresh, 3, 1), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(runs(&w, 0, A_ID, GW_WIRE_HOLE_RUNS, fresh, 3, 2), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(data_pages(&w), 0);
	CU_ASSERT_EQUAL(w.s.stamp[0], 2u << 16 | GW_STAMP_ALL);
	CU_ASSERT_EQUAL(w.s.stamp[1499], 2u << 16 | GW_STAMP_ALL);
	CU_ASSERT_EQUAL(w.s.stamp[601], 0);
	CU_ASSERT_EQUAL(w.s.tally[0].zero_pages, 701);
	CU_ASSERT_EQUAL(w.s.tally[0].hole_pages, 701);
	CU_ASSERT_TRUE(gw_bitmap_empty(w.s.punch, w.s.space.words));
	/* Older data under that stamp stays out. */
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 600, 1, 1), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 600, 0, 2), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(data_pages(&w), 0);
	/* Over data: written. */
	p = w.a + 600 * PAGE;
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 600, 1, 3), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, PAGE, 0x77));
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_ZERO_RUNS, 600, 4), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, PAGE, 0));
	CU_ASSERT_FALSE(gw_bitmap_get(w.s.punch, 600));
	/* Over one fragment of data. */
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 600, 1, 5), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_ZERO_RUNS, 600, 6), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, PAGE, 0));
	/* A hole over data: zeros now, punched later; data takes it back. */
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 600, 1, 7), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_HOLE_RUNS, 600, 8), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, PAGE, 0));
	CU_ASSERT_TRUE(gw_bitmap_get(w.s.punch, 600));
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 600, 1, 7), GW_APPLY_DONE); /* late: stays a hole */
	CU_ASSERT_TRUE(gw_bitmap_get(w.s.punch, 600));
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 600, 2, 9), GW_APPLY_DONE);
	CU_ASSERT_FALSE(gw_bitmap_get(w.s.punch, 600));
	CU_ASSERT_TRUE(gw_bitmap_empty(w.s.punch, w.s.space.words));
	CU_ASSERT_EQUAL(data_pages(&w), 1);
	/* Written zeros clear nothing: the page is data until it is punched. */
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_HOLE_RUNS, 600, 10), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_ZERO_RUNS, 600, 11), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(p, PAGE, 0));
	teardown(&w);
}

/* Pages that held something before the session: what arrives for them is all that is left. */
static void test_kept(void)
{
	static struct world w;

	setup(&w, 1);
	memset(w.a + 64 * PAGE, 0xee, 64 * PAGE);
	gw_bitmap_set_range(w.s.kept, 64, 64);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_ZERO_RUNS, 64, 1), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_HOLE_RUNS, 65, 1), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(w.a + 64 * PAGE, 2 * PAGE, 0));
	/* Taken on purpose: not given back while the guest stands. */
	CU_ASSERT_TRUE(gw_bitmap_empty(w.s.punch, w.s.space.words));
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 66, 1, 1), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(w.a + 66 * PAGE, PAGE, 0x77));
	/* A part of a page, then a hole: nothing of both stays. */
	CU_ASSERT_EQUAL(piece(&w, 0, A_ID, 67, 1, 1), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_HOLE_RUNS, 67, 2), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(w.a + 67 * PAGE, PAGE, 0));
	/* A second time it is as fresh as any, and data stays what it is under an older run. */
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_HOLE_RUNS, 64, 3), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(raw(&w, 0, A_ID, 65, 1, 4), GW_APPLY_DONE);
	CU_ASSERT_EQUAL(run1(&w, GW_WIRE_ZERO_RUNS, 65, 3), GW_APPLY_DONE);
	CU_ASSERT_TRUE(all(w.a + 64 * PAGE, PAGE, 0));
	CU_ASSERT_TRUE(all(w.a + 65 * PAGE, PAGE, 0x77));
	CU_ASSERT_TRUE(all(w.a + 68 * PAGE, 60 * PAGE, 0xee));
	teardown(&w);
}

/* The device state is a region like any other, in its own memory. */
static void test_state(void)
{
	static struct world w;

	setup(&w, 3);
	for (uint32_t core = 0; core < 3; core++)
		raw(&w, core, 255, STATE_PAGES - 1, 1, 1);
	CU_ASSERT_TRUE(all(w.s.state + (STATE_PAGES - 1) * PAGE, PAGE, 0x77));
	CU_ASSERT_TRUE(all(w.s.state, (STATE_PAGES - 1) * PAGE, 0));
	CU_ASSERT_EQUAL(data_pages(&w), 0);
	teardown(&w);
}

/* Random packets, good and bad: what is said to be refused changes nothing, and nothing outside the
 * regions changes. */
/* The search for pages to give back goes by words. */
static void test_next_bit(void)
{
	static const uint64_t at[] = {0, 5, 63, 64, 190, 320};
	uint64_t bits[6] = {0}, i = 0;

	CU_ASSERT_EQUAL(gw_bitmap_next(bits, 3, 384), 384);
	for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++)
		gw_bitmap_set(bits, at[k]);
	for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++, i++) {
		i = gw_bitmap_next(bits, i, 384);
		CU_ASSERT_EQUAL(i, at[k]);
	}
	CU_ASSERT_EQUAL(gw_bitmap_next(bits, i, 384), 384);
	CU_ASSERT_EQUAL(gw_bitmap_next(bits, 65, 190), 190);
	CU_ASSERT_EQUAL(gw_bitmap_next(bits, 65, 191), 190);
	CU_ASSERT_EQUAL(gw_bitmap_next(bits, 10, 10), 10);
}

static void test_random(void)
{
	struct random r = {random_seed("random packets")};
	static struct world w;
	unsigned int bad = 0, done = 0;

	setup(&w, 3);
	for (unsigned int i = 0; i < 20000; i++) {
		uint32_t page = random_below(&r, A_PAGES + 20), n = 1 + random_below(&r, 3);
		uint32_t run[1][2] = {{page, random_below(&r, 30) + 1}};
		uint8_t id = random_chance(&r, 80) ? A_ID : (random_chance(&r, 50) ? B_ID : 9);
		uint64_t limit = id == A_ID ? A_PAGES : (id == B_ID ? B_PAGES : 0);
		uint32_t core = random_below(&r, 3), count = n;
		uint16_t epoch = (uint16_t)(1 + random_below(&r, 5));
		enum gw_apply got;
		bool good;

		switch (random_below(&r, 3)) {
		case 0:
			got = raw(&w, core, id, page, n, epoch);
			break;
		case 1:
			got = piece(&w, core, id, page, (uint8_t)random_below(&r, 3), epoch);
			count = 1;
			break;
		default:
			got = runs(&w, core, id, GW_WIRE_HOLE_RUNS, run, 1, epoch);
			count = run[0][1];
			break;
		}
		good = (uint64_t)page + count <= limit && page / 512 == (page + count - 1) / 512 &&
		       gw_space_owner(id, page, 3) == core;
		bad += good != (got == GW_APPLY_DONE);
		done += good;
	}
	CU_ASSERT_EQUAL(bad, 0);
	CU_ASSERT(done > 1000);
	teardown(&w);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"hostile", test_hostile},
		{"owner", test_owner},
		{"newest wins", test_newest},
		{"zeros and holes", test_zeros},
		{"memory that was there before", test_kept},
		{"device state", test_state},
		{"next bit", test_next_bit},
		{"random", test_random},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"sink", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
