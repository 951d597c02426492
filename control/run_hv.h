/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's hypervisor operations that both roles carry out alike. */
#pragma once

#include "run.h"

/* True where the action was one of these. */
bool gw_run_hv_perform(struct gw_run *run, enum gw_session_action_type type);
/* The hypervisor finished: feeds the event, and where it failed what err says, or the result. */
void gw_run_hv_done(
	struct gw_run *run, enum gw_session_event_type type, int result, const struct gw_err *err);
/* Maps the guest's memory as its hypervisor shows it, in its order; 0 or -errno. */
int gw_run_hv_map_ram(struct gw_hv *hv, bool writable, struct gw_ram **out, struct gw_err *err);
/* Of the hypervisor process; 0 where it is not open. */
int gw_run_hv_pid(const struct gw_run *run);
