/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole benchmark of the sending end: rounds of measurements, then what they say. */
#pragma once

#include "options.h"
#include "ports.h"
#include "result.h"
#include "talk.h"

#define BENCH_MAX_ROUNDS 1000u

struct bench {
	const struct bench_options *o;
	struct gw_loop *loop;
	struct gw_dp *dp;
	struct sender *sender;
	bool *interrupted;
	bool crc;
	uint32_t n_ports;
	struct result_port port[GW_DP_MAX_PORTS];
	/* by round; protocol and bound in turn */
	uint32_t n_protocol, n_bound;
	struct result *protocol, *bound;
};

/* 0, also where Ctrl-C ended it after something was measured; otherwise err says why not. */
int bench_run(struct bench *b, struct gw_err *err);
void bench_release(struct bench *b);

/* report.c: what was measured, for people or programs. */
json_t *bench_json(const struct bench *b);
void bench_print(const struct bench *b, FILE *f);
