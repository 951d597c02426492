/* SPDX-License-Identifier: BSD-3-Clause */
/* One mapping of shared memory under write tracking, and a copy that is kept up with what harvests
 * name: what a harvest leaves out shows as a difference. */
#pragma once

#include "../../dataplane/export/ring.h"
#include "../../dataplane/export/sink.h"
#include "../../dataplane/export/uffd_wp.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TRACKED_PAGES 8192u
#define TRACKED_BYTES (TRACKED_PAGES * 4096ull)

struct tracked {
	uint8_t *ram; /* TRACKED_BYTES of it, the caller's */
	uint8_t *copy;
	struct gw_uffd_source *source;
	struct gw_export_sink sink;
	struct gw_ring_area rings;
	struct gw_ring_reader reader;
	uint8_t named[TRACKED_PAGES]; /* times, by the last harvest */
	uint64_t pages;               /* named by the last harvest */
	struct gw_export_reason why;
};

/* 0, or a negative errno and why. */
static inline int tracked_open(struct tracked *l, uint8_t *ram)
{
	struct gw_export_description d = {
		.n_regions = 1, .region[0] = {.size = TRACKED_BYTES, .page_size = 4096}};
	struct gw_uffd_range range = {ram, TRACKED_BYTES, 0};
	int ret = gw_uffd_source_create(&range, 1, &l->source, &l->why);

	if (ret < 0)
		return ret;
	l->ram = ram;
	l->copy = malloc(TRACKED_BYTES);
	ret = gw_ring_area_create(
		1, 2 * TRACKED_PAGES, &l->rings); /* a harvest never finds it full */
	if (ret < 0 || l->copy == NULL)
		return gw_export_why(&l->why, -ENOMEM, "no memory for the copy");
	gw_sink_init(&l->sink, &d, &l->rings, -1, -1);
	l->reader =
		(struct gw_ring_reader){.ring = l->sink.ring[0].ring, .mask = l->sink.ring[0].mask};
	return 0;
}

static inline void tracked_close(struct tracked *l)
{
	gw_uffd_source_free(&l->source);
	gw_ring_area_free(&l->rings);
	free(l->copy);
}

/* Tracking goes on, then all of the memory is copied. */
static inline void tracked_start(struct tracked *l)
{
	CU_ASSERT_EQUAL_FATAL(gw_uffd_source_ops()->start(l->source, &l->sink, &l->why), 0);
	memcpy(l->copy, l->ram, TRACKED_BYTES);
}

static inline void tracked_stop(struct tracked *l)
{
	gw_uffd_source_ops()->stop(l->source);
}

/* Counts what is named, then copies it. */
static inline void tracked_harvest(struct tracked *l)
{
	uint64_t e;

	memset(l->named, 0, sizeof(l->named));
	l->pages = 0;
	CU_ASSERT_EQUAL_FATAL(gw_uffd_source_ops()->harvest(l->source, &l->sink, &l->why), 0);
	while (gw_ring_pop(&l->reader, &e, 1) == 1) {
		uint64_t page = gw_export_entry_page(e), n = gw_export_entry_count(e);

		CU_ASSERT_FATAL(page + n <= TRACKED_PAGES);
		for (uint64_t i = page; i < page + n; i++)
			l->named[i]++;
		memcpy(l->copy + page * 4096, l->ram + page * 4096, n * 4096);
		l->pages += n;
	}
}

static inline bool tracked_equal(const struct tracked *l)
{
	return memcmp(l->copy, l->ram, TRACKED_BYTES) == 0;
}

static inline void tracked_write(struct tracked *l, uint64_t page, uint64_t word)
{
	__atomic_store_n((uint64_t *)(l->ram + page * 4096) + word % 512, word, __ATOMIC_RELAXED);
}

/* Writes without pause, until it is told to quit. */
struct tracked_writer {
	struct tracked *memory;
	int quit;         /* atomic */
	uint64_t written; /* atomic */
};

static inline void *tracked_writer_main(void *arg)
{
	struct tracked_writer *w = arg;
	uint64_t state = 88172645463325252ull;

	while (!__atomic_load_n(&w->quit, __ATOMIC_RELAXED)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		tracked_write(w->memory, (state >> 20) % TRACKED_PAGES, state);
		__atomic_store_n(&w->written, w->written + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}
