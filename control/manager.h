/* SPDX-License-Identifier: BSD-3-Clause */
/* All sessions of this host, and the poll that keeps them going. */
#pragma once

#include "dirty_run.h"
#include "source_run.h"

struct gw_manager;

struct gw_manager_conf {
	struct gw_loop *loop;
	struct gw_dp *dp;
	const struct gw_config *config;
	const struct gw_tls *tls; /* NULL: security is off */
	struct gw_attendant *attendant;
	struct gw_announcer *announcer; /* or NULL */
};

/* Starts to listen for peers and takes up what an earlier godwitd left unfinished. */
int gw_manager_create(
	const struct gw_manager_conf *conf, struct gw_manager **out, struct gw_err *err);
void gw_manager_free(struct gw_manager **m);

/* What a migration may be told; 0 or NULL: as configured. */
struct gw_migrate {
	const char *vm, *host;
	bool dry; /* check only */
	bool verify, populate_first, quit_after, switch_on_limit;
	uint32_t blackout_limit_ms, max_total_s, max_slowdown_percent;
	enum gw_convergence_on_spent on_spent;
	struct gw_tuning tuning;
	struct gw_announce_nics announce; /* of the guest, for the destination */
};
/* As configured. */
void gw_manager_defaults(const struct gw_manager *m, struct gw_migrate *out);
/* admission is called exactly once, perhaps before this returns; run is NULL where none came to be.
 */
void gw_manager_migrate(
	struct gw_manager *m, const struct gw_migrate *what, gw_admission admission, void *arg);

/* By id, or the newest of a VM (the other is NULL). New references; NULL: unknown. Finished
 * sessions are kept until 64 newer ones have finished. */
json_t *gw_manager_status(const struct gw_manager *m, const char *id, const char *vm);
json_t *gw_manager_report(const struct gw_manager *m, const char *id, const char *vm);
json_t *gw_manager_list(const struct gw_manager *m);
/* 0 with the session's id, or an enum gw_rpc_code. */
int gw_manager_abort(struct gw_manager *m, const char *id, const char *vm, const char *reason,
	char out_id[GW_UUID_TEXT]);

/* A person's word; sure: said with emphasis. 0 with the session's id, or an enum gw_rpc_code with a
 * text of err. */
int gw_manager_resolve(struct gw_manager *m, const char *id, const char *vm,
	enum gw_resolution resolution, bool sure, char out_id[GW_UUID_TEXT], struct gw_err *err);

/* 0, or an enum gw_rpc_code with a text of err. out: the session's status. */
int gw_manager_change(struct gw_manager *m, const char *id, const char *vm,
	const struct gw_changes *changes, json_t **out, struct gw_err *err);

/* Measures what a guest dirties. 0, or an enum gw_rpc_code with a text of err and without a call of
 * ops. ops->done has to call gw_manager_measured() first. */
int gw_manager_measure(struct gw_manager *m, const char *vm, uint64_t duration_ns,
	const struct gw_dirty_run_ops *ops, void *arg, struct gw_err *err);
void gw_manager_measured(struct gw_manager *m, struct gw_dirty_run *run);
/* What was measured so far; NULL: the VM is not being measured. */
json_t *gw_manager_measure_json(const struct gw_manager *m, const char *vm);
/* Ends it before its time; false: the VM is not being measured. */
bool gw_manager_measure_end(struct gw_manager *m, const char *vm);

struct gw_peers *gw_manager_peers(const struct gw_manager *m);
struct gw_dp *gw_manager_dp(const struct gw_manager *m);
const struct gw_config *gw_manager_config(const struct gw_manager *m);

/* Aborts what can be aborted; done(arg) when no session is left, or when waiting longer is of no
 * use. */
void gw_manager_stop(struct gw_manager *m, void (*done)(void *arg), void *arg);

/* ---- for recovery.c ---- */
void gw_manager_recover_source(struct gw_manager *m, const struct gw_record *record);
