/* SPDX-License-Identifier: BSD-3-Clause */
/* control/populate.c: what is made to be there, kept or given back, and how far that has come. */
#include "../../dataplane/dataplane.h"

static uint64_t asked_pages;

static int count_populate_data(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count)
{
	asked_pages += count;
	return gw_ram_populate_data(ram, n, first, count);
}

#define gw_ram_populate_data count_populate_data
#include "../../control/populate.c"
#undef gw_ram_populate_data
#include "run.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ull
#define PAGES (3 * CHUNK_PAGES + 100) /* the last unit is cut off */
#define UNIT GW_EXTENTS_UNIT_PAGES
#define B_PAGES 10u

struct world {
	struct gw_ram *ram;
	int fd[2];
	struct gw_extents *extents;
	struct gw_populate *populate;
};

/* ---- what it calls, as far as it is looked at ---- */

static uint32_t cancel_after = UINT32_MAX; /* chunks */

bool gw_job_cancelled(const struct gw_job *job)
{
	(void)job;
	return cancel_after == UINT32_MAX ? false : cancel_after-- == 0;
}

static uint8_t kept[2][PAGES];

void gw_dp_sink_keep(struct gw_dp_sink *s, uint32_t region_index, uint64_t first, uint64_t count)
{
	(void)s;
	memset(&kept[region_index][first], 1, count);
}

/* ---- */

static void setup(struct world *w)
{
	const uint64_t pages[2] = {PAGES, B_PAGES};
	struct gw_ram_region r[2];
	struct gw_err err;

	memset(w, 0, sizeof(*w));
	memset(kept, 0, sizeof(kept));
	cancel_after = UINT32_MAX;
	for (int i = 0; i < 2; i++) {
		w->fd[i] = memfd_create("populate", MFD_CLOEXEC);
		CU_ASSERT_EQUAL_FATAL(ftruncate(w->fd[i], (off_t)(pages[i] * PAGE)), 0);
		r[i] = (struct gw_ram_region){
			.id = (uint8_t)(i + 1), .size = pages[i] * PAGE, .fd = w->fd[i]};
	}
	CU_ASSERT_EQUAL_FATAL(gw_ram_map(r, 2, true, &w->ram, &err), 0);
	CU_ASSERT_EQUAL_FATAL(gw_extents_create(w->ram, &w->extents), 0);
}

static void teardown(struct world *w)
{
	gw_populate_free(&w->populate);
	gw_extents_free(&w->extents);
	gw_ram_free(&w->ram);
	for (int i = 0; i < 2; i++)
		close(w->fd[i]);
}

static void fill(const struct world *w, int region, uint64_t first, uint64_t count)
{
	uint8_t page[PAGE];

	memset(page, 0xee, sizeof(page));
	for (uint64_t i = first; i < first + count; i++)
		CU_ASSERT_EQUAL(
			pwrite(w->fd[region], page, PAGE, (off_t)(i * PAGE)), (ssize_t)PAGE);
}

static int add_pages(void *ctx, uint64_t first, uint64_t count)
{
	(void)first;
	*(uint64_t *)ctx += count;
	return 0;
}

static uint64_t data(const struct world *w, uint32_t region, uint64_t first, uint64_t count)
{
	uint64_t pages = 0;

	CU_ASSERT_EQUAL(gw_ram_extents(w->ram, region, first, count, add_pages, &pages), 0);
	return pages;
}

static void run(struct world *w, const struct gw_populate_conf *conf)
{
	CU_ASSERT_EQUAL_FATAL(gw_populate_create(conf, &w->populate), 0);
	gw_populate_work(NULL, w->populate);
	CU_ASSERT_EQUAL(gw_populate_error(w->populate), 0);
}

/* Empty files: what arrives, in whole units, and nothing else. */
static void test_empty(void)
{
	struct world w;
	struct gw_populate_conf conf;

	setup(&w);
	conf = (struct gw_populate_conf){.ram = w.ram, .extents = w.extents};
	gw_extents_add(w.extents, 0, 5 * UNIT + 3, 1);
	gw_extents_add(w.extents, 0, CHUNK_PAGES - 1, 2);
	gw_extents_add(w.extents, 0, PAGES - 1, 1);
	run(&w, &conf);
	CU_ASSERT_EQUAL(data(&w, 0, 0, UINT64_MAX), 3 * UNIT + (PAGES - PAGES / UNIT * UNIT));
	CU_ASSERT_EQUAL(data(&w, 0, 5 * UNIT, UNIT), UNIT);
	CU_ASSERT_EQUAL(data(&w, 0, CHUNK_PAGES - UNIT, 2 * UNIT), 2 * UNIT);
	CU_ASSERT_EQUAL(data(&w, 1, 0, UINT64_MAX), 0);
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), PAGES);
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 1), B_PAGES);
	CU_ASSERT_EQUAL(memchr(kept, 1, sizeof(kept)), NULL);
	teardown(&w);
}

/* Files that held something: pages that arrive stay and are told, all others are given back. */
static void test_held(void)
{
	struct world w;
	struct gw_populate_conf conf;

	setup(&w);
	conf = (struct gw_populate_conf){
		.ram = w.ram, .extents = w.extents, .sink = (struct gw_dp_sink *)&w};
	fill(&w, 0, 0, 3 * UNIT);
	fill(&w, 0, PAGES - 5, 5);
	fill(&w, 1, 0, B_PAGES);
	gw_extents_add(w.extents, 0, UNIT, 1);
	gw_extents_add(w.extents, 0, 10 * UNIT, 1); /* was a hole: now it is there */
	run(&w, &conf);
	CU_ASSERT_EQUAL(data(&w, 0, 0, UINT64_MAX), 2 * UNIT);
	CU_ASSERT_EQUAL(data(&w, 0, UNIT, UNIT), UNIT);
	CU_ASSERT_EQUAL(data(&w, 0, 10 * UNIT, UNIT), UNIT);
	CU_ASSERT_EQUAL(data(&w, 1, 0, UINT64_MAX), 0);
	for (uint64_t i = 0; i < PAGES; i++)
		if (kept[0][i] != (i / UNIT == 1 || i / UNIT == 10))
			CU_FAIL("a page is kept that does not arrive, or the other way round");
	teardown(&w);
}

/* Without extents: nothing is made or given back. */
static void test_what_files_hold(void)
{
	struct world w;
	struct gw_populate_conf conf;
	uint64_t unmapped = 0;

	setup(&w);
	conf = (struct gw_populate_conf){.ram = w.ram};
	fill(&w, 0, 0, 30);
	fill(&w, 0, CHUNK_PAGES - 10, 20);
	fill(&w, 1, 3, 2);
	run(&w, &conf);
	CU_ASSERT_EQUAL(data(&w, 0, 0, UINT64_MAX), 50);
	CU_ASSERT_EQUAL(data(&w, 1, 0, UINT64_MAX), 2);
	CU_ASSERT_EQUAL(gw_ram_unmapped(w.ram, 0, 0, 30, add_pages, &unmapped), 0);
	CU_ASSERT_TRUE(unmapped == 0 || unmapped == 30); /* 30: a kernel that cannot tell */
	teardown(&w);
}

/* Once more: only what is not mapped yet, or all that there is, and never a hole. */
static void test_again(void)
{
	struct world w;
	struct gw_populate_conf conf;

	setup(&w);
	fill(&w, 0, 10, 10);
	fill(&w, 0, CHUNK_PAGES - 5, 10);
	conf = (struct gw_populate_conf){.ram = w.ram};
	asked_pages = 0;
	run(&w, &conf);
	CU_ASSERT_EQUAL(asked_pages, 20);
	gw_populate_free(&w.populate);
	asked_pages = 0;
	run(&w, &conf);
	CU_ASSERT_EQUAL(asked_pages, 0);
	gw_populate_free(&w.populate);
	conf.again = true;
	run(&w, &conf);
	CU_ASSERT_EQUAL(asked_pages, 20);
	CU_ASSERT_EQUAL(data(&w, 0, 0, UINT64_MAX), 20);
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), PAGES);
	teardown(&w);
}

/* The mark is what is done without a gap; who is stopped or cancelled leaves it there. */
static void test_mark(void)
{
	struct world w;
	struct gw_populate_conf conf;
	uint64_t start;

	setup(&w);
	conf = (struct gw_populate_conf){.ram = w.ram, .extents = w.extents};
	CU_ASSERT_EQUAL_FATAL(gw_populate_create(&conf, &w.populate), 0);
	start = w.populate->start_ns;
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), 0);
	CU_ASSERT_FALSE(gw_populate_may_show(w.populate, start));
	w.populate->next = 1; /* another thread has the first */
	cancel_after = 1;
	gw_populate_work(NULL, w.populate);
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), 0);
	w.populate->done[0] = 1;
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), 2 * CHUNK_PAGES);
	CU_ASSERT_FALSE(gw_populate_may_show(w.populate, start + HEAD_START_NS));
	CU_ASSERT_TRUE(gw_populate_may_show(w.populate, start + HEAD_START_NS + 1));
	cancel_after = UINT32_MAX;
	gw_populate_stop(w.populate);
	gw_populate_work(NULL, w.populate);
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), 2 * CHUNK_PAGES);
	w.populate->next = 2;
	gw_populate_work(NULL, w.populate);
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), PAGES);
	CU_ASSERT_TRUE(gw_populate_may_show(w.populate, start));
	teardown(&w);
}

/* A file that is cut off meanwhile ends the work, and is told. */
static void test_cut_off(void)
{
	struct world w;
	struct gw_populate_conf conf;

	setup(&w);
	conf = (struct gw_populate_conf){.ram = w.ram, .extents = w.extents};
	gw_extents_add(w.extents, 0, 0, PAGES);
	CU_ASSERT_EQUAL(ftruncate(w.fd[0], CHUNK_PAGES * PAGE), 0);
	CU_ASSERT_EQUAL_FATAL(gw_populate_create(&conf, &w.populate), 0);
	gw_populate_work(NULL, w.populate);
	CU_ASSERT_EQUAL(gw_populate_error(w.populate), -EFAULT);
	CU_ASSERT_EQUAL(gw_populate_mark(w.populate, 0), CHUNK_PAGES);
	CU_ASSERT_TRUE(gw_ram_broken(w.ram));
	teardown(&w);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"empty files", test_empty},
		{"files that held something", test_held},
		{"what files hold", test_what_files_hold},
		{"again", test_again},
		{"mark", test_mark},
		{"file cut off", test_cut_off},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"populate", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
