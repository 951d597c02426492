/* SPDX-License-Identifier: BSD-3-Clause */
/* The sending end's own, shared by its files. */
#pragma once

#include "sender.h"

#include "../../dataplane/export/godwit_export.h"

struct sender {
	const struct bench_options *o;
	struct gw_loop *loop;
	struct gw_dp *dp;
	struct talk *talk;
	bool *interrupted;
	struct bench_memory memory;
	struct gw_export_ring *ring; /* nothing is ever dirtied */
	struct gw_dp_source *source;
	struct gw_dp_bound *bound;
	struct findings peer_findings;
	uint16_t label;
	struct bench_events *events;
	uint64_t closed, opened; /* counts of events; opened: when no label is on its way */
	uint32_t quiet;          /* looks since the last acknowledgement */
	uint64_t acked_bytes;    /* at the last look */
	bool working;            /* a helper thread */
	bool once;               /* memory is not marked anew */
	bool spent;              /* no label is left */
	uint64_t until_ns, tick_ns, next_progress_ns, begun_ns;
	uint64_t port_bytes[GW_DP_MAX_PORTS];
	void (*progress)(void *ctx, double seconds, const double *port_bps);
	void *progress_ctx;
	struct snapshot before, after; /* too large for a stack */
};

int sender_ask(struct sender *s, json_t *question, json_t **answer, struct gw_err *err);
/* A question whose answer says nothing but that it was done. */
int sender_tell(struct sender *s, const char *op, struct gw_err *err);
/* The receiver's memory: of this size, populated or fresh. */
int sender_peer_memory(struct sender *s, bool fresh, struct gw_err *err);
/* A stream whose pages below `limit` may be sent. */
int sender_open(struct sender *s, uint64_t limit, struct gw_err *err);
int sender_close(struct sender *s, struct gw_err *err);
/* Everything in it counts as dirty, always: half sent, it is marked anew under the next label. */
void sender_feed(struct sender *s);
int sender_close_bound(struct sender *s, struct gw_err *err);
/* ---- sender_measure.c ---- */
/* Both ends' counters; the other's arrive a moment later, by its own clock. */
int sender_snapshots(
	struct sender *s, struct snapshot *own, struct snapshot *peers, struct gw_err *err);
/* Progress is counted from now on. */
void sender_begin_progress(struct sender *s);
/* What is due while it measures. */
void sender_tick(void *ctx);
