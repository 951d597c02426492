/* SPDX-License-Identifier: BSD-3-Clause */
/* A host's data plane without DPDK: the daemon's own workers, stepped in virtual time. What
 * dataplane.c makes with EAL is made here from simulated ports. */
#pragma once

#include "../../dataplane/internal.h"
#include "net.h"

struct sim_plane_conf {
	uint32_t n_workers;
	enum gw_dp_integrity integrity;
	uint32_t n_ports;
	struct {
		uint16_t number; /* of the simulated port */
		const struct sim_port_conf *conf;
		struct gw_ip ip;
		uint8_t prefix;
		uint32_t mtu;
		uint64_t rate_bps;
		bool zero_copy;
	} port[GW_DP_MAX_PORTS];
	/* What a round costs, and each thing done in it. */
	uint64_t round_ns, work_ns;
	/* How often per second a worker is away, and for how long at most (another took its CPU).
	 */
	double stalls_per_s;
	uint64_t stall_ns;
};

struct sim_plane;

void sim_plane_create(const struct sim_plane_conf *conf, struct sim_plane **out);
/* Its workers get no CPU for so long. */
void sim_plane_away(struct sim_plane *plane, uint64_t ns);
/* Its workers do nothing any more; what control asked for is carried out first. */
void sim_plane_stop(struct sim_plane *plane);
/* Streams and links that are still there go with it, as in a process that dies. */
void sim_plane_free(struct sim_plane **plane);
struct gw_dp *sim_plane_dp(const struct sim_plane *plane);
/* Called after each round of any worker. */
void sim_plane_after_round(void (*fn)(void *ctx), void *ctx);
