/* SPDX-License-Identifier: BSD-3-Clause */
/* godwit-bench's command line: one table makes the parser and --help. Pure. */
#pragma once

#include "../../dataplane/dataplane.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_DEFAULT_ADDRESS "127.0.0.1:7413"
#define BENCH_DEFAULT_PORT "7413"

enum bench_mode { BENCH_LOOPBACK, BENCH_LISTEN, BENCH_RUN, BENCH_SELF };

struct bench_options {
	enum bench_mode mode;
	const char *operand; /* listen: the configuration; run: the host; NULL: none */
	uint32_t memif;      /* pairs of shared-memory ports to make */
	const char *device[GW_DP_MAX_PORTS];
	const char *address[GW_DP_MAX_PORTS]; /* of the device with the same index; NULL: chosen */
	uint32_t n_devices, n_addresses;
	const char *config;
	const char *listen;
	bool insecure;
	const char *pki; /* a folder as scripts/pki makes it; NULL: none */
	double time_s, warmup_s;
	uint32_t rounds; /* 0: by what is measured */
	uint32_t mtu, rsize, ram_mib, workers, queues, descriptors;
	uint32_t cpu[2 * GW_DP_MAX_WORKERS], n_cpus;
	uint64_t rate_bps, expect_bps;
	enum gw_dp_integrity integrity;
	uint32_t zero_pct, compressible_pct;
	bool no_zero_copy, no_huge_pages;
	bool bound, fresh, search;
	uint32_t populate_threads;
	bool json;
	const char *svg;
};

/* 0: go on; 1: help or version was printed; -EINVAL: the reason is on stderr. */
int bench_options_parse(int argc, char **argv, struct bench_options *o);
