/* SPDX-License-Identifier: BSD-3-Clause */
/* The sending end: one measurement at a time, of the protocol or of the bound. */
#pragma once

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
	struct talk *t, bool *interrupted, struct sender **out, struct gw_err *err);
void sender_free(struct sender **s);
double sender_peer_tsc_hz(const struct sender *s);

/* While it measures, fn(ctx, seconds since its begin, each port's guest bits per second) every
 * 100 ms. */
void sender_progress(
	struct sender *s, void (*fn)(void *ctx, double seconds, const double *port_bps), void *ctx);

/* Warm-up, then o->time_s. Where Ctrl-C comes after some of it, that counts (0, m->cut is set, and
 * the interruption is taken back); before: -EINTR. */
int sender_measure(struct sender *s, bool bound, struct measurement *m, struct gw_err *err);
