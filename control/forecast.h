/* SPDX-License-Identifier: BSD-3-Clause */
/* What a migration would do to a guest that dirties its memory by a measured curve: runs the epochs
 * through convergence.h, as a session would. Pure. */
#pragma once

#include "convergence.h"
#include "dirty_log.h"

struct gw_forecast_guest {
	const struct gw_dirty_curve *curve;
	uint64_t data_bytes;                 /* of epoch 0 */
	struct gw_convergence_sample sample; /* rate_bps, rtt_ns and costs; the rest is filled in */
	struct gw_convergence_limits limits;
	uint32_t max_slowdown_percent;
};

struct gw_forecast {
	bool converges;        /* maybe slowed */
	uint32_t slow_percent; /* so much of its time it has to lose for that */
	uint32_t epochs;
	uint64_t total_ns;    /* until the pause */
	uint64_t blackout_ns; /* where it does not converge: if it were paused anyway, unslowed */
};

void gw_forecast(const struct gw_forecast_guest *guest, struct gw_forecast *out);
