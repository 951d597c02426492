/* SPDX-License-Identifier: BSD-3-Clause */
/* The sending end: one measurement at a time, of the protocol or of the bound. */
#pragma once

#include "events.h"
#include "findings.h"
#include "memory.h"
#include "options.h"
#include "snapshot.h"
#include "talk.h"

/* What both ends counted while it was measured. */
struct measurement {
	bool bound, cut; /* cut: Ctrl-C ended it early */
	double seconds;  /* of the sender's clock */
	struct snapshot sender, receiver;
};

struct sender;

int sender_create(const struct bench_options *o, struct gw_loop *loop, struct gw_dp *dp,
	struct talk *t, struct bench_events *events, bool *interrupted, struct sender **out,
	struct gw_err *err);
void sender_free(struct sender **s);
/* What the other end says about itself. */
const struct findings *sender_peer_findings(const struct sender *s);

/* {source, destination}: what each end dropped since its start, by name. The caller's. */
json_t *sender_drops(struct sender *s);

/* While it measures, fn(ctx, seconds since its begin, each port's guest bits per second) every
 * 100 ms. */
void sender_progress(
	struct sender *s, void (*fn)(void *ctx, double seconds, const double *port_bps), void *ctx);

/* Warm-up, then o->time_s. Where Ctrl-C comes after some of it, that counts (0, m->cut is set, and
 * the interruption is taken back); before: -EINTR. */
int sender_measure(struct sender *s, bool bound, struct measurement *m, struct gw_err *err);

/* Into memory that was never touched, one pass, which the receiver populates ahead; and before it
 * or after it (plain_first) a plain loop over such memory there, in bits per second.
 * sender_fresh.c. */
int sender_measure_fresh(struct sender *s, bool plain_first, struct measurement *m,
	double *plain_bps, struct gw_err *err);
