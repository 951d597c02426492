/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measures what a guest dirties without moving it: opens its hypervisor as a session would, tracks
 * its writes, asks for them at intervals and lifts the tracking. The rings are drained here, on the
 * control thread: no poll core, port or peer takes part.
 */
#pragma once

#include "run.h"

#define GW_DIRTY_MAX_SECONDS 60u

struct gw_dirty_run;

struct gw_dirty_run_ops {
	/* Once, with code 0 and what was measured (owned by the callee), or with an RPC error code,
	 * a text and maybe reasons (borrowed). The run is to be freed then. */
	void (*done)(void *arg, struct gw_dirty_run *run, int code, const char *text,
		json_t *result, const json_t *reasons);
	/* Whether anybody still waits for it. */
	bool (*wanted)(void *arg);
};

/* 0, or -ENOMEM; done is never called from inside. */
int gw_dirty_run_start(const struct gw_run_env *env, const char *vm, uint64_t duration_ns,
	const struct gw_dirty_run_ops *ops, void *arg, struct gw_dirty_run **out);
/* Closes the hypervisor's sockets, by which tracking ends. done is not called. */
void gw_dirty_run_free(struct gw_dirty_run **run);

const char *gw_dirty_run_vm(const struct gw_dirty_run *run);
/* Lifts the tracking now; done follows with what was measured until then. */
void gw_dirty_run_end(struct gw_dirty_run *run);
/* Fails it, at once: done is called from inside. */
void gw_dirty_run_fail(struct gw_dirty_run *run, int code, const char *text);
/* What was measured so far, as rpc.h has it. */
json_t *gw_dirty_run_json(const struct gw_dirty_run *run);
