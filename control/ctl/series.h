/* SPDX-License-Identifier: BSD-3-Clause */
/* A report's timeline brought to the width of a picture: bins, and units that fit. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#define SERIES_MAX_PORTS 16

/* A bin: each port's rate in bit/s, then these. Averages over the bin's samples. */
enum { SERIES_REMAINING = SERIES_MAX_PORTS, SERIES_SAMPLES, SERIES_COLUMNS };

struct unit {
	const char *name;
	double size;
};

struct series {
	size_t n_ports, n_bins;
	double bin_ms, end_ms, top_bps, top_bytes;
	double (*bins)[SERIES_COLUMNS];
	struct unit time, rate, bytes;
};

/* -1 where there is no timeline, or no memory. */
int series_create(struct series *series, const json_t *report);
void series_free(struct series *series);
