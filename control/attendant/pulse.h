/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that stand still by turns, where no cgroup can limit them: stopped and let go by
 * ptrace(2). The kernel lets a thread go whose tracer has ended, so none is left stopped whatever
 * is killed. A hypervisor's own run state is never touched (QMP stop and cont would be): a guest
 * that has been paused meanwhile stays paused when its thread is let go, so no turn can start a
 * second runner.
 */
#pragma once

#include "../../dataplane/base/error.h"
#include "../loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How long the threads run, and how long they then stand still, over and over. */
struct gw_pulse_turns {
	uint64_t run_ns, still_ns;
};
struct gw_pulse_turns gw_pulse_turns_of(uint32_t percent);

/* All that are on: one signal tells of their threads. */
struct gw_pulses;
struct gw_pulse;

/* Blocks SIGCHLD. NULL where memory or descriptors are short. */
struct gw_pulses *gw_pulses_create(struct gw_loop *loop);
/* Lets all go. What cannot be stopped just now would be let go by the end of this process. */
void gw_pulses_free(struct gw_pulses **pulses);

/* The threads together; percent: the share of its time that each keeps, 1 to 99. 0, or -errno with
 * err (-EPERM also where a debugger has one of them), and nothing is changed. */
int gw_pulse_create(struct gw_pulses *pulses, const pid_t *tids, uint32_t n, uint32_t percent,
	struct gw_pulse **out, struct gw_err *err);
void gw_pulse_change(struct gw_pulse *p, uint32_t percent);
uint32_t gw_pulse_threads(const struct gw_pulse *p);
/* These are its threads, and it has no others. */
bool gw_pulse_has(const struct gw_pulse *p, const pid_t *tids, uint32_t n);
/* They run. One that is in a system call that nothing interrupts had not stopped, and is let go for
 * good when it returns from it, or is taken over by the next gw_pulse_create() that names it. */
void gw_pulse_free(struct gw_pulse **p);
