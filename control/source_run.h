/* SPDX-License-Identifier: BSD-3-Clause */
/* The source's driver: source_run.c carries out the machine's actions, source_in.c turns what
 * arrives (messages, export events, the passing of time) into its events. */
#pragma once

#include "digest.h"
#include "extents.h"
#include "run.h"
#include "source_brake.h"
#include "verify.h"

/* Told once: code 0 when a session is admitted or a dry run is through, otherwise an RPC error code
 * with a text. reasons are borrowed. */
typedef void (*gw_admission)(
	void *arg, struct gw_run *run, int code, const char *text, const json_t *reasons);

struct gw_src_params {
	char id[GW_UUID_TEXT], vm[GW_NAME_MAX], peer[GW_NAME_MAX];
	struct gw_session_conf conf;
	struct gw_tuning tuning;
	struct gw_announce_nics announce;
	uint64_t max_total_ns; /* 0: none */
	uint32_t max_slowdown_percent;
	const json_t *reasons; /* of a dry run without a peer: conf.reasons many; borrowed */
};

/* Begins to move a VM over conn; NULL: a dry run that looks at this end only. admission may be called
 * before this returns. */
int gw_src_run_start(const struct gw_run_env *env, const struct gw_src_params *params,
	struct gw_conn *conn, gw_admission admission, void *arg, struct gw_run **out);
/* Takes up a session after a restart, from its record. */
int gw_src_run_recover(const struct gw_run_env *env, const struct gw_session_conf *conf,
	const struct gw_record *record, struct gw_run **out);

/* ---- inside the driver ---- */
struct gw_src_run {
	struct gw_run run;
	struct gw_src *machine;
	gw_admission admission;
	void *admission_arg;
	int code; /* what to answer where it is not admitted */

	int map_result;
	struct gw_err map_err;
	struct gw_dp_source *stream;
	uint16_t stream_number; /* the destination's */
	uint64_t head[GW_EXPORT_MAX_RINGS];
	uint32_t n_rings;
	uint64_t sync_number;
	uint64_t sync_asked_ns;           /* when it was asked for, */
	uint64_t sync_ns, sync_before_ns; /* and what the last two took */
	bool sync_last;                   /* nobody writes after the one that is asked for */
	struct gw_extents *extents;
	int walk_result;
	uint64_t hole_slice;    /* see gw_dp_source_find_holes(); atomic, as hole_result is */
	uint32_t hole_searches; /* threads that search */
	int hole_result;
	bool telling;                          /* extents go out as the connection takes them */
	uint64_t populated[GW_DP_MAX_REGIONS]; /* by the destination, as it says */
	bool all_populated;                    /* by both */
	uint64_t mapped_ns;                    /* since when all of it is mapped here; 0: is not */

	uint8_t *state;
	struct gw_digest128 state_digest;
	uint64_t state_size;
	struct gw_verify *verify;
	bool verify_telling;

	struct gw_src_brake brake;
	struct gw_convergence_sample decided; /* what the pause was decided by */
	uint64_t decided_ns, opened_ns;       /* opened: of the label */
	uint64_t dirty_bps;                   /* over the last epochs */
	struct gw_experience_costs costs;     /* of this blackout; known says whether they are */
	bool costs_known;
	uint64_t final_pages;    /* what was left to send when the guest stood */
	uint64_t verified_ns;    /* the destination's digests took */
	uint64_t running_age_ns; /* for so long the guest had run there when that was said */
	int recover_pid; /* after a restart: the hypervisor that the record names; 0: no recovery */
	bool watching_link, waiting_idle, reconnecting;
	bool peer_was_gone, told_unmet; /* told: that the blackout limit cannot be met */
	enum gw_message_type reconnecting_for;
	uint64_t deadline_ns; /* of max_total, 0: none */
	uint64_t paths_up_ns; /* when a path was up last */
	uint64_t slow_ns;     /* next time for what need not be done every millisecond */
};

static inline struct gw_src_run *gw_src_run_of(struct gw_run *run)
{
	return (struct gw_src_run *)(void *)run;
}

void gw_src_run_observe(struct gw_run *run, struct gw_session_event *ev);
int gw_src_run_message(struct gw_run *run, enum gw_message_type type, const json_t *body);
void gw_src_run_export(struct gw_run *run, const struct gw_exporter_event *ev);
void gw_src_run_tick(struct gw_run *run, uint64_t now_ns);
/* Lets out the pages that both ends have populated. */
void gw_src_run_let_out(struct gw_src_run *s, uint64_t now_ns);
/* Why the paths are not there, for people. */
void gw_src_run_link_text(struct gw_src_run *s, char *text, size_t size);
/* What is left to be sent and what that takes, as of now. */
void gw_src_run_sample(struct gw_src_run *s, struct gw_convergence_sample *sample);
/* The guest runs at the destination: what that took beside what can be reckoned, for the sessions
 * to come. */
void gw_src_run_learn(struct gw_src_run *s);
/* The body of END: what was learned, for the way back. NULL: nothing. */
json_t *gw_src_run_costs(const struct gw_src_run *s);
/* Actions about the stream. */
void gw_src_run_stream(struct gw_src_run *s, enum gw_session_action_type type, uint64_t value);
/* SYNC, for the machine. */
void gw_src_run_sync(struct gw_src_run *s);
void gw_src_run_dp_event(struct gw_run *run, const struct gw_dp_event *ev);
/* Verify: digests all memory and tells the destination. */
void gw_src_run_digest(struct gw_src_run *s);
