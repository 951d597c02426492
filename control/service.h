/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitd's RPC methods (rpc.h): they check parameters and ask the manager. */
#pragma once

#include "manager.h"
#include "rpc.h"
#include "security.h"

struct gw_service;

/* Listens on run_dir/control.sock: first of all, so that a second daemon with this run_dir ends
 * before it touches anything. No call is answered before the loop runs, so the manager may follow.
 */
int gw_service_create(struct gw_loop *loop, const struct gw_config *config,
	struct gw_security *security, struct gw_service **out, struct gw_err *err);
void gw_service_free(struct gw_service **s);
void gw_service_set_manager(struct gw_service *s, struct gw_manager *manager);
