/* SPDX-License-Identifier: BSD-3-Clause */
/* What was measured, as JSON. */
#include "bench.h"

#include "../../dataplane/wire/payload.h"
#include "../link_message.h"

static const char *const percentile[4] = {"p50", "p90", "p99", "max"};

static json_t *rtt_json(const double us[4])
{
	json_t *o = json_object();

	for (int i = 0; i < 4; i++)
		json_object_set_new(o, percentile[i], json_real(us[i]));
	return o;
}

/* 0: not known. */
static json_t *known(double v)
{
	return v > 0 ? json_real(v) : json_null();
}

static json_t *side_json(const struct result_side *s)
{
	json_t *queues = json_array();

	for (uint32_t i = 0; i < s->n_queues; i++) {
		const struct result_in *q = &s->queue[i];

		json_array_append_new(
			queues, json_pack("{s:i, s:i, s:i, s:f, s:f}", "port", (int)q->port,
					"queue", (int)q->queue, "cpu", (int)q->cpu, "l1_bps",
					q->l1_bps, "packets_ps", q->packets_ps));
	}
	return json_pack("{s:f, s:f, s:f, s:f, s:o}", "cycles_per_page", s->cycles_per_page,
		"cycles_per_packet", s->cycles_per_packet, "busy", s->busy, "away", s->away,
		"received", queues);
}

static json_t *queue_json(const struct bench *b, const struct result_queue *q)
{
	const struct result_port *p = &b->port[q->port];
	double line = (double)p->line_rate_bps;

	return json_pack("{s:s, s:i, s:i, s:f, s:f, s:o, s:o, s:f, s:I, s:I, s:I, s:o, s:I}",
		"port", p->name, "queue", (int)q->queue, "cpu", (int)q->cpu, "l1_bps", q->l1_bps,
		"payload_bps", q->payload_bps, "line_share", known(line > 0 ? q->l1_bps / line : 0),
		"payload_share",
		known(line > 0 ? q->payload_bps / (line * gw_wire_payload_share(p->mtu, p->ipv6,
								  gw_integrity_flags(b->integrity)))
			       : 0),
		"packets_ps", q->packets_ps, "packets", (json_int_t)q->packets, "lost_packets",
		(json_int_t)q->lost_packets, "resent_pages", (json_int_t)q->resent_pages, "rtt_us",
		rtt_json(q->rtt_us), "rtt_samples", (json_int_t)q->rtt_samples);
}

static json_t *result_json(const struct bench *b, const struct result *r)
{
	json_t *queues = json_array(), *o;

	for (uint32_t i = 0; i < r->n_queues; i++)
		json_array_append_new(queues, queue_json(b, &r->queue[i]));
	o = json_pack("{s:f, s:b, s:f, s:o, s:o, s:f, s:I, s:I, s:I, s:I, s:I}", "seconds",
		r->seconds, "cut", (int)r->cut, "payload_bps", r->payload_bps, "line_share",
		known(r->line_share), "payload_share", known(r->payload_share), "packets_ps",
		r->packets_ps, "lost_packets", (json_int_t)r->lost_packets, "resent_pages",
		(json_int_t)r->resent_pages, "missed", (json_int_t)r->missed, "drops",
		(json_int_t)r->drops, "worker_faults", (json_int_t)r->faults);
	json_object_set_new(o, "rtt_us", rtt_json(r->rtt_us));
	json_object_set_new(o, "source", side_json(&r->sender));
	json_object_set_new(o, "destination", side_json(&r->receiver));
	json_object_set_new(o, "queues", queues);
	return o;
}

static json_t *series_json(const struct bench *b, const struct bench_series *s)
{
	json_t *rounds;
	uint32_t median;

	if (s->n == 0)
		return json_null();
	rounds = json_array();
	for (uint32_t i = 0; i < s->n; i++)
		json_array_append_new(rounds, result_json(b, &s->r[i]));
	median = result_median(s->r, s->n);
	return json_pack("{s:f, s:o, s:o}", "payload_bps", s->r[median].payload_bps, "median",
		result_json(b, &s->r[median]), "rounds", rounds);
}

static json_t *search_json(const struct bench *b)
{
	json_t *trials = json_array();

	for (uint32_t i = 0; i < b->trials.n; i++) {
		json_t *o = result_json(b, &b->trials.r[i]);

		json_object_set_new(o, "rate_bps", known(b->trial[i].rate_bps));
		json_object_set_new(o, "lossless", json_boolean(b->trial[i].lossless));
		json_array_append_new(trials, o);
	}
	return json_pack("{s:o, s:o}", "rate_bps", known(b->found_bps), "trials", trials);
}

static json_t *ports_json(const struct bench *b)
{
	json_t *ports = json_array();

	for (uint32_t i = 0; i < b->n_ports; i++) {
		const struct gw_dp_port_setup *s = &b->facts.port[i].setup;
		const struct result_port *p = &b->port[i];

		json_array_append_new(ports,
			json_pack("{s:s, s:s, s:i, s:I, s:f, s:i, s:i, s:i, s:b, s:b, s:b}", "name",
				p->name, "driver", p->driver, "mtu", (int)p->mtu, "line_rate_bps",
				(json_int_t)p->line_rate_bps, "payload_share",
				gw_wire_payload_share(
					p->mtu, p->ipv6, gw_integrity_flags(b->integrity)),
				"numa_node", s->socket, "rx_descriptors", (int)s->rx_descriptors,
				"tx_descriptors", (int)s->tx_descriptors, "zero_copy",
				(int)s->zero_copy, "fast_free", (int)s->fast_free, "rss",
				(int)s->rss));
	}
	return ports;
}

json_t *bench_json(const struct bench *b)
{
	json_t *o = json_object(), *findings = findings_json(&b->findings, "source");
	json_t *peers = findings_json(sender_peer_findings(b->sender), "destination");

	json_array_extend(findings, peers);
	json_decref(peers);
	json_object_set_new(o, "version", json_string(GODWIT_VERSION));
	json_object_set_new(o, "integrity", json_string(gw_integrity_name(b->integrity)));
	json_object_set_new(o, "ram_mib", json_integer(b->o->ram_mib));
	json_object_set_new(o, "ports", ports_json(b));
	json_object_set_new(o, "protocol", series_json(b, &b->protocol));
	json_object_set_new(o, "bound", series_json(b, &b->bound));
	json_object_set_new(o, "protocol_of_bound", known(bench_bound_ratio(b)));
	json_object_set_new(o, "fresh", series_json(b, &b->fresh));
	json_object_set_new(o, "plain_bps", known(bench_plain_bps(b)));
	json_object_set_new(o, "fresh_of_plain", known(bench_fresh_ratio(b)));
	json_object_set_new(o, "search", b->trials.n != 0 ? search_json(b) : json_null());
	json_object_set(o, "drops", b->drops);
	json_object_set_new(o, "findings", findings);
	return o;
}
