/* SPDX-License-Identifier: BSD-3-Clause */
/* The hypervisor's process, held by a pidfd: its end is seen for certain, and nobody else who gets
 * its number later is ever signalled. */
#pragma once

#include "../loop.h"

struct gw_process;

/* pidfd: stays the caller's. 0 or -errno. */
int gw_process_open(struct gw_loop *loop, int pidfd, struct gw_process **out);
void gw_process_free(struct gw_process **p);

/* Calls gone(ctx) once from the loop when the process has ended (also when it has already), and no
 * more after gw_process_free(). kill_after_ns: SIGKILL then, if it has not ended by itself. */
void gw_process_await_end(
	struct gw_process *p, uint64_t kill_after_ns, void (*gone)(void *ctx), void *ctx);
