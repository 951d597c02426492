/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving end: makes memory, takes pages, answers what the sending end asks. */
#pragma once

#include "options.h"
#include "talk.h"

/* Answers until the other end is gone (0) or Ctrl-C (-EINTR); err says what else went wrong. */
int receiver_serve(const struct bench_options *o, struct gw_loop *loop, struct gw_dp *dp,
	struct talk *t, struct gw_err *err);
