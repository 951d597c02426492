/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's configuration of each end, from the command line. */
#pragma once

#include "options.h"

#include "../../config/config.h"

enum bench_side { BENCH_SENDER, BENCH_RECEIVER };

struct bench_ports {
	struct gw_dp_conf dp; /* points into what follows */
	char name[GW_DP_MAX_PORTS][32];
	char device[GW_DP_MAX_PORTS][GW_DP_DEVICE_BYTES];
	struct gw_config *config; /* NULL: none */
};

/* directory: where memif's sockets are made (loopback). */
int bench_ports_create(const struct bench_options *o, enum bench_side side, const char *directory,
	struct bench_ports **out, struct gw_err *err);
void bench_ports_free(struct bench_ports **p);
/* What the end says of itself before its data plane runs; the same as gw_dp_host() says later. */
void bench_ports_host(const struct bench_ports *p, struct gw_dp_host *host);
