/* SPDX-License-Identifier: BSD-3-Clause */
/* The RPC `set`: what can be changed of a running session and of a port. */
#pragma once

#include "manager.h"
#include "rpc.h"

void gw_service_set(struct gw_manager *manager, const json_t *params, struct gw_rpc_call *call);
/* A port as `ports` and `set` show it. */
json_t *gw_service_port_json(const struct gw_dp_port_info *p);
