/* SPDX-License-Identifier: BSD-3-Clause */
#include "populate.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_PAGES \
	8192u /* 32 MiB: a cancelled job ends soon, and marks follow one another quickly */
#define HEAD_START_NS (250 * GW_NS_PER_MS)
#define CHUNK_UNITS (CHUNK_PAGES / GW_EXTENTS_UNIT_PAGES)

struct region {
	uint64_t pages, chunks;
	uint64_t first; /* number of its first chunk, over all regions */
	uint64_t done;  /* chunks done without a gap; control thread */
};

struct gw_populate {
	struct gw_populate_conf conf;
	uint32_t n;
	struct region r[GW_DP_MAX_REGIONS];
	uint64_t start_ns, chunks;
	uint64_t next; /* atomic: the next chunk that nobody has taken */
	int error;     /* atomic */
	uint8_t *done; /* per chunk, atomic: whoever took it writes */
};

int gw_populate_create(const struct gw_populate_conf *conf, struct gw_populate **out)
{
	struct gw_populate *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->conf = *conf;
	p->start_ns = gw_now_ns();
	p->n = gw_ram_regions(conf->ram);
	for (uint32_t i = 0; i < p->n; i++) {
		uint8_t id;

		gw_ram_region(conf->ram, i, &id, &p->r[i].pages);
		p->r[i].chunks = (p->r[i].pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
		p->r[i].first = p->chunks;
		p->chunks += p->r[i].chunks;
	}
	p->done = calloc(p->chunks + 1, 1);
	if (p->done == NULL) {
		free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void gw_populate_free(struct gw_populate **p)
{
	if (*p == NULL)
		return;
	free((*p)->done);
	free(*p);
	*p = NULL;
}

/* One thread's place. The data extent that it found last is kept: to find where one ends the kernel
 * walks all of it. */
struct hand {
	struct gw_populate *p;
	uint32_t n;                /* region */
	uint64_t from, first, end; /* [from, first) is a hole, [first, end) is data */
};

static int found(void *ctx, uint64_t first, uint64_t count)
{
	struct hand *h = ctx;

	h->first = first;
	h->end = first + count;
	return 1;
}

static int find_data(struct hand *h, uint64_t at)
{
	int rc;

	if (at >= h->from && at < h->end)
		return 0;
	h->from = at;
	h->first = h->end = UINT64_MAX;
	rc = gw_ram_extents(h->p->conf.ram, h->n, at, UINT64_MAX, found, h);
	return rc < 0 ? rc : 0;
}

static int populate_data(void *ctx, uint64_t first, uint64_t count)
{
	const struct hand *h = ctx;

	return gw_ram_populate_data(h->p->conf.ram, h->n, first, count);
}

/* Of pages that are not mapped yet, those that the file has. */
static int populate_held(void *ctx, uint64_t first, uint64_t count)
{
	uint64_t end = first + count, to;
	struct hand *h = ctx;
	int rc = 0;

	for (; first < end && rc == 0; first = to) {
		rc = find_data(h, first);
		if (rc != 0 || h->first >= end)
			break;
		if (first < h->first)
			first = h->first;
		to = end < h->end ? end : h->end;
		rc = populate_data(h, first, to - first);
	}
	return rc;
}

/* Pages that the source has (in whole units), or none of which it has. */
static int populate_arriving(struct hand *h, uint64_t first, uint64_t end, bool arrives)
{
	const struct gw_populate_conf *c = &h->p->conf;
	uint64_t pages = h->p->r[h->n].pages;
	uint64_t count = (end < pages ? end : pages) - first;

	if (c->sink == NULL)
		return arrives ? gw_ram_populate(c->ram, h->n, first, count) : 0;
	if (!arrives)
		return gw_ram_punch(c->ram, h->n, first, count);
	gw_dp_sink_keep(c->sink, h->n, first, count);
	return gw_ram_unmapped(c->ram, h->n, first, count, populate_data, h);
}

static int populate_chunk(struct hand *h, uint64_t chunk)
{
	const struct gw_extents *extents = h->p->conf.extents;
	uint64_t unit = chunk * CHUNK_UNITS, end = unit + CHUNK_UNITS;
	int rc = 0;

	if (extents == NULL && h->p->conf.again)
		return populate_held(h, chunk * CHUNK_PAGES, CHUNK_PAGES);
	if (extents == NULL)
		return gw_ram_unmapped(
			h->p->conf.ram, h->n, chunk * CHUNK_PAGES, CHUNK_PAGES, populate_held, h);
	if (end > gw_extents_units(extents, h->n))
		end = gw_extents_units(extents, h->n);
	while (unit < end && rc == 0) {
		bool arrives = gw_extents_has(extents, h->n, unit);
		uint64_t first = unit;

		while (unit < end && gw_extents_has(extents, h->n, unit) == arrives)
			unit++;
		rc = populate_arriving(
			h, first * GW_EXTENTS_UNIT_PAGES, unit * GW_EXTENTS_UNIT_PAGES, arrives);
	}
	return rc;
}

void gw_populate_work(struct gw_job *job, void *arg)
{
	struct gw_populate *p = arg;
	struct hand h = {.p = p};

	while (!gw_job_cancelled(job) && __atomic_load_n(&p->error, __ATOMIC_RELAXED) == 0) {
		uint64_t c = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED);
		uint32_t n = h.n;
		int rc;

		if (c >= p->chunks)
			return;
		while (c >= p->r[n].first + p->r[n].chunks)
			n++;
		if (n != h.n)
			h = (struct hand){.p = p, .n = n};
		rc = populate_chunk(&h, c - p->r[n].first);
		if (rc != 0) {
			__atomic_store_n(&p->error, rc, __ATOMIC_RELAXED);
			return;
		}
		__atomic_store_n(&p->done[c], 1, __ATOMIC_RELEASE);
	}
}

void gw_populate_stop(struct gw_populate *p)
{
	__atomic_store_n(&p->next, p->chunks, __ATOMIC_RELAXED);
}

uint64_t gw_populate_mark(struct gw_populate *p, uint32_t n)
{
	struct region *r = &p->r[n];

	while (r->done < r->chunks &&
		__atomic_load_n(&p->done[r->first + r->done], __ATOMIC_ACQUIRE) != 0)
		r->done++;
	return r->done < r->chunks ? r->done * CHUNK_PAGES : r->pages;
}

bool gw_populate_may_show(struct gw_populate *p, uint64_t now_ns)
{
	if (now_ns - p->start_ns > HEAD_START_NS)
		return true;
	for (uint32_t i = 0; i < p->n; i++)
		if (gw_populate_mark(p, i) < p->r[i].pages)
			return false;
	return true;
}

int gw_populate_error(const struct gw_populate *p)
{
	return __atomic_load_n(&p->error, __ATOMIC_RELAXED);
}
