/* SPDX-License-Identifier: BSD-3-Clause */
/* What slows an end down, by name, with its value and what to do about it. Pure: the facts come in.
 */
#pragma once

#include "../../dataplane/dataplane.h"

#include <jansson.h>

#define FINDINGS_MAX 64u

struct facts_port {
	char name[32], driver[32];
	struct gw_dp_port_setup setup;
	bool link_up;
	uint32_t mtu, path_mtu; /* path_mtu: smallest to the peer; 0: unknown */
	bool ipv6;
	uint32_t queues;
	uint64_t expect_bps; /* 0: nothing is expected */
};

struct facts_worker {
	uint32_t cpu;
	int socket;
	int sibling;       /* CPU of another worker on the same core; -1: none */
	bool shared;       /* another worker has this very CPU */
	char governor[24]; /* ""; not visible */
};

struct facts {
	bool huge_pages, zero_copy_wanted;
	uint8_t flags; /* of packets, enum gw_wire_flag */
	uint32_t n_ports, n_workers;
	struct facts_port port[GW_DP_MAX_PORTS];
	struct facts_worker worker[GW_DP_MAX_WORKERS];
	/* while it was measured */
	double away; /* share of the workers' time that others had */
	uint64_t missed, faults, lost_packets;
};

struct finding {
	char name[64], value[64], advice[256];
};

struct findings {
	uint32_t n;
	struct finding f[FINDINGS_MAX];
};

/* Whether a driver's ports are software: what they say of their speed and MTU means nothing. */
bool facts_virtual(const char *driver);

/* What can be known before anything is sent, and what was seen while it was measured. */
void findings_of(const struct facts *facts, struct findings *out);

json_t *findings_json(const struct findings *f, const char *end); /* [{end, name, value, advice}] */
int findings_read(const json_t *array, struct findings *f);       /* a peer's: -EPROTO */
