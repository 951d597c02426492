/* SPDX-License-Identifier: BSD-3-Clause */
/* What godwitd gives up once it has started. */
#pragma once

#include "../../dataplane/base/error.h"
#include "../loop.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Leaves shared memory and huge pages out of this process's core dumps, whoever mapped them: guest
 * memory, packet buffers, and the rings that drivers map as ports connect. What is private is
 * marked one by one (base/secret.h), so that a core of godwitd itself is still of use. That is why
 * the process stays dumpable; it would also lose its own /proc otherwise, where it is not root. A
 * failure is logged.
 */
void gw_harden_dumps(void);

/* Every thread of this process keeps those of its capabilities that are in keep (a bit for each
 * CAP_..., capabilities(7)), and can get no others. who begins the log line about it. -errno with
 * err: some thread has more. */
int gw_harden_capabilities(uint64_t keep, const char *who, struct gw_err *err);

struct gw_harden_watch;

/* Every thread of this process, and those to come, may make the system calls that a started godwitd
 * needs, and those in also. Others fail with EPERM; the loop logs them. For good: freeing the watch
 * only ends the logging. */
int gw_harden_syscalls(struct gw_loop *loop, const int *also, size_t n_also,
	struct gw_harden_watch **out, struct gw_err *err);
void gw_harden_watch_free(struct gw_harden_watch **watch);

/* System calls that were refused so far. */
uint64_t gw_harden_refused(void);
