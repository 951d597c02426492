/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest dirties, from its ring entries: how many distinct pages in windows of different
 * length, because a page that is written often counts once in each. Pure. It remembers for each
 * page the interval in which it was dirtied last, which is two bytes a page, and only of memory
 * that is dirtied at all.
 */
#pragma once

#include "../dataplane/memory/space.h"

#include <stdint.h>

/* Windows of 1, 4, 16 ... intervals. */
#define GW_DIRTY_SCALES 6u
#define GW_DIRTY_SCALE_SHIFT 2u
#define GW_DIRTY_MAX_INTERVALS UINT16_MAX

/* Distinct pages over the length of a window, on average; rising in both. */
struct gw_dirty_curve {
	uint32_t n;
	struct {
		uint64_t ns;
		double pages;
	} point[GW_DIRTY_SCALES + 1];
};

struct gw_dirty_log;

/* guest: its regions; copied, their base is not used. */
int gw_dirty_log_create(const struct gw_space *guest, struct gw_dirty_log **out);
void gw_dirty_log_free(struct gw_dirty_log **log);

/* An entry of the ring, which is not trusted. Pages in it, or -EPROTO where it is impossible. */
int gw_dirty_log_add(struct gw_dirty_log *log, uint64_t entry);
/* The entries so far were those of an interval that lasted so long. */
void gw_dirty_log_interval(struct gw_dirty_log *log, uint64_t lasted_ns);

struct gw_dirty_figures {
	uint32_t intervals;           /* that have ended */
	uint64_t lasted_ns;           /* they together */
	uint64_t pages;               /* sum over the intervals of the distinct pages in each */
	uint64_t most_pages, most_ns; /* of the interval with the highest rate */
	uint64_t working_set;         /* distinct pages in all of them together */
};
void gw_dirty_log_figures(const struct gw_dirty_log *log, struct gw_dirty_figures *out);
void gw_dirty_log_curve(const struct gw_dirty_log *log, struct gw_dirty_curve *out);

/* Distinct pages in a window of that length: between the points along a line, beyond the last along
 * the last one's slope. */
double gw_dirty_curve_pages(const struct gw_dirty_curve *curve, uint64_t window_ns);
