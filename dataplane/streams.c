/* SPDX-License-Identifier: BSD-3-Clause */
/* The door's streams: sources and sinks. Control thread only, except where dataplane.h allows
 * helper threads. */
#include "internal.h"

#include "base/secret.h"

#include "memory/bitmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int space_of(const struct gw_ram *ram, struct gw_space *space)
{
	memset(space, 0, sizeof(*space));
	for (uint32_t i = 0; i < gw_ram_regions(ram); i++) {
		uint64_t pages;
		uint8_t id;
		void *base = gw_ram_region(ram, i, &id, &pages);

		if (id == GW_DP_STATE_REGION || gw_space_find(space, id) >= 0 ||
			gw_space_add(space, id, base, pages) < 0)
			return -EINVAL;
	}
	return 0;
}

static uint64_t state_pages(uint32_t limit_mib)
{
	return ((uint64_t)limit_mib << 20) / GW_WIRE_PAGE_BYTES;
}

/* ---- source ---- */

/* One hand per destination core, in pages that are there before a poll core touches them. */
static uint64_t take_words(const struct gw_source *s)
{
	return (s->n_cores * sizeof(struct gw_take) + 7) / 8;
}

static void source_destroy(struct gw_dp_source *s)
{
	for (uint32_t i = 0; i < GW_DP_MAX_WORKERS; i++)
		gw_bitmap_free((void *)s->take[i], take_words(&s->core));
	gw_source_release(&s->core);
	gw_secret_free(s->state);
	free(s);
}

int gw_dp_source_create(struct gw_dp *dp, const struct gw_dp_source_conf *conf,
	struct gw_dp_source **out, struct gw_err *err)
{
	struct gw_dp_source *s;
	struct gw_space space;
	uint16_t slot = 0;
	int ret;

	while (slot < GW_DP_MAX_STREAMS && dp->source[slot] != NULL)
		slot++;
	if (slot == GW_DP_MAX_STREAMS)
		return gw_err(
			err, -ENOSPC, "all %u outgoing streams are in use", GW_DP_MAX_STREAMS);
	if (space_of(conf->ram, &space) != 0 || conf->n_rings == 0 ||
		conf->n_rings > GW_EXPORT_MAX_RINGS || conf->state_limit_mib == 0)
		return gw_err(err, -EINVAL, "regions, rings or the state limit are impossible");
	s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
	if (s == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	memset(s, 0, sizeof(*s));
	ret = gw_source_init(
		&s->core, &space, state_pages(conf->state_limit_mib), conf->link->n_cores);
	if (ret != 0)
		goto fail;
	s->dp = dp;
	s->link = conf->link;
	s->ram = conf->ram;
	s->slot = slot;
	s->stream = conf->stream;
	s->drainer = slot % dp->n_workers;
	s->ctx = conf->ctx;
	s->weight = conf->weight;
	gw_pacer_init(&s->pacer, conf->rate_bps);
	s->core.n_rings = conf->n_rings;
	memcpy(s->core.ring, conf->ring, conf->n_rings * sizeof(*conf->ring));
	for (uint32_t i = 0; i < dp->n_workers; i++) {
		s->take[i] = (void *)gw_bitmap_create(take_words(&s->core));
		ret = s->take[i] == NULL ? -ENOMEM : 0;
		if (ret != 0)
			goto fail;
	}
	dp->source[slot] = s;
	gw_dp_broadcast(dp, GW_CMD_ADD_SOURCE, s, 0);
	*out = s;
	return 0;
fail:
	source_destroy(s);
	return gw_err(err, ret, "no memory for the page books");
}

void gw_dp_source_weigh(struct gw_dp_source *s, uint32_t weight)
{
	gw_dp_broadcast(s->dp, GW_CMD_WEIGH_SOURCE, s, weight);
}

void gw_dp_source_rate(struct gw_dp_source *s, uint64_t rate_bps)
{
	gw_pacer_set(&s->pacer, rate_bps);
}

void gw_dp_source_mark_data(
	struct gw_dp_source *s, uint32_t region_index, uint64_t first, uint64_t count)
{
	const struct gw_space_region *r = &s->core.space.region[region_index];

	if (region_index >= s->core.state_region || first >= r->pages)
		return;
	if (count > r->pages - first)
		count = r->pages - first;
	gw_bitmap_clear_range(s->core.hole, r->first + first, count);
}

void gw_dp_source_mark_all(struct gw_dp_source *s)
{
	for (uint32_t i = 0; i < s->core.state_region; i++)
		gw_bitmap_set_range(
			s->core.next, s->core.space.region[i].first, s->core.space.region[i].pages);
}

int gw_dp_source_drain_to(struct gw_dp_source *s, const uint64_t *heads, uint32_t n)
{
	if (n != s->core.n_rings)
		return -EINVAL;
	memcpy(s->core.drain_head, heads, n * sizeof(*heads));
	gw_dp_command(s->dp, s->drainer, GW_CMD_DRAIN_TO, s, 0);
	return 0;
}

int gw_dp_source_open(struct gw_dp_source *s, uint16_t label)
{
	if (label == 0 || label > GW_DP_LABEL_MAX || label <= s->core.label)
		return -ERANGE;
	gw_dp_command(s->dp, s->drainer, GW_CMD_OPEN, s, label);
	return 0;
}

void gw_dp_source_limit(struct gw_dp_source *s, uint32_t region_index, uint64_t pages)
{
	if (region_index < s->core.state_region)
		__atomic_store_n(&s->core.limit[region_index], pages, __ATOMIC_RELEASE);
}

int gw_dp_source_state(struct gw_dp_source *s, uint8_t **state, uint64_t size, struct gw_err *err)
{
	struct gw_space_region *r = &s->core.space.region[s->core.state_region];
	uint64_t pages = (size + GW_WIRE_PAGE_BYTES - 1) / GW_WIRE_PAGE_BYTES;

	if (size == 0 || pages > r->pages)
		return gw_err(err, -ERANGE,
			"device state of %llu bytes: 1..%llu are allowed "
			"(migration.state_limit_mib)",
			(unsigned long long)size,
			(unsigned long long)(r->pages * GW_WIRE_PAGE_BYTES));
	if (s->state != NULL)
		return gw_err(err, -EALREADY, "the device state was given already");
	s->state = *state;
	s->state_bytes = size;
	*state = NULL;
	r->base = s->state;
	gw_bitmap_set_range(s->core.open, r->first, pages);
	gw_dp_wake(s->dp);
	return 0;
}

bool gw_dp_source_idle(const struct gw_dp_source *s)
{
	return gw_source_idle(&s->core);
}

void gw_dp_source_stats(const struct gw_dp_source *s, struct gw_dp_source_stats *stats)
{
	const struct gw_source *c = &s->core;

	memset(stats, 0, sizeof(*stats));
	stats->open_pages = gw_bitmap_count_without(c->open, c->next, c->space.words);
	stats->next_pages = gw_bitmap_count(c->next, c->space.words);
	for (uint32_t i = 0; i < s->dp->n_workers; i++) {
		const struct gw_source_tally *t = &c->tally[i];

		stats->pages += __atomic_load_n(&t->pages, __ATOMIC_RELAXED);
		stats->zero_pages += __atomic_load_n(&t->zero_pages, __ATOMIC_RELAXED);
		stats->hole_pages += __atomic_load_n(&t->hole_pages, __ATOMIC_RELAXED);
		stats->resent_pages += __atomic_load_n(&t->resent_pages, __ATOMIC_RELAXED);
		stats->deferred_pages += __atomic_load_n(&t->deferred_pages, __ATOMIC_RELAXED);
		stats->wire_bytes += __atomic_load_n(&t->wire_bytes, __ATOMIC_RELAXED);
	}
	stats->dirty_entries = __atomic_load_n(&c->dirty_entries, __ATOMIC_RELAXED);
	stats->dirty_pages = __atomic_load_n(&c->dirty_pages, __ATOMIC_RELAXED);
	stats->bad_entries = __atomic_load_n(&c->bad_entries, __ATOMIC_RELAXED);
}

void gw_dp_source_close(struct gw_dp_source *s)
{
	/* The drainer is the last: its queue of events then ends with SOURCE_CLOSED, behind all
	 * that it said of s. */
	s->pending = s->dp->n_workers;
	if (s->dp->n_workers == 1)
		gw_dp_command(s->dp, s->drainer, GW_CMD_DEL_SOURCE, s, 0);
	for (uint32_t i = 0; i < s->dp->n_workers; i++)
		if (i != s->drainer)
			gw_dp_command(s->dp, i, GW_CMD_DEL_SOURCE, s, 0);
}

void gw_dp_source_free(struct gw_dp_source **s)
{
	if (*s == NULL)
		return;
	(*s)->dp->source[(*s)->slot] = NULL;
	source_destroy(*s);
	*s = NULL;
}

/* ---- sink ---- */

int gw_dp_sink_create(struct gw_dp *dp, const struct gw_dp_sink_conf *conf, struct gw_dp_sink **out,
	struct gw_err *err)
{
	struct gw_dp_sink *s;
	struct gw_space space;
	uint16_t slot = 0;
	int ret;

	while (slot < GW_DP_MAX_STREAMS && dp->sink[slot] != NULL)
		slot++;
	if (slot == GW_DP_MAX_STREAMS)
		return gw_err(
			err, -ENOSPC, "all %u incoming streams are in use", GW_DP_MAX_STREAMS);
	if (space_of(conf->ram, &space) != 0 || conf->state_limit_mib == 0)
		return gw_err(err, -EINVAL, "regions or the state limit are impossible");
	s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
	if (s == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	memset(s, 0, sizeof(*s));
	ret = gw_sink_init(&s->core, &space, state_pages(conf->state_limit_mib), dp->n_cores);
	if (ret != 0) {
		free(s);
		return gw_err(err, ret, "no memory for the page stamps");
	}
	s->dp = dp;
	s->link = conf->link;
	s->ram = conf->ram;
	/* Paths outlive sessions: a packet of an earlier one that was parked somewhere must not
	 * find this. */
	s->slot = slot;
	s->stream = (uint16_t)(slot + GW_DP_MAX_STREAMS * dp->sink_generation++);
	s->ctx = conf->ctx;
	dp->sink[slot] = s;
	gw_dp_broadcast(dp, GW_CMD_ADD_SINK, s, 0);
	*out = s;
	return 0;
}

uint16_t gw_dp_sink_stream(const struct gw_dp_sink *s)
{
	return s->stream;
}

void gw_dp_sink_keep(struct gw_dp_sink *s, uint32_t region_index, uint64_t first, uint64_t count)
{
	const struct gw_space_region *r = &s->core.space.region[region_index];

	if (region_index >= s->core.state_region || first >= r->pages)
		return;
	if (count > r->pages - first)
		count = r->pages - first;
	gw_bitmap_set_range(s->core.kept, r->first + first, count);
}

void gw_dp_sink_populate_state(struct gw_dp_sink *s)
{
	gw_sink_populate_state(&s->core);
}

void gw_dp_sink_fence(struct gw_dp_sink *s)
{
	s->pending = s->dp->n_workers;
	gw_dp_broadcast(s->dp, GW_CMD_DEL_SINK, s, 0);
}

bool gw_dp_sink_must_punch(const struct gw_dp_sink *s)
{
	return !gw_bitmap_empty(s->core.punch, s->core.space.words);
}

int gw_dp_sink_punch(struct gw_dp_sink *s)
{
	const struct gw_sink *c = &s->core;

	for (uint32_t i = 0; i < c->state_region; i++) {
		const struct gw_space_region *r = &c->space.region[i];

		uint64_t last = r->first + r->pages, end;

		for (uint64_t page = r->first; page < last; page = end) {
			int ret;

			page = gw_bitmap_next(c->punch, page, last);
			for (end = page; end < last && gw_bitmap_get(c->punch, end);)
				end++;
			ret = end > page ? gw_ram_punch(s->ram, i, page - r->first, end - page) : 0;
			if (ret != 0)
				return ret;
		}
	}
	return 0;
}

int gw_dp_sink_state(struct gw_dp_sink *s, uint64_t size, const uint8_t **state, struct gw_err *err)
{
	if (size == 0 || size > s->core.state_bytes)
		return gw_err(err, -ERANGE,
			"device state of %llu bytes: 1..%llu are allowed "
			"(migration.state_limit_mib)",
			(unsigned long long)size, (unsigned long long)s->core.state_bytes);
	*state = s->core.state;
	return 0;
}

void gw_dp_sink_stats(const struct gw_dp_sink *s, struct gw_dp_sink_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	for (uint32_t i = 0; i < s->dp->n_workers; i++) {
		const struct gw_sink_tally *t = &s->core.tally[i];

		stats->applied_pages += __atomic_load_n(&t->pages, __ATOMIC_RELAXED);
		stats->zero_pages += __atomic_load_n(&t->zero_pages, __ATOMIC_RELAXED);
		stats->hole_pages += __atomic_load_n(&t->hole_pages, __ATOMIC_RELAXED);
		stats->superseded_packets += __atomic_load_n(&t->superseded, __ATOMIC_RELAXED);
		stats->bytes += __atomic_load_n(&t->bytes, __ATOMIC_RELAXED);
	}
}

void gw_dp_sink_free(struct gw_dp_sink **s)
{
	if (*s == NULL)
		return;
	(*s)->dp->sink[(*s)->slot] = NULL;
	gw_sink_release(&(*s)->core);
	free(*s);
	*s = NULL;
}
