/* SPDX-License-Identifier: BSD-3-Clause */
#include "populate.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_PAGES \
	8192u /* 32 MiB: a cancelled job ends soon, and marks follow one another quickly */
#define CHUNK_UNITS (CHUNK_PAGES / GW_EXTENTS_UNIT_PAGES)

struct region {
	uint64_t pages, chunks;
	uint64_t first; /* number of its first chunk, over all regions */
	uint64_t done;  /* chunks done without a gap; control thread */
};

struct gw_populate {
	struct gw_ram *ram;
	const struct gw_extents *extents;
	uint32_t n;
	struct region r[GW_DP_MAX_REGIONS];
	uint64_t chunks;
	uint64_t next; /* atomic: the next chunk that nobody has taken */
	int error;     /* atomic */
	uint8_t *done; /* per chunk, atomic: whoever took it writes */
};

int gw_populate_create(
	struct gw_ram *ram, const struct gw_extents *extents, struct gw_populate **out)
{
	struct gw_populate *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->ram = ram;
	p->extents = extents;
	p->n = gw_ram_regions(ram);
	for (uint32_t i = 0; i < p->n; i++) {
		uint8_t id;

		gw_ram_region(ram, i, &id, &p->r[i].pages);
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

static int populate_chunk(struct gw_populate *p, uint32_t n, uint64_t chunk)
{
	const struct region *r = &p->r[n];
	uint64_t unit = chunk * CHUNK_UNITS;
	uint64_t end = unit + CHUNK_UNITS;
	int rc = 0;

	while (unit < end && rc == 0) {
		uint64_t first = unit * GW_EXTENTS_UNIT_PAGES, count;

		if (!gw_extents_has(p->extents, n, unit)) {
			unit++;
			continue;
		}
		while (unit < end && gw_extents_has(p->extents, n, unit))
			unit++;
		count = unit * GW_EXTENTS_UNIT_PAGES - first;
		rc = gw_ram_populate(
			p->ram, n, first, count < r->pages - first ? count : r->pages - first);
	}
	return rc;
}

void gw_populate_work(struct gw_job *job, void *arg)
{
	struct gw_populate *p = arg;

	while (!gw_job_cancelled(job) && __atomic_load_n(&p->error, __ATOMIC_RELAXED) == 0) {
		uint64_t c = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED);
		uint32_t n = 0;
		int rc;

		if (c >= p->chunks)
			return;
		while (c >= p->r[n].first + p->r[n].chunks)
			n++;
		rc = populate_chunk(p, n, c - p->r[n].first);
		if (rc != 0) {
			__atomic_store_n(&p->error, rc, __ATOMIC_RELAXED);
			return;
		}
		__atomic_store_n(&p->done[c], 1, __ATOMIC_RELEASE);
	}
}

uint64_t gw_populate_mark(struct gw_populate *p, uint32_t n)
{
	struct region *r = &p->r[n];

	while (r->done < r->chunks &&
		__atomic_load_n(&p->done[r->first + r->done], __ATOMIC_ACQUIRE) != 0)
		r->done++;
	return r->done < r->chunks ? r->done * CHUNK_PAGES : r->pages;
}

int gw_populate_error(const struct gw_populate *p)
{
	return __atomic_load_n(&p->error, __ATOMIC_RELAXED);
}
