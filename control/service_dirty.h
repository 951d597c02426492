/* SPDX-License-Identifier: BSD-3-Clause */
/* The RPCs `dirty_rate`, `dirty_rate_so_far` and `dirty_rate_end`: what a guest dirties, measured
 * without moving it. */
#pragma once

#include "manager.h"
#include "rpc.h"

void gw_service_dirty_rate(
	struct gw_manager *manager, const json_t *params, struct gw_rpc_call *call);
void gw_service_dirty_rate_so_far(
	struct gw_manager *manager, const json_t *params, struct gw_rpc_call *call);
void gw_service_dirty_rate_end(
	struct gw_manager *manager, const json_t *params, struct gw_rpc_call *call);
