/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's link that belongs to a control connection. Streams may outlive the connection
 * for a moment, so it is counted; the last one to let go takes the paths down. */
#pragma once

#include "../dataplane/dataplane.h"
#include "loop.h"

struct gw_link;

/* Initiator: the paths are planned; gw_link_start() follows with the acceptor's answer. secret: as
 * for gw_dp_link_plan(). */
int gw_link_plan(struct gw_loop *loop, struct gw_dp *dp, const struct gw_dp_host *peer,
	const uint8_t *secret, struct gw_link **out, struct gw_err *err);
/* Acceptor. */
int gw_link_accept(struct gw_loop *loop, struct gw_dp *dp, const struct gw_dp_path *proposed,
	uint32_t n, const uint8_t *secret, struct gw_link **out, struct gw_err *err);
int gw_link_start(
	struct gw_link *link, const struct gw_dp_path *answer, uint32_t n, struct gw_err *err);

struct gw_link *gw_link_get(struct gw_link *link);
void gw_link_put(struct gw_link **link);
struct gw_dp_link *gw_link_dp(const struct gw_link *link);
bool gw_link_started(const struct gw_link *link);
