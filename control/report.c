/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/wire/payload.h"
#include "link_message.h"
#include "timeline.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EPOCHS 4096u /* of more, the later ones are left out */

struct epoch {
	uint16_t label;
	uint64_t start_ns, duration_ns, dirty_pages;
	struct gw_dp_source_stats first, last;
};

struct gw_report {
	char id[GW_UUID_TEXT], vm[GW_NAME_MAX], peer[GW_NAME_MAX];
	bool is_source;
	uint64_t start_ns, phase_ns;
	time_t started;
	enum gw_phase phase;
	json_t *phases, *parts, *drops;
	struct epoch *epoch;
	uint32_t epochs, epochs_size;
	bool epoch_open;
	struct gw_report_ports ports;              /* when the session began */
	struct gw_report_ports zero_from, zero_to; /* around epoch 0 */
	uint64_t zero_ns;                          /* how long it took */
	struct gw_timeline *timeline;
};

static double ms(uint64_t ns)
{
	return (double)ns / GW_NS_PER_MS;
}

int gw_report_create(const char *id, const char *vm, const char *peer, bool is_source,
	uint64_t now_ns, time_t started, const struct gw_report_ports *ports,
	struct gw_report **out)
{
	struct gw_report *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	snprintf(r->id, sizeof(r->id), "%s", id);
	snprintf(r->vm, sizeof(r->vm), "%s", vm);
	snprintf(r->peer, sizeof(r->peer), "%s", peer);
	r->is_source = is_source;
	r->start_ns = r->phase_ns = now_ns;
	r->started = started;
	r->ports = *ports;
	r->phases = json_array();
	r->parts = json_object();
	r->drops = json_object();
	if (r->phases == NULL || r->parts == NULL || r->drops == NULL ||
		gw_timeline_create(now_ns, ports->n, &r->timeline) != 0) {
		gw_report_free(&r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void gw_report_free(struct gw_report **report)
{
	struct gw_report *r = *report;

	if (r == NULL)
		return;
	json_decref(r->phases);
	json_decref(r->parts);
	json_decref(r->drops);
	gw_timeline_free(&r->timeline);
	free(r->epoch);
	free(r);
	*report = NULL;
}

static void end_phase(struct gw_report *r, uint64_t now_ns)
{
	json_array_append_new(r->phases,
		json_pack("{s:s, s:f, s:f}", "name", gw_phase_name(r->phase), "start_ms",
			ms(r->phase_ns - r->start_ns), "duration_ms", ms(now_ns - r->phase_ns)));
}

void gw_report_phase(struct gw_report *r, enum gw_phase phase, uint64_t now_ns)
{
	if (phase == r->phase)
		return;
	end_phase(r, now_ns);
	r->phase = phase;
	r->phase_ns = now_ns;
}

void gw_report_epoch_opened(struct gw_report *r, uint16_t label, uint64_t now_ns,
	const struct gw_dp_source_stats *stats, const struct gw_report_ports *ports)
{
	/* The final epoch's label follows at once, without waiting for idle. */
	if (r->epoch_open)
		gw_report_epoch_idle(r, now_ns, stats, ports);
	if (r->epochs == r->epochs_size) {
		uint32_t size = r->epochs_size == 0 ? 16 : r->epochs_size * 2;
		struct epoch *epoch =
			size <= MAX_EPOCHS ? realloc(r->epoch, size * sizeof(*epoch)) : NULL;

		if (epoch == NULL)
			return;
		r->epoch = epoch;
		r->epochs_size = size;
	}
	r->epoch[r->epochs++] =
		(struct epoch){.label = label, .start_ns = now_ns, .first = *stats, .last = *stats};
	r->epoch_open = true;
	if (label == 1)
		r->zero_from = *ports;
}

void gw_report_epoch_idle(struct gw_report *r, uint64_t now_ns,
	const struct gw_dp_source_stats *stats, const struct gw_report_ports *ports)
{
	struct epoch *e = r->epochs > 0 ? &r->epoch[r->epochs - 1] : NULL;

	if (!r->epoch_open)
		return;
	r->epoch_open = false;
	e->duration_ns = now_ns - e->start_ns;
	e->last = *stats;
	if (e->label == 1) {
		r->zero_to = *ports;
		r->zero_ns = e->duration_ns;
	}
}

void gw_report_epoch_dirty(struct gw_report *r, uint64_t dirty_pages)
{
	if (r->epochs > 0)
		r->epoch[r->epochs - 1].dirty_pages = dirty_pages;
}

void gw_report_sample(struct gw_report *r, const struct gw_report_sample *s)
{
	gw_timeline_add(r->timeline, s);
}

void gw_report_blackout_part(struct gw_report *r, const char *name, uint64_t ns)
{
	json_object_set_new(r->parts, name, json_real(ms(ns)));
}

void gw_report_drop(struct gw_report *r, const char *name, uint64_t count)
{
	json_object_set_new(r->drops, name, json_integer((json_int_t)count));
}

double gw_report_payload_share(uint32_t mtu, bool ipv6, enum gw_dp_integrity integrity)
{
	return gw_wire_payload_share(mtu, ipv6, gw_integrity_flags(integrity));
}

static json_t *epochs_json(const struct gw_report *r)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < r->epochs; i++) {
		const struct epoch *e = &r->epoch[i];
		uint64_t wire = e->last.wire_bytes - e->first.wire_bytes;
		double bps = e->duration_ns > 0
				     ? (double)wire * 8 * GW_NS_PER_S / (double)e->duration_ns
				     : 0;

		json_array_append_new(array,
			json_pack("{s:i, s:i, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
				"epoch", e->label - 1, "label", e->label, "start_ms",
				ms(e->start_ns - r->start_ns), "duration_ms", ms(e->duration_ns),
				"pages", (json_int_t)(e->last.pages - e->first.pages), "zero_pages",
				(json_int_t)(e->last.zero_pages - e->first.zero_pages),
				"hole_pages",
				(json_int_t)(e->last.hole_pages - e->first.hole_pages),
				"resent_pages",
				(json_int_t)(e->last.resent_pages - e->first.resent_pages),
				"deferred_pages",
				(json_int_t)(e->last.deferred_pages - e->first.deferred_pages),
				"wire_bytes", (json_int_t)wire, "dirty_pages",
				(json_int_t)e->dirty_pages, "bps", (json_int_t)bps));
	}
	return array;
}

static json_t *port_json(const struct gw_report *r, const struct gw_dp_port_info *now, uint32_t i,
	const struct gw_report_end *end)
{
	const struct gw_dp_port_info *was = &r->ports.port[i];
	uint64_t bytes = r->zero_to.port[i].payload_bytes - r->zero_from.port[i].payload_bytes;
	double bps = r->zero_ns > 0 ? (double)bytes * 8 * GW_NS_PER_S / (double)r->zero_ns : 0;
	json_t *use = json_null();

	if (now->rate_bps > 0)
		use = json_real(bps / ((double)now->rate_bps * gw_report_payload_share(now->mtu,
								       !gw_ip_is_v4(&now->ip),
								       end->integrity)));
	return json_pack("{s:s, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:b, s:o}", "name", now->name,
		"line_rate_bps", (json_int_t)now->line_rate_bps, "payload_bps", (json_int_t)bps,
		"payload_utilisation", use, "tx_packets",
		(json_int_t)(now->tx_packets - was->tx_packets), "tx_bytes",
		(json_int_t)(now->tx_bytes - was->tx_bytes), "lost_packets",
		(json_int_t)(now->lost_packets - was->lost_packets), "resent_pages",
		(json_int_t)(now->resent_pages - was->resent_pages), "standby",
		now->standby ? 1 : 0, "outages", gw_outages_json(end->outages, i, r->start_ns));
}

static json_t *optional_ms(uint64_t ns)
{
	return ns == 0 ? json_null() : json_real(ms(ns));
}

json_t *gw_report_json(
	struct gw_report *r, const struct gw_report_end *end, const struct gw_report_ports *ports)
{
	json_t *o = json_object(), *list = json_array();
	const char *result = gw_result_name(end->result);
	char started[32];
	struct tm tm;

	gmtime_r(&r->started, &tm);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	end_phase(r, end->now_ns);
	for (uint32_t i = 0; i < ports->n && i < r->ports.n; i++)
		json_array_append_new(list, port_json(r, &ports->port[i], i, end));
	json_object_set_new(o, "id", json_string(r->id));
	json_object_set_new(o, "vm", json_string(r->vm));
	json_object_set_new(o, "role", json_string(r->is_source ? "source" : "destination"));
	json_object_set_new(o, "peer", json_string(r->peer));
	json_object_set_new(o, "started", json_string(started));
	json_object_set_new(o, "result", result != NULL ? json_string(result) : json_null());
	json_object_set_new(
		o, "error", end->error[0] != '\0' ? gw_message_string(end->error) : json_null());
	json_object_set_new(o, "total_ms", json_real(ms(end->now_ns - r->start_ns)));
	json_object_set(o, "phases", r->phases);
	json_object_set_new(o, "epochs", epochs_json(r));
	json_object_set_new(o, "ports", list);
	json_object_set_new(o, "blackout_ms",
		json_pack("{s:o, s:o, s:o, s:n}", "predicted", optional_ms(end->predicted_ns),
			"source", optional_ms(end->blackout_ns), "total",
			optional_ms(end->blackout_ns), "guest"));
	json_object_set(o, "blackout_parts", r->parts);
	json_object_set_new(o, "slowdown",
		json_pack("{s:i, s:f, s:f}", "max_percent", (int)end->most_slowdown, "duration_ms",
			ms(end->slowed_ns), "lost_ms", ms(end->lost_ns)));
	json_object_set_new(o, "state_bytes", json_integer((json_int_t)end->state_bytes));
	json_object_set_new(o, "verify",
		json_pack("{s:b, s:I, s:I}", "enabled", end->verify ? 1 : 0, "pages",
			(json_int_t)end->verified_pages, "mismatched",
			(json_int_t)end->mismatched_pages));
	json_object_set_new(o, "integrity", json_string(gw_integrity_name(end->integrity)));
	json_object_set_new(o, "worker_faults", json_integer((json_int_t)end->worker_faults));
	json_object_set(o, "drops", r->drops);
	json_object_set_new(o, "timeline", gw_timeline_json(r->timeline));
	return o;
}

int gw_report_write(const json_t *report, const char *dir, struct gw_err *err)
{
	const char *id = json_string_value(json_object_get(report, "id"));
	char path[PATH_MAX], temp[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s.json", dir, id);
	int m = snprintf(temp, sizeof(temp), "%s/%s.new", dir, id);

	if (n < 0 || m < 0 || n >= (int)sizeof(path) || m >= (int)sizeof(temp))
		return gw_err(err, -ENAMETOOLONG, "report_dir is too long");
	if (json_dump_file(report, temp, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0 ||
		rename(temp, path) != 0) {
		int rc = errno != 0 ? -errno : -EIO;

		unlink(temp);
		return gw_err(err, rc, "cannot write %s: %s", path, strerror(-rc));
	}
	return 0;
}
