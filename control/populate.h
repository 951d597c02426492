/* SPDX-License-Identifier: BSD-3-Clause */
/* Populates a guest's memory ahead of the poll cores, in ascending order, by several helper
 * threads: what its files hold, or at the destination what is going to arrive. */
#pragma once

#include "extents.h"
#include "loop.h"

struct gw_populate;

struct gw_populate_conf { /* all borrowed */
	struct gw_ram *ram;
	const struct gw_extents *extents; /* the source's, complete; NULL: what the files hold */
	/* Where the destination's files held data before: pages that arrive are kept, and the sink
	 * told; the others are given back. NULL: they held none. */
	struct gw_dp_sink *sink;
	bool again; /* extents NULL: what is mapped already too */
};

int gw_populate_create(const struct gw_populate_conf *conf, struct gw_populate **out);
/* Only when no thread works on it. */
void gw_populate_free(struct gw_populate **p);
/* The work of one thread; several may run it at once. arg is the struct gw_populate. */
void gw_populate_work(struct gw_job *job, void *arg);

/* Its threads end with the chunk that they are at. */
void gw_populate_stop(struct gw_populate *p);

/* Control thread: whether all is done, or it has had long enough to itself: pages that the files
 * have already are mapped faster than they can be sent, and sending some of them meanwhile costs
 * more time than it saves where poll cores and helpers share CPUs. */
bool gw_populate_may_show(struct gw_populate *p, uint64_t now_ns);
/* Control thread: pages of region n that are populated without a gap from the first on. */
uint64_t gw_populate_mark(struct gw_populate *p, uint32_t n);
int gw_populate_error(const struct gw_populate *p); /* 0 or the first negative errno */
