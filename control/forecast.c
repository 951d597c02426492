/* SPDX-License-Identifier: BSD-3-Clause */
#include "forecast.h"

#include "../dataplane/base/clock.h"

#define MAX_EPOCHS 200u /* one that has not ended by then does not */

/* Epochs until the switchover; false where they stop shrinking. */
static bool run(const struct gw_forecast_guest *g, uint32_t slow_percent, struct gw_forecast *out)
{
	struct gw_convergence_sample s = g->sample;
	uint64_t epoch_ns = gw_convergence_send_ns(g->data_bytes, s.rate_bps);
	uint32_t fitting = 0;
	bool paced = false;

	*out = (struct gw_forecast){.slow_percent = slow_percent};
	for (uint16_t label = 1; label <= MAX_EPOCHS; label++) {
		uint64_t writes_ns;

		if (paced && epoch_ns < g->limits.min_epoch_ns)
			epoch_ns = g->limits.min_epoch_ns;
		if (epoch_ns == 0)
			epoch_ns = 1;
		out->epochs = label;
		out->total_ns += epoch_ns;
		writes_ns = epoch_ns - epoch_ns / 100 * slow_percent;
		s.next_pages = (uint64_t)gw_dirty_curve_pages(g->curve, writes_ns);
		s.dirty_bps = gw_convergence_dirty_bps(0, s.next_pages, epoch_ns);
		out->blackout_ns = gw_convergence_blackout_ns(&s);
		switch (gw_convergence_decide(&g->limits, &s, epoch_ns, label, fitting, false)) {
		case GW_CONVERGENCE_SWITCH:
			out->converges = true;
			return true;
		case GW_CONVERGENCE_AGAIN:
			paced = false;
			break;
		case GW_CONVERGENCE_PACED:
			paced = true;
			break;
		default:
			return false;
		}
		fitting = out->blackout_ns <= g->limits.blackout_ns ? fitting + 1 : 0;
		epoch_ns = gw_convergence_send_ns(
			s.next_pages * GW_CONVERGENCE_PAGE_BYTES, s.rate_bps);
	}
	return false;
}

void gw_forecast(const struct gw_forecast_guest *guest, struct gw_forecast *out)
{
	struct gw_forecast slowed;

	if (run(guest, 0, out))
		return;
	for (uint32_t percent = 1; percent <= guest->max_slowdown_percent; percent++)
		if (run(guest, percent, &slowed)) {
			*out = slowed;
			return;
		}
}
