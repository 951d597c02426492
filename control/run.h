/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A running session: one of the pure machines (session.h), and what its actions act upon.
 * source_run.c and sink_run.c carry out what only their role does; what both do is here. The
 * manager owns runs and sees only the functions below; the fields are for the two roles.
 */
#pragma once

#include "../config/config.h"
#include "../dataplane/dataplane.h"
#include "announce/announcer.h"
#include "attendant/attendant.h"
#include "conn.h"
#include "experience.h"
#include "hypervisor/hypervisor.h"
#include "meter.h"
#include "peers.h"
#include "populate.h"
#include "record.h"
#include "session.h"

#define GW_RUN_QUEUE 32u
#define GW_RUN_MAX_JOBS 136u /* populate threads, twice, and the few others */

struct gw_run;

/* A source session's share of the ports; changed in flight. */
struct gw_tuning {
	char class_name[GW_NAME_MAX];
	uint32_t weight;
	uint64_t rate_bps; /* over all ports, layer 1; 0: no cap */
};

void gw_tuning_class(struct gw_tuning *t, const struct gw_config_class *class);

/* What is to change of a running session. */
struct gw_changes {
	const struct gw_config_class *class; /* its weight and cap; NULL: as it is */
	bool has_weight, has_rate, has_blackout_limit;
	uint32_t weight, blackout_limit_ms;
	uint64_t rate_bps;
};

/* What sessions need of the daemon. */
struct gw_run_env {
	struct gw_loop *loop;
	struct gw_dp *dp;
	struct gw_peers *peers;
	const struct gw_config *config;
	struct gw_experience *experience;                /* of all sessions */
	struct gw_attendant *attendant;                  /* it may have died */
	struct gw_announcer *announcer;                  /* NULL: none is configured */
	void (*finished)(void *ctx, struct gw_run *run); /* frees it */
	void (*hurry)(void *ctx); /* a session became urgent, or no longer is */
	void *ctx;
};

struct gw_run_ops {
	void (*step)(struct gw_run *run, const struct gw_session_event *ev,
		struct gw_session_actions *out);
	struct gw_session_view (*view)(const struct gw_run *run);
	/* An action that is this role's own. */
	void (*perform)(struct gw_run *run, enum gw_session_action_type type, uint64_t value);
	/* Before a step: the role may fill in and note what came. */
	void (*observe)(struct gw_run *run, struct gw_session_event *ev);
	int (*message)(struct gw_run *run, enum gw_message_type type, const json_t *body);
	void (*dp_event)(struct gw_run *run, const struct gw_dp_event *ev);
	void (*tick)(struct gw_run *run, uint64_t now_ns);
	void (*export_event)(struct gw_run *run, const struct gw_exporter_event *ev);
	/* Source: whether a person's word counts now. */
	enum gw_resolve_verdict (*resolvable)(const struct gw_run *run,
		enum gw_resolution resolution, bool sure, const char **why);
	/* Source: takes the run's changed conf and tuning to where they act. */
	void (*retune)(struct gw_run *run);
	void (*finish)(
		struct gw_run *run); /* closes what the machine left; then the run is freed */
	void (*free)(struct gw_run *run);
};

struct gw_run {
	const struct gw_run_env *env;
	const struct gw_run_ops *ops;
	bool is_source, admitted, over;
	bool awake; /* workers poll without sleeping for it */
	char id[GW_UUID_TEXT], vm[GW_NAME_MAX], peer[GW_NAME_MAX];
	struct gw_session_conf conf;
	struct gw_tuning tuning; /* of a source */
	bool was_paused;
	struct gw_hook_run *hook; /* before-pause */
	struct gw_announce_nics announce;
	bool announced_pause; /* PAUSING is recorded: that the guest stops is no news */

	struct gw_conn *conn; /* NULL while lost; held */
	struct gw_link *link; /* of the stream */
	struct gw_hv *hv;
	bool hv_open; /* ... and described; otherwise no operation is possible */
	struct gw_ram *ram;
	struct gw_timer *timer;
	struct gw_timer *end_timer;
	struct gw_meter *meter;
	json_t *reasons; /* array: what forbids the session, both ends */

	struct gw_session_event queue[GW_RUN_QUEUE];
	uint32_t queued;
	bool feeding;

	struct gw_job *job[GW_RUN_MAX_JOBS];
	uint32_t jobs;
	void (*when_free)(struct gw_run *run); /* waits for the last job */
	/* Of what the files hold, while the session is being prepared; then of what is to be sent,
	 * which mostly finds it done; then, where that was long ago, of all of it once more. */
	struct gw_populate *ahead, *populate, *again;
};

/* ---- for the manager ---- */
void gw_run_free(struct gw_run **run);
int gw_run_message(
	struct gw_run *run, struct gw_conn *conn, enum gw_message_type type, const json_t *body);
void gw_run_conn_gone(struct gw_run *run, const char *reason);
void gw_run_tick(struct gw_run *run, uint64_t now_ns);
void gw_run_abort(struct gw_run *run, const char *reason);
/* Of a source only. */
void gw_run_change(struct gw_run *run, const struct gw_changes *changes);
struct gw_session_view gw_run_view(const struct gw_run *run);
json_t *gw_run_status(const struct gw_run *run);

/* ---- for the roles ---- */
/* Fills the common part; on failure the caller frees with gw_run_free(). */
int gw_run_init(struct gw_run *run, const struct gw_run_env *env, const struct gw_run_ops *ops,
	const char *id, const char *vm, const char *peer, bool is_source);
void gw_run_attach(struct gw_run *run, struct gw_conn *conn);
/* Events. text may be NULL. */
void gw_run_event(struct gw_run *run, const struct gw_session_event *ev);
void gw_run_feed(struct gw_run *run, enum gw_session_event_type type, int result, uint64_t value,
	const char *text);
void gw_run_fault(struct gw_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sends a message with "session"; body is stolen (NULL: none). Nothing happens without a
 * connection. */
void gw_run_send(struct gw_run *run, enum gw_message_type type, json_t *body);
/* A helper job; done (may be NULL) runs on the control thread while no other session code does. */
int gw_run_job(struct gw_run *run, void (*work)(struct gw_job *job, void *arg),
	void (*done)(void *arg), void *arg);
/* Begins to populate the guest's memory, with as many threads as configured. */
void gw_run_populate(
	struct gw_run *run, const struct gw_populate_conf *conf, struct gw_populate **out);
/* Cancels jobs and calls fn when the last has ended: at once where there is none. */
void gw_run_when_free(struct gw_run *run, void (*fn)(struct gw_run *run));
void gw_run_cancel_jobs(struct gw_run *run);
/* Nothing is waited for from the workers any more: they need not look for it. */
void gw_run_rest(struct gw_run *run);
/* Runs a hook. before-pause ends with HOOKED; the others outlive the session. */
void gw_run_hook(struct gw_run *run, enum gw_hook_point point);
/* Adds a reason of this end. */
void gw_run_reason(struct gw_run *run, const char *code, const char *message, const char *remedy);
