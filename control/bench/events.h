/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's events, counted: both ends may be in one process. */
#pragma once

#include "../../dataplane/dataplane.h"

struct bench_events {
	uint64_t opened, closed, fenced;
};

static inline void bench_events_poll(struct gw_dp *dp, struct bench_events *e)
{
	struct gw_dp_event ev;

	while (gw_dp_poll_event(dp, &ev) != 0) {
		e->opened += ev.type == GW_DP_OPENED;
		e->closed += ev.type == GW_DP_SOURCE_CLOSED;
		e->fenced += ev.type == GW_DP_FENCED;
	}
}
