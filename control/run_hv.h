/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's hypervisor operations that both roles carry out alike. */
#pragma once

#include "run.h"

/* True where the action was one of these. */
bool gw_run_hv_perform(struct gw_run *run, enum gw_session_action_type type);
/* Of the hypervisor process; 0 where it is not open. */
int gw_run_hv_pid(const struct gw_run *run);
