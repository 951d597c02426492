/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The attendant: a small process of godwitd's, forked before it confines itself. It does what
 * godwitd then may not do (start programs: the hooks) and what has to outlive godwitd: it holds the
 * brakes, and when godwitd goes, however that happens, it lifts them all. When the attendant goes,
 * godwitd lifts them; what both left behind (both killed at once), the next attendant finds.
 *
 * All calls are the control thread's; callbacks come from the loop, never from inside a call here.
 */
#pragma once

#include "../../dataplane/base/error.h"
#include "../loop.h"
#include "hook_point.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GW_BRAKE_MAX_THREADS 512u
#define GW_HOOK_INPUT_MAX 8192u

struct gw_attendant_conf {
	const char *hooks;        /* their directory, or NULL: none */
	uint32_t hook_timeout_ms; /* of each hook */
	bool sandbox;             /* confine the attendant too */
};

struct gw_attendant;

/* Forks it. Call before there are threads and before anything large is mapped. -errno with err,
 * also where the hooks' directory is not to be trusted. */
int gw_attendant_start(
	const struct gw_attendant_conf *conf, struct gw_attendant **out, struct gw_err *err);
/* Once there is a loop; nothing below works before. 0 or -errno. */
int gw_attendant_watch(struct gw_attendant *a, struct gw_loop *loop);
/* Lifts every brake; ends it. */
void gw_attendant_free(struct gw_attendant **a);
/* It runs. Once it does not it never will again (the log has said so), and what needs it gets
 * -EPIPE. NULL is an attendant that does not run. */
bool gw_attendant_alive(const struct gw_attendant *a);

/*
 * A brake: some threads of one process get a share of a CPU each, by a cgroup of their own below
 * the one they are in (v1 cpu: cfs_quota; v2: threaded, cpu.max). With no cgroup that could do it
 * they stand still by turns (pulse.h). Where that cannot be had either, set fails and nothing is
 * changed.
 */
struct gw_brake;

/* The answer to the last set or lift (answers to earlier ones that came too late are left out).
 * percent: in force now; 100: lifted. result: 0, or -errno with text and the threads are lifted:
 * -EPIPE the attendant is gone, -EPERM neither can be had, -ESRCH a thread is not (any more) of
 * that process, or that has ended. After -EPIPE every set fails. */
typedef void gw_brake_fn(void *ctx, int result, uint32_t percent, const char *text);

/* Of the process that pidfd holds (it stays the caller's) and whose number is pid; changes nothing
 * yet. -EPIPE where there is no attendant. */
int gw_brake_create(struct gw_attendant *a, pid_t pid, int pidfd, gw_brake_fn *fn, void *ctx,
	struct gw_brake **out);
/* Each of the threads gets percent (1 to 99) of one CPU, whoever was in the last set and is not in
 * this one gets all. 0: fn is going to be called; or -EINVAL, -E2BIG, -EPIPE at once. Cheap enough
 * to be called every few milliseconds with other percents. */
int gw_brake_set(struct gw_brake *b, const pid_t *tids, uint32_t n, uint32_t percent);
int gw_brake_lift(struct gw_brake *b);
/* Lifts it. fn is not called any more. */
void gw_brake_free(struct gw_brake **b);

/*
 * Hooks: the programs hooks/POINT, or those in the folder hooks/POINT by name, one after the other.
 * Each gets input on stdin; what it prints is logged. fn(ctx, result, text): 0 where all succeeded
 * (also where there are none), or -errno and what the first that failed did; those after it are not
 * run. label names the session in the log, where failures are told too. With fn NULL nobody waits:
 * the hook runs on whatever becomes of godwitd. *out (may be NULL) is good until fn is called;
 * -EPIPE, -E2BIG.
 */
struct gw_hook_run;
typedef void gw_hook_fn(void *ctx, int result, const char *text);

bool gw_attendant_has_hooks(const struct gw_attendant *a);
int gw_hook_start(struct gw_attendant *a, enum gw_hook_point point, const char *label,
	const char *input, gw_hook_fn *fn, void *ctx, struct gw_hook_run **out);
/* Kills what runs; fn is not called. */
void gw_hook_cancel(struct gw_hook_run **run);
