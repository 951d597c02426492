/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving end: makes memory, takes pages, answers what the sending end asks. */
#pragma once

#include "events.h"
#include "options.h"
#include "talk.h"

struct receiver;

/* All borrowed. events: shared by who polls this data plane. */
int receiver_create(const struct bench_options *o, struct gw_loop *loop, struct gw_dp *dp,
	struct talk *t, struct bench_events *events, struct receiver **out, struct gw_err *err);
/* Lets go of streams and memory. */
void receiver_free(struct receiver **r);

/* The answer to one question (the caller's); ctx is the struct receiver. */
json_t *receiver_answer(void *ctx, const json_t *question);
/* Answers until the other end is gone (0) or Ctrl-C (-EINTR). */
int receiver_serve(struct receiver *r, struct gw_err *err);
