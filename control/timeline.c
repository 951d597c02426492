/* SPDX-License-Identifier: BSD-3-Clause */
#include "timeline.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define START_POINTS 256u

struct point {
	uint64_t t_ns, dirty_pages, remaining_bytes;
	uint32_t epoch, slowdown_percent;
	enum gw_phase phase;
};

struct gw_timeline {
	uint64_t start_ns, step_ns, next_ns;
	uint32_t n_ports, n, size;
	struct point *point;
	uint64_t *bps; /* n_ports of each point */
};

int gw_timeline_create(uint64_t start_ns, uint32_t n_ports, struct gw_timeline **out)
{
	struct gw_timeline *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->start_ns = start_ns;
	t->step_ns = GW_TIMELINE_STEP_NS;
	t->n_ports = n_ports;
	*out = t;
	return 0;
}

void gw_timeline_free(struct gw_timeline **t)
{
	if (*t == NULL)
		return;
	free((*t)->point);
	free((*t)->bps);
	free(*t);
	*t = NULL;
}

static bool grow(struct gw_timeline *t)
{
	uint32_t size = t->size == 0 ? START_POINTS : t->size * 2;
	struct point *point;
	uint64_t *bps;

	if (size > GW_TIMELINE_MAX)
		size = GW_TIMELINE_MAX;
	point = realloc(t->point, size * sizeof(*point));
	if (point == NULL)
		return false;
	t->point = point;
	bps = realloc(t->bps, size * sizeof(*bps) * (t->n_ports + 1));
	if (bps == NULL)
		return false;
	t->bps = bps;
	t->size = size;
	return true;
}

static void thin(struct gw_timeline *t)
{
	for (uint32_t i = 0; i < t->n / 2; i++) {
		t->point[i] = t->point[i * 2];
		memmove(t->bps + (size_t)i * t->n_ports, t->bps + (size_t)i * 2 * t->n_ports,
			t->n_ports * sizeof(*t->bps));
	}
	t->n /= 2;
	t->step_ns *= 2;
}

void gw_timeline_add(struct gw_timeline *t, const struct gw_report_sample *s)
{
	if (s->now_ns < t->next_ns)
		return;
	if (t->n == GW_TIMELINE_MAX)
		thin(t);
	if (t->n == t->size && !grow(t))
		return;
	t->point[t->n] = (struct point){.t_ns = s->now_ns - t->start_ns,
		.dirty_pages = s->dirty_pages,
		.remaining_bytes = s->remaining_bytes,
		.epoch = s->epoch,
		.slowdown_percent = s->slowdown_percent,
		.phase = s->phase};
	memcpy(t->bps + (size_t)t->n * t->n_ports, s->port_bps, t->n_ports * sizeof(*t->bps));
	t->n++;
	/* A tenth of slack: points come from a timer that is never exactly on time. */
	t->next_ns = s->now_ns + t->step_ns - t->step_ns / 10;
}

uint32_t gw_timeline_count(const struct gw_timeline *t)
{
	return t->n;
}

json_t *gw_timeline_json(const struct gw_timeline *t)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < t->n; i++) {
		const struct point *p = &t->point[i];
		json_t *bps = json_array();

		for (uint32_t k = 0; k < t->n_ports; k++)
			json_array_append_new(
				bps, json_integer((json_int_t)t->bps[(size_t)i * t->n_ports + k]));
		json_array_append_new(
			array, json_pack("{s:f, s:s, s:i, s:o, s:I, s:I, s:i}", "t_ms",
				       (double)p->t_ns / GW_NS_PER_MS, "phase",
				       gw_phase_name(p->phase), "epoch", (int)p->epoch, "ports_bps",
				       bps, "dirty_pages", (json_int_t)p->dirty_pages,
				       "remaining_bytes", (json_int_t)p->remaining_bytes,
				       "slowdown_percent", (int)p->slowdown_percent));
	}
	return array;
}
