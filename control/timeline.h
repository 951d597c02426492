/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's course in points of 10 ms. Bounded: when it is full every second point goes, and from
 * then on points come half as often. */
#pragma once

#include "report.h"

#define GW_TIMELINE_STEP_NS 10000000ull
#define GW_TIMELINE_MAX 60000u

struct gw_timeline;

int gw_timeline_create(uint64_t start_ns, uint32_t n_ports, struct gw_timeline **out);
void gw_timeline_free(struct gw_timeline **t);
/* Takes the point unless it is too close to the last one. Without memory points are left out. */
void gw_timeline_add(struct gw_timeline *t, const struct gw_report_sample *s);
uint32_t gw_timeline_count(const struct gw_timeline *t);
json_t *gw_timeline_json(const struct gw_timeline *t);
