/* SPDX-License-Identifier: BSD-3-Clause */
/* The manager's state, shared by its files. */
#pragma once

#include "dirty_run.h"
#include "history.h"
#include "manager.h"
#include "recovery.h"

#define GW_MANAGER_MAX_RUNS 64u

struct gw_manager {
	struct gw_run_env env;
	struct gw_experience experience;
	struct gw_run *run[GW_MANAGER_MAX_RUNS];
	uint32_t runs;
	struct gw_dirty_run *measurement[GW_MANAGER_MAX_RUNS];
	uint32_t measurements;
	struct gw_history *history;
	struct gw_recovery *recovery;
	struct gw_timer *poll_timer, *stop_timer;
	uint64_t period_ns, last_run_ns, watch_ns;
	uint64_t stop_ns; /* when stopping began, 0: not */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

/* The session that has not ended, or NULL: by its id, of a VM. */
struct gw_run *gw_manager_find_id(const struct gw_manager *m, const char *id);
struct gw_run *gw_manager_find_vm(const struct gw_manager *m, const char *vm);
/* manager_dirty.c: a session of the VM begins, or all ends. */
bool gw_manager_measures(const struct gw_manager *m, const char *vm);
void gw_manager_measure_yield(struct gw_manager *m, const char *vm);
void gw_manager_measure_stop(struct gw_manager *m);
/* There must be room. */
void gw_manager_add(struct gw_manager *m, struct gw_run *run);
struct gw_session_conf gw_manager_session_conf(
	const struct gw_manager *m, const struct gw_migrate *what);
