/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a guest's memory holds data, coarsely: a bit for each unit of 64 pages of each region. The
 * source fills it from its hole map and tells the destination, which populates these units ahead.
 * Sized by own memory only.
 */
#pragma once

#include "../dataplane/dataplane.h"

#include <jansson.h>

#define GW_EXTENTS_UNIT_PAGES 64u

struct gw_extents;

int gw_extents_create(const struct gw_ram *ram, struct gw_extents **out);
void gw_extents_free(struct gw_extents **e);
/* Any thread, but one at a time. */
void gw_extents_add(struct gw_extents *e, uint32_t region, uint64_t first_page, uint64_t pages);
bool gw_extents_has(const struct gw_extents *e, uint32_t region, uint64_t unit);
uint64_t gw_extents_units(const struct gw_extents *e, uint32_t region);

/* The next message body {region, runs: [first unit, units, ...], last} to tell a peer, NULL when
 * all is told. */
json_t *gw_extents_next(struct gw_extents *e);
/* Takes one; -EPROTO where it does not fit this memory. *last: it was the last. */
int gw_extents_take(struct gw_extents *e, const json_t *body, bool *last);
