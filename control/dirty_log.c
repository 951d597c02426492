/* SPDX-License-Identifier: BSD-3-Clause */
#include "dirty_log.h"

#include "../dataplane/export/godwit_export.h"

#include <errno.h>
#include <stdlib.h>

struct gw_dirty_log {
	struct gw_space space;
	uint16_t *last;    /* interval in which a page was dirtied last, 1 the first; 0: never */
	uint32_t interval; /* the running one; 0: no more are counted */
	uint64_t now_pages, all_pages;
	/* Of the running window of each scale, and sums of those that have ended. */
	struct {
		uint64_t pages, ended_pages, ended_ns, start_ns;
		uint32_t ended;
	} scale[GW_DIRTY_SCALES];
	struct gw_dirty_figures f;
};

int gw_dirty_log_create(const struct gw_space *guest, struct gw_dirty_log **out)
{
	struct gw_dirty_log *log = calloc(1, sizeof(*log));

	if (log == NULL)
		return -ENOMEM;
	log->space = *guest;
	log->interval = 1;
	/* Zero pages of the kernel's until something is written there. */
	log->last = calloc(guest->words * 64 + 1, sizeof(*log->last));
	if (log->last == NULL) {
		free(log);
		return -ENOMEM;
	}
	*out = log;
	return 0;
}

void gw_dirty_log_free(struct gw_dirty_log **log)
{
	if (*log == NULL)
		return;
	free((*log)->last);
	free(*log);
	*log = NULL;
}

/* Whether two intervals, counted from 1, lie in one window of a scale. */
static bool same_window(uint32_t a, uint32_t b, uint32_t scale)
{
	uint32_t shift = scale * GW_DIRTY_SCALE_SHIFT;

	return (a - 1) >> shift == (b - 1) >> shift;
}

static void add_page(struct gw_dirty_log *log, uint64_t flat)
{
	uint32_t last = log->last[flat], now = log->interval;

	if (last == now)
		return;
	log->last[flat] = (uint16_t)now;
	log->now_pages++;
	log->all_pages += last == 0;
	for (uint32_t i = 0; i < GW_DIRTY_SCALES; i++)
		log->scale[i].pages += last == 0 || !same_window(last, now, i);
}

int gw_dirty_log_add(struct gw_dirty_log *log, uint64_t entry)
{
	int i = gw_space_find(&log->space, gw_export_entry_region(entry));
	uint64_t page = gw_export_entry_page(entry);
	uint32_t count = gw_export_entry_count(entry);
	const struct gw_space_region *r;

	if (i < 0)
		return -EPROTO;
	r = &log->space.region[i];
	if (page >= r->pages || count > r->pages - page)
		return -EPROTO;
	for (uint32_t n = 0; n < count && log->interval != 0; n++)
		add_page(log, r->first + page + n);
	return (int)count;
}

void gw_dirty_log_interval(struct gw_dirty_log *log, uint64_t lasted_ns)
{
	struct gw_dirty_figures *f = &log->f;

	if (log->interval == 0 || lasted_ns == 0)
		return;
	if (f->intervals == 0 || (double)log->now_pages * (double)f->most_ns >
					 (double)f->most_pages * (double)lasted_ns) {
		f->most_pages = log->now_pages;
		f->most_ns = lasted_ns;
	}
	f->intervals++;
	f->lasted_ns += lasted_ns;
	f->pages += log->now_pages;
	f->working_set = log->all_pages;
	log->now_pages = 0;
	for (uint32_t i = 0; i < GW_DIRTY_SCALES; i++) {
		if (same_window(log->interval, log->interval + 1, i))
			continue;
		log->scale[i].ended++;
		log->scale[i].ended_pages += log->scale[i].pages;
		log->scale[i].ended_ns += f->lasted_ns - log->scale[i].start_ns;
		log->scale[i].pages = 0;
		log->scale[i].start_ns = f->lasted_ns;
	}
	log->interval = log->interval < GW_DIRTY_MAX_INTERVALS ? log->interval + 1 : 0;
}

void gw_dirty_log_figures(const struct gw_dirty_log *log, struct gw_dirty_figures *out)
{
	*out = log->f;
}

static void add_point(struct gw_dirty_curve *c, uint64_t ns, double pages)
{
	/* Averages over different windows need not rise. */
	if (c->n > 0 && ns <= c->point[c->n - 1].ns)
		return;
	if (c->n > 0 && pages < c->point[c->n - 1].pages)
		pages = c->point[c->n - 1].pages;
	c->point[c->n].ns = ns;
	c->point[c->n++].pages = pages;
}

void gw_dirty_log_curve(const struct gw_dirty_log *log, struct gw_dirty_curve *out)
{
	out->n = 0;
	for (uint32_t i = 0; i < GW_DIRTY_SCALES; i++) {
		uint32_t ended = log->scale[i].ended;

		if (ended > 0)
			add_point(out, log->scale[i].ended_ns / ended,
				(double)log->scale[i].ended_pages / ended);
	}
	if (log->f.lasted_ns > 0)
		add_point(out, log->f.lasted_ns, (double)log->f.working_set);
}

double gw_dirty_curve_pages(const struct gw_dirty_curve *c, uint64_t window_ns)
{
	double was_ns = 0, was_pages = 0, slope = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		double ns = (double)c->point[i].ns;

		slope = (c->point[i].pages - was_pages) / (ns - was_ns);
		if (window_ns <= c->point[i].ns)
			break;
		was_ns = ns;
		was_pages = c->point[i].pages;
	}
	return was_pages + slope * ((double)window_ns - was_ns);
}
