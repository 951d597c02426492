/* SPDX-License-Identifier: BSD-3-Clause */
#include "dirty_json.h"

#include "../dataplane/base/clock.h"
#include "forecast.h"
#include "report.h"

#include <string.h>

/* Guest bytes per second that the ports in service take, in bits; 0 where one of them has neither a
 * cap nor a link that says. */
static uint64_t ports_bps(const struct gw_dp *dp)
{
	struct gw_dp_host host;
	uint64_t sum = 0;

	gw_dp_host(dp, &host);
	for (uint32_t i = 0; i < gw_dp_port_count(dp); i++) {
		struct gw_dp_port_info p;

		gw_dp_port_info(dp, i, &p);
		if (p.stopped || p.standby || !p.link_up)
			continue;
		if (p.line_rate_bps == 0)
			return 0;
		sum += (uint64_t)((double)p.line_rate_bps * gw_report_payload_share(p.mtu,
								    !gw_ip_is_v4(&p.ip),
								    host.integrity));
	}
	return sum;
}

static double ms(uint64_t ns)
{
	return (double)ns / GW_NS_PER_MS;
}

static json_t *forecast_json(const struct gw_config *config, const struct gw_forecast_guest *guest)
{
	struct gw_forecast f;

	if (guest->sample.rate_bps == 0 || guest->curve->n == 0)
		return json_null();
	gw_forecast(guest, &f);
	return json_pack("{s:b, s:i, s:i, s:f, s:f, s:i}", "converges", f.converges ? 1 : 0,
		"slowdown_percent", (int)f.slow_percent, "epochs", (int)f.epochs, "total_ms",
		ms(f.total_ns), "blackout_ms", ms(f.blackout_ns), "blackout_limit_ms",
		(int)config->migration.blackout_limit_ms);
}

static json_t *curve_json(const struct gw_dirty_curve *curve)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < curve->n; i++)
		json_array_append_new(
			list, json_pack("{s:f, s:f}", "window_ms", ms(curve->point[i].ns), "pages",
				      curve->point[i].pages));
	return list;
}

static double per_s(uint64_t pages, uint64_t ns)
{
	return ns > 0 ? (double)pages * GW_NS_PER_S / (double)ns : 0;
}

json_t *gw_dirty_json(const struct gw_run_env *env, const struct gw_dirty_subject *d)
{
	const struct gw_config *c = env->config;
	struct gw_dirty_curve curve = {.n = 0};
	struct gw_dirty_figures f = {.intervals = 0};
	struct gw_experience_costs costs = gw_experience_default(d->kind);
	uint64_t ports = ports_bps(env->dp);
	struct gw_forecast_guest guest = {.curve = &curve,
		.data_bytes = d->data_bytes,
		.limits = {.blackout_ns = c->migration.blackout_limit_ms * GW_NS_PER_MS,
			.min_epoch_ns = c->migration.min_epoch_ms * GW_NS_PER_MS,
			.label_max = GW_DP_LABEL_MAX},
		.max_slowdown_percent = c->migration.max_slowdown_percent};
	bool measured;
	json_t *o;

	if (d->log != NULL) {
		gw_dirty_log_figures(d->log, &f);
		gw_dirty_log_curve(d->log, &curve);
	}
	gw_experience_recall(env->experience, "", d->kind, &costs);
	/* What once went through says more than what should, unless caps were changed since. */
	measured = costs.rate_bps != 0 && (ports == 0 || costs.rate_bps < ports);
	guest.sample = (struct gw_convergence_sample){.rate_bps = measured ? costs.rate_bps : ports,
		.state_bytes = costs.state_bytes,
		.save_ns = costs.save_ns,
		.state_ns = costs.fixed_ns,
		.gap_ns = costs.gap_ns};
	o = json_pack("{s:s, s:b, s:f, s:f, s:i, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:o}", "vm",
		d->vm, "complete", d->complete ? 1 : 0, "asked_ms", ms(d->asked_ns), "measured_ms",
		ms(f.lasted_ns), "intervals", (int)f.intervals, "memory_bytes",
		(json_int_t)d->memory_bytes, "data_bytes", (json_int_t)d->data_bytes,
		"dirty_pages_per_s", per_s(f.pages, f.lasted_ns), "dirty_rate_bps",
		per_s(f.pages, f.lasted_ns) * GW_CONVERGENCE_PAGE_BYTES * 8, "peak_rate_bps",
		per_s(f.most_pages, f.most_ns) * GW_CONVERGENCE_PAGE_BYTES * 8, "working_set_pages",
		(json_int_t)f.working_set, "working_set_bytes",
		(json_int_t)(f.working_set * GW_CONVERGENCE_PAGE_BYTES), "windows",
		curve_json(&curve));
	json_object_set_new(o, "wire_rate_bps",
		guest.sample.rate_bps != 0 ? json_real((double)guest.sample.rate_bps)
					   : json_null());
	json_object_set_new(o, "wire_rate_from",
		guest.sample.rate_bps == 0 ? json_null()
					   : json_string(measured ? "measured" : "ports"));
	json_object_set_new(o, "forecast", forecast_json(c, &guest));
	return o;
}
