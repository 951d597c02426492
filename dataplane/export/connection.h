/* SPDX-License-Identifier: BSD-3-Clause */
/* The exporter's side of one client, from credentials to hang-up. */
#pragma once

#include "access.h"
#include "exporter.h"

/* Serves the connected socket until the client hangs up or breaks the contract, until QUIT, or
 * until wake_fd is readable; then tracking is off and the guest runs if the client had paused it
 * (see godwit_export.h). The socket stays the caller's. */
void gw_connection_serve(int sock, int wake_fd, const struct gw_export_config *config,
	const struct gw_access *access);
