/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting DPDK's environment, once per process. */
#pragma once

#include "../base/error.h"
#include "../dataplane.h"

/* Starts EAL for conf: lcore 0 is the calling thread on control_cpu, lcore i + 1 is worker i. Ports
 * with vdev devargs are created by EAL, PCI ports are the only ones probed. A second call is a
 * no-op that answers 0. */
int gw_eal_start(const struct gw_dp_conf *conf, struct gw_err *err);

/* After start: capabilities that conf's devices go on needing, a bit for each CAP_... */
uint64_t gw_eal_capabilities(const struct gw_dp_conf *conf);
