/* SPDX-License-Identifier: BSD-3-Clause */
/* The destination's driver: sink_run.c carries out the machine's actions, sink_memory.c those that
 * are about guest memory, sink_in.c turns what arrives into events. */
#pragma once

#include "run.h"
#include "verify.h"

struct gw_dst_params {
	char id[GW_UUID_TEXT], vm[GW_NAME_MAX];
	struct gw_session_conf conf;
	struct gw_announce_nics announce;
	const json_t *description; /* of the source's VM; borrowed */
	const json_t *reasons;     /* against it: conf.reasons many; borrowed */
};

/* A peer wants to move a VM here. */
int gw_dst_run_start(const struct gw_run_env *env, const struct gw_dst_params *params,
	struct gw_conn *conn, struct gw_run **out);

/* ---- inside the driver ---- */
struct gw_dst_run {
	struct gw_run run;
	struct gw_dst *machine;
	json_t *description;

	struct gw_dp_sink *stream;
	int job_result; /* of the memory job that runs */
	bool had_data;  /* the files, before the session */
	struct gw_extents *extents;
	uint64_t announced[GW_DP_MAX_REGIONS];
	uint64_t announce_ns;

	bool committed;
	uint64_t state_size;
	struct gw_digest128 state_digest;
	const uint8_t *state;
	struct gw_verify *verify;
	bool verify_done; /* own digests are there */
	uint64_t commit_ns, fenced_ns, verified_ns, loaded_ns;
};

static inline struct gw_dst_run *gw_dst_run_of(struct gw_run *run)
{
	return (struct gw_dst_run *)(void *)run;
}

void gw_dst_run_map(struct gw_dst_run *s);
void gw_dst_run_punch(struct gw_dst_run *s);
/* Every unit of the source's data is known: populating begins. */
void gw_dst_run_populate(struct gw_dst_run *s);
void gw_dst_run_announce(struct gw_dst_run *s, uint64_t now_ns);
/* After the fence: holes, state, and with verify the digests. */
void gw_dst_run_verify(struct gw_dst_run *s);
/* Own digests or the peer's have come: compares when both have. */
void gw_dst_run_compare(struct gw_dst_run *s);

void gw_dst_run_observe(struct gw_run *run, struct gw_session_event *ev);
int gw_dst_run_message(struct gw_run *run, enum gw_message_type type, const json_t *body);
