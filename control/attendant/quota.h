/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread's share of a CPU: it is moved into a cgroup of its own below the one it was in. That
 * cgroup's name tells who made it, and its maker holds a lock on it: one that nobody holds was left
 * behind, and whoever comes by lifts it.
 */
#pragma once

#include "cgroup.h"

#include <stdint.h>

struct gw_quota;

/* percent of one CPU, 1 to 99. *out is unchanged on failure, and so is the thread. */
int gw_quota_create(const struct gw_cgroup *of, pid_t tid, uint32_t percent, struct gw_quota **out,
	struct gw_err *err);
int gw_quota_change(struct gw_quota *q, uint32_t percent, struct gw_err *err);
pid_t gw_quota_tid(const struct gw_quota *q);
/* Back to where it was, with all that it has started. 0, or -errno of what could not be put back;
 * the limit is off before anything else is tried. */
int gw_quota_free(struct gw_quota **q);

/* Lifts what was left behind below dir; how many. */
uint32_t gw_quota_sweep(const struct gw_cgroup *mount);
/* Lifts what of holds, which was found for a thread: 0 also where it is none of ours. For when its
 * maker is dead. */
int gw_quota_rescue(const struct gw_cgroup *of);
