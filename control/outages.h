/* SPDX-License-Identifier: BSD-3-Clause */
/* When a session's ports were out: all paths of a port down at once is an outage. Pure. */
#pragma once

#include "../dataplane/dataplane.h"

#include <jansson.h>

#define GW_OUTAGES_MAX 64u /* kept of one session; later ones are only counted */

struct gw_outages {
	uint64_t out_ns[GW_DP_MAX_PORTS]; /* since when it is out; 0: it is not */
	uint32_t kept, lost;
	struct {
		uint32_t port;
		uint64_t down_ns, up_ns; /* up_ns 0: not back */
	} list[GW_OUTAGES_MAX];
	uint64_t all_ns; /* since when no port is left; 0: one is */
};

/* What the link says of its ports now. A port without paths to this peer does not take part. */
void gw_outages_look(struct gw_outages *o, const struct gw_dp_link_port *port, uint32_t n_ports,
	uint64_t now_ns);
/* Of one port: [{down_ms, up_ms: null where it did not come back}], since start_ns. */
json_t *gw_outages_json(const struct gw_outages *o, uint32_t port, uint64_t start_ns);
