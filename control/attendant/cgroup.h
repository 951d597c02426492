/* SPDX-License-Identifier: BSD-3-Clause */
/* Which cgroup limits the CPU of a thread. */
#pragma once

#include "../../dataplane/base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Where the kernel shows itself; tests have their own. */
struct gw_cgroup_root {
	const char *proc;   /* "/proc" */
	const char *mounts; /* "/proc/self/mountinfo" */
};

struct gw_cgroup {
	bool v2;
	char dir[PATH_MAX];
};

/* Of a thread of process pid. -ESRCH: pid has no such thread; -ENODEV: nothing there limits CPU. */
int gw_cgroup_of_thread(const struct gw_cgroup_root *root, pid_t pid, pid_t tid,
	struct gw_cgroup *out, struct gw_err *err);

/* Where the hierarchies are mounted that could: v1's cpu, v2. Calls fn for each. */
void gw_cgroup_mounts(const struct gw_cgroup_root *root,
	void (*fn)(void *ctx, const struct gw_cgroup *mount), void *ctx);
