/* SPDX-License-Identifier: BSD-3-Clause */
/* Populates a destination's memory ahead of what arrives, in ascending order, by several helper
 * threads. */
#pragma once

#include "extents.h"
#include "loop.h"

struct gw_populate;

/* ram and extents are borrowed; extents must be complete. */
int gw_populate_create(
	struct gw_ram *ram, const struct gw_extents *extents, struct gw_populate **out);
/* Only when no thread works on it. */
void gw_populate_free(struct gw_populate **p);
/* The work of one thread; several may run it at once. arg is the struct gw_populate. */
void gw_populate_work(struct gw_job *job, void *arg);

/* Control thread: pages of region n that are populated without a gap from the first on. */
uint64_t gw_populate_mark(struct gw_populate *p, uint32_t n);
int gw_populate_error(const struct gw_populate *p); /* 0 or the first negative errno */
