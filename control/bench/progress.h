/* SPDX-License-Identifier: BSD-3-Clause */
/* How a measurement is going: one line that renews itself on a terminal, a line a second elsewhere.
 * On stderr: stdout is for results. */
#pragma once

#include "options.h"

struct progress {
	const char *what;
	uint32_t round, rounds, n_ports;
	double total_s, said_s;
	double sum[GW_DP_MAX_PORTS];
	uint32_t samples;
	bool terminal, open;
};

void progress_begin(struct progress *p, const struct bench_options *o, const char *what,
	uint32_t round, uint32_t rounds, uint32_t n_ports);
/* As sender_progress() calls it; ctx is the struct progress. */
void progress_show(void *ctx, double seconds, const double *port_bps);
void progress_end(struct progress *p);
