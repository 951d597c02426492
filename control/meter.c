/* SPDX-License-Identifier: BSD-3-Clause */
#include "meter.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_BYTES 4096u
#define STATUS_NS (250 * GW_NS_PER_MS) /* rates for people are taken over this long */
#define COST_SHARE 20u                 /* counting bitmaps takes at most a twentieth of the time */

struct gw_meter {
	struct gw_dp *dp;
	struct gw_report *report;
	const struct gw_dp_source *source;
	struct gw_dp_source_stats stats; /* newest */
	enum gw_phase phase;
	uint16_t label;
	bool is_source;
	uint64_t start_ns, total_bytes, next_ns, stats_ns;
	uint64_t opened_ns, sent_ns, opened_pages; /* of the label */
	uint64_t rate_bps;
	bool sending; /* the label is not acknowledged whole */
	uint64_t through,
		through_ns; /* most pages that were sent and not lost, and when that grew last */
	uint64_t mark_ns[GW_N_MARKS];
	uint64_t state_bytes, verified, mismatched;
	uint64_t faults;
	uint32_t slowdown, most_slowdown;         /* percent */
	uint64_t slowed_ns, lost_ns, slowdown_ns; /* the last: since when the first is so */
	json_t *drops;                            /* counts when the session began */
	struct gw_report_ports ports;             /* newest */
	uint64_t ports_ns;
	struct gw_report_ports shown; /* at the start of the running status interval */
	uint64_t shown_ns, shown_dirty;
	uint64_t port_bps[GW_DP_MAX_PORTS], wire_bps, dirty_bps;
	struct gw_outages outages;
};

static void note_drop(void *ctx, const char *name, uint64_t count)
{
	json_object_set_new(ctx, name, json_integer((json_int_t)count));
}

static void read_ports(const struct gw_dp *dp, struct gw_report_ports *ports)
{
	ports->n = gw_dp_port_count(dp);
	for (uint32_t i = 0; i < ports->n; i++)
		gw_dp_port_info(dp, i, &ports->port[i]);
}

int gw_meter_create(struct gw_dp *dp, const char *id, const char *vm, const char *peer,
	bool is_source, struct gw_meter **out)
{
	struct gw_meter *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL)
		return -ENOMEM;
	m->dp = dp;
	m->is_source = is_source;
	m->start_ns = m->ports_ns = m->shown_ns = gw_now_ns();
	m->faults = gw_dp_worker_faults(dp);
	m->drops = json_object();
	gw_dp_drops(dp, note_drop, m->drops);
	read_ports(dp, &m->ports);
	m->shown = m->ports;
	rc = gw_report_create(
		id, vm, peer, is_source, m->start_ns, time(NULL), &m->ports, &m->report);
	if (rc != 0) {
		gw_meter_free(&m);
		return rc;
	}
	*out = m;
	return 0;
}

void gw_meter_free(struct gw_meter **m)
{
	if (*m == NULL)
		return;
	gw_report_free(&(*m)->report);
	json_decref((*m)->drops);
	free(*m);
	*m = NULL;
}

static void read_stats(struct gw_meter *m)
{
	uint64_t through;

	if (m->source == NULL)
		return;
	gw_dp_source_stats(m->source, &m->stats);
	through =
		m->stats.pages + m->stats.zero_pages + m->stats.hole_pages - m->stats.resent_pages;
	/* Signed: more may be given up at one moment than was sent for good. */
	if (m->through_ns == 0 || (int64_t)(through - m->through) > 0) {
		m->through = through;
		m->through_ns = gw_now_ns();
	}
}

void gw_meter_source(struct gw_meter *m, const struct gw_dp_source *source)
{
	/* What was counted last stays for the report. */
	read_stats(m);
	m->source = source;
	read_stats(m);
}

void gw_meter_total(struct gw_meter *m, uint64_t bytes)
{
	m->total_bytes = bytes;
}

void gw_meter_phase(struct gw_meter *m, enum gw_phase phase)
{
	m->phase = phase;
	gw_report_phase(m->report, phase, gw_now_ns());
}

void gw_meter_epoch_opened(struct gw_meter *m, uint16_t label)
{
	struct gw_report_ports ports;

	m->label = label;
	m->opened_ns = m->sent_ns = gw_now_ns();
	read_stats(m);
	read_ports(m->dp, &ports);
	m->through_ns = m->opened_ns;
	m->opened_pages = m->stats.pages - m->stats.resent_pages;
	m->sending = true;
	gw_report_epoch_opened(m->report, label, m->opened_ns, &m->stats, &ports);
}

/* What got through since the label was opened. */
static void measure_rate(struct gw_meter *m, uint64_t now_ns)
{
	uint64_t pages = m->stats.pages - m->stats.resent_pages;

	if (pages > m->opened_pages)
		m->rate_bps = gw_convergence_rate_bps(
			m->rate_bps, (pages - m->opened_pages) * PAGE_BYTES, now_ns - m->opened_ns);
}

void gw_meter_epoch_idle(struct gw_meter *m)
{
	struct gw_report_ports ports;

	m->sent_ns = gw_now_ns();
	m->sending = false;
	read_stats(m);
	read_ports(m->dp, &ports);
	gw_report_epoch_idle(m->report, m->sent_ns, &m->stats, &ports);
	measure_rate(m, m->sent_ns);
}

void gw_meter_epoch_drained(struct gw_meter *m)
{
	read_stats(m);
	gw_report_epoch_dirty(m->report, m->stats.next_pages);
	if (m->sending) /* the epoch was cut short */
		measure_rate(m, gw_now_ns());
}

void gw_meter_sample(struct gw_meter *m, uint64_t link_bps, struct gw_convergence_sample *sample)
{
	read_stats(m);
	sample->next_pages = m->stats.next_pages + m->stats.open_pages;
	sample->rate_bps = m->rate_bps != 0 ? m->rate_bps : link_bps - link_bps / 20;
}

void gw_meter_slowdown(struct gw_meter *m, uint32_t percent, uint64_t now_ns)
{
	uint64_t ns = now_ns - m->slowdown_ns;

	if (m->slowdown != 0) {
		m->slowed_ns += ns;
		m->lost_ns += ns / 100 * m->slowdown;
	}
	m->slowdown = percent;
	m->slowdown_ns = now_ns;
	if (percent > m->most_slowdown)
		m->most_slowdown = percent;
}

static void sample_ports(struct gw_meter *m, uint64_t now_ns, struct gw_report_sample *s)
{
	struct gw_report_ports now;
	uint64_t dt = now_ns - m->ports_ns;

	read_ports(m->dp, &now);
	for (uint32_t i = 0; i < now.n && dt > 0; i++)
		s->port_bps[i] =
			(uint64_t)((double)(now.port[i].tx_bytes - m->ports.port[i].tx_bytes) * 8 *
				   GW_NS_PER_S / (double)dt);
	m->ports = now;
	m->ports_ns = now_ns;
}

static void update_shown(struct gw_meter *m, uint64_t now_ns)
{
	double dt = (double)(now_ns - m->shown_ns) / GW_NS_PER_S;

	if (now_ns - m->shown_ns < STATUS_NS)
		return;
	m->wire_bps = 0;
	for (uint32_t i = 0; i < m->ports.n; i++) {
		const struct gw_dp_port_info *a = &m->shown.port[i], *b = &m->ports.port[i];
		uint64_t bytes =
			m->is_source ? b->tx_bytes - a->tx_bytes : b->rx_bytes - a->rx_bytes;

		m->port_bps[i] = (uint64_t)((double)bytes * 8 / dt);
		m->wire_bps += m->port_bps[i];
	}
	m->dirty_bps =
		(uint64_t)((double)(m->stats.dirty_pages - m->shown_dirty) * PAGE_BYTES * 8 / dt);
	m->shown = m->ports;
	m->shown_ns = now_ns;
	m->shown_dirty = m->stats.dirty_pages;
}

static uint64_t remaining(const struct gw_meter *m)
{
	/* Before the first epoch nothing is in the books yet, and all of it is to be sent. */
	if (m->is_source && m->label == 0)
		return m->total_bytes;
	return (m->stats.open_pages + m->stats.next_pages) * PAGE_BYTES;
}

void gw_meter_tick(struct gw_meter *m, uint64_t now_ns)
{
	struct gw_report_sample s = {
		.now_ns = now_ns, .phase = m->phase, .epoch = m->label > 0 ? m->label - 1u : 0};

	if (now_ns < m->next_ns)
		return;
	m->next_ns = now_ns + 10 * GW_NS_PER_MS;
	if (now_ns >= m->stats_ns) {
		read_stats(m);
		m->stats_ns = now_ns + (gw_now_ns() - now_ns) * COST_SHARE;
	}
	sample_ports(m, now_ns, &s);
	update_shown(m, now_ns);
	s.dirty_pages = m->stats.next_pages;
	s.remaining_bytes = remaining(m);
	s.slowdown_percent = m->slowdown;
	gw_report_sample(m->report, &s);
}

uint64_t gw_meter_through_ns(const struct gw_meter *m)
{
	return m->through_ns;
}

void gw_meter_link(struct gw_meter *m, const struct gw_dp_link *link, uint64_t now_ns)
{
	struct gw_dp_link_port port[GW_DP_MAX_PORTS];

	gw_dp_link_ports(link, port);
	gw_outages_look(&m->outages, port, m->ports.n, now_ns);
}

void gw_meter_mark(struct gw_meter *m, enum gw_meter_mark mark, uint64_t at_ns)
{
	static const char *const part[] = {[GW_MARK_PAUSED] = "pause",
		[GW_MARK_SAVED] = "save",
		[GW_MARK_SENT] = "send",
		[GW_MARK_READY] = "commit",
		[GW_MARK_RUNNING] = "resume"};

	/* The first time counts: READY and RUNNING are repeated. */
	if (m->mark_ns[mark] != 0)
		return;
	m->mark_ns[mark] = at_ns;
	if (mark > GW_MARK_PAUSE && m->mark_ns[mark - 1] != 0)
		gw_report_blackout_part(
			m->report, part[mark], m->mark_ns[mark] - m->mark_ns[mark - 1]);
}

uint64_t gw_meter_mark_ns(const struct gw_meter *m, enum gw_meter_mark mark)
{
	return m->mark_ns[mark];
}

uint64_t gw_meter_total_bytes(const struct gw_meter *m)
{
	return m->total_bytes;
}

void gw_meter_part(struct gw_meter *m, const char *name, uint64_t ns)
{
	gw_report_blackout_part(m->report, name, ns);
}

void gw_meter_state(struct gw_meter *m, uint64_t bytes)
{
	m->state_bytes = bytes;
}

void gw_meter_verified(struct gw_meter *m, uint64_t pages, uint64_t mismatched)
{
	m->verified = pages;
	m->mismatched = mismatched;
}

static uint64_t blackout_ns(const struct gw_meter *m)
{
	uint64_t from = m->mark_ns[GW_MARK_PAUSE], to = m->mark_ns[GW_MARK_RUNNING];

	return from != 0 && to > from ? to - from : 0;
}

void gw_meter_status(const struct gw_meter *m, json_t *status)
{
	json_t *ports = json_array();
	uint64_t ns = blackout_ns(m);

	for (uint32_t i = 0; i < m->ports.n; i++)
		json_array_append_new(ports,
			json_pack("{s:s, s:I, s:b}", "name", m->ports.port[i].name, "bps",
				(json_int_t)m->port_bps[i], "up", m->outages.out_ns[i] == 0));
	json_object_set_new(status, "epoch", json_integer(m->label > 0 ? m->label - 1 : 0));
	json_object_set_new(status, "elapsed_ms",
		json_integer((json_int_t)((gw_now_ns() - m->start_ns) / GW_NS_PER_MS)));
	json_object_set_new(status, "remaining_bytes", json_integer((json_int_t)remaining(m)));
	json_object_set_new(status, "total_bytes", json_integer((json_int_t)m->total_bytes));
	json_object_set_new(status, "dirty_rate_bps", json_integer((json_int_t)m->dirty_bps));
	json_object_set_new(status, "wire_rate_bps", json_integer((json_int_t)m->wire_bps));
	if (m->is_source)
		json_object_set_new(status, "slowdown_percent", json_integer(m->slowdown));
	json_object_set_new(status, "ports", ports);
	json_object_set_new(status, "ports_down_ms",
		m->outages.all_ns == 0
			? json_null()
			: json_integer(
				  (json_int_t)((gw_now_ns() - m->outages.all_ns) / GW_NS_PER_MS)));
	json_object_set_new(status, "blackout_ms",
		ns == 0 ? json_null() : json_real((double)ns / GW_NS_PER_MS));
	json_object_set_new(status, "eta_ms",
		m->wire_bps == 0 || m->phase != GW_PRECOPY
			? json_null()
			: json_integer(
				  (json_int_t)(gw_convergence_send_ns(remaining(m), m->wire_bps) /
					       GW_NS_PER_MS)));
}

static void add_drop(void *ctx, const char *name, uint64_t count)
{
	const struct gw_meter *m = ctx;
	uint64_t before = (uint64_t)json_integer_value(json_object_get(m->drops, name));

	if (count > before)
		gw_report_drop(m->report, name, count - before);
}

json_t *gw_meter_report(struct gw_meter *m, const struct gw_session_view *view, bool verify)
{
	struct gw_dp_host host;
	struct gw_report_end end = {.now_ns = gw_now_ns(),
		.result = view->result,
		.error = view->error,
		.predicted_ns = view->predicted_ns,
		.blackout_ns = blackout_ns(m),
		.state_bytes = m->state_bytes,
		.worker_faults = gw_dp_worker_faults(m->dp) - m->faults,
		.verify = verify,
		.outages = &m->outages,
		.verified_pages = m->verified,
		.mismatched_pages = m->mismatched};
	struct gw_report_ports ports;

	gw_meter_slowdown(m, 0, end.now_ns);
	end.most_slowdown = m->most_slowdown;
	end.slowed_ns = m->slowed_ns;
	end.lost_ns = m->lost_ns;
	gw_dp_host(m->dp, &host);
	end.integrity = host.integrity;
	read_ports(m->dp, &ports);
	gw_dp_drops(m->dp, add_drop, m);
	return gw_report_json(m->report, &end, &ports);
}
