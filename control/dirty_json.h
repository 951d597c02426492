/* SPDX-License-Identifier: BSD-3-Clause */
/* A measured guest as rpc.h shows it, and what that means for a migration over this host's ports.
 */
#pragma once

#include "dirty_log.h"
#include "run.h"

struct gw_dirty_subject {
	const char *vm, *kind;          /* kind: of its hypervisor */
	const struct gw_dirty_log *log; /* NULL: nothing yet */
	uint64_t memory_bytes, data_bytes, asked_ns;
	bool complete; /* all the time that was asked for */
};

json_t *gw_dirty_json(const struct gw_run_env *env, const struct gw_dirty_subject *subject);
