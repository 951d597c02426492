/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole benchmark of the sending end: rounds of measurements, then what they say. */
#pragma once

#include "events.h"
#include "facts.h"
#include "options.h"
#include "ports.h"
#include "result.h"
#include "talk.h"

#define BENCH_MAX_TRIALS 32u

enum bench_kind { BENCH_PROTOCOL, BENCH_BOUND, BENCH_FRESH, BENCH_SEARCH };

/* What was measured of one kind, by round. */
struct bench_series {
	uint32_t n;
	struct result *r;
};

struct bench_trial {     /* of a search */
	double rate_bps; /* of all ports together */
	bool lossless;
};

struct bench_sample { /* of a plot */
	double at_s, bps;
	enum bench_kind kind;
};

struct bench {
	const struct bench_options *o;
	struct gw_dp *dp;
	struct gw_dp_link *link;
	struct sender *sender;
	enum gw_dp_integrity integrity;
	uint32_t n_ports;
	struct result_port port[GW_DP_MAX_PORTS];
	struct bench_series protocol, bound, fresh, trials;
	double *plain_bps; /* by round of fresh */
	struct bench_trial trial[BENCH_MAX_TRIALS];
	double found_bps; /* highest trial without loss; 0: none was found */
	struct facts facts;
	struct findings findings; /* of this end */
	json_t *drops;            /* as sender_drops() */
	uint32_t n_samples, room_samples;
	struct bench_sample *sample;
	double begun_s; /* where the measurement under way begins in the plot */
	enum bench_kind kind;
};

/* Measures what the options say. 0, also where Ctrl-C ended it after something was measured;
 * otherwise err says why not. */
int bench_run(struct bench *b, struct gw_err *err);
void bench_release(struct bench *b);

/* summary.c: of rounds in turn: the median of each pair's quotient. 0: no pair. */
double bench_bound_ratio(const struct bench *b);
double bench_fresh_ratio(const struct bench *b);
double bench_plain_bps(const struct bench *b); /* median */

/* report.c, table.c: what was measured, for programs or people. */
json_t *bench_json(const struct bench *b);
void bench_print(const struct bench *b, FILE *f);
/* chart.c: a gnuplot script. */
void bench_chart(const struct bench *b, FILE *f);
