/* SPDX-License-Identifier: BSD-3-Clause */
/* What was measured, as a table or as JSON. */
#include "bench.h"

#include "../../dataplane/wire/payload.h"
#include "../ctl/text.h"
#include "../link_message.h"

#include <stdlib.h>
#include <string.h>

static const char *const percentile[4] = {"p50", "p90", "p99", "max"};

static json_t *rtt_json(const double us[4])
{
	json_t *o = json_object();

	for (int i = 0; i < 4; i++)
		json_object_set_new(o, percentile[i], json_real(us[i]));
	return o;
}

static json_t *share_json(double share)
{
	return share > 0 ? json_real(share) : json_null();
}

static json_t *side_json(const struct result_side *s)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "cycles_per_page", s->cycles_per_page,
		"cycles_per_packet", s->cycles_per_packet, "busy", s->busy, "away", s->away);
}

static json_t *queue_json(const struct bench *b, const struct result_queue *q)
{
	const struct result_port *p = &b->port[q->port];
	double line = (double)p->line_rate_bps;

	return json_pack("{s:s, s:i, s:i, s:f, s:f, s:o, s:o, s:f, s:I, s:I, s:I, s:o, s:I}",
		"port", p->name, "queue", (int)q->queue, "cpu", (int)q->cpu, "l1_bps", q->l1_bps,
		"payload_bps", q->payload_bps, "line_share",
		share_json(line > 0 ? q->l1_bps / line : 0), "payload_share",
		share_json(line > 0
				   ? q->payload_bps / (line * gw_wire_payload_share(p->mtu, b->crc))
				   : 0),
		"packets_ps", q->packets_ps, "packets", (json_int_t)q->packets, "lost_packets",
		(json_int_t)q->lost_packets, "resent_pages", (json_int_t)q->resent_pages, "rtt_us",
		rtt_json(q->rtt_us), "rtt_samples", (json_int_t)q->rtt_samples);
}

static json_t *result_json(const struct bench *b, const struct result *r)
{
	json_t *queues = json_array();

	for (uint32_t i = 0; i < r->n_queues; i++)
		json_array_append_new(queues, queue_json(b, &r->queue[i]));
	return json_pack("{s:f, s:b, s:f, s:o, s:o, s:f, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
		"seconds", r->seconds, "cut", (int)r->cut, "payload_bps", r->payload_bps,
		"line_share", share_json(r->line_share), "payload_share",
		share_json(r->payload_share), "packets_ps", r->packets_ps, "lost_packets",
		(json_int_t)r->lost_packets, "resent_pages", (json_int_t)r->resent_pages, "drops",
		(json_int_t)r->drops, "worker_faults", (json_int_t)r->faults, "rtt_us",
		rtt_json(r->rtt_us), "source", side_json(&r->sender), "destination",
		side_json(&r->receiver), "queues", queues);
}

static double median_bps(const struct result *r, uint32_t n)
{
	return n == 0 ? 0 : r[result_median(r, n)].payload_bps;
}

static json_t *results_json(const struct bench *b, const struct result *r, uint32_t n)
{
	json_t *rounds = json_array();

	if (n == 0) {
		json_decref(rounds);
		return json_null();
	}
	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(rounds, result_json(b, &r[i]));
	return json_pack("{s:f, s:o, s:o}", "payload_bps", median_bps(r, n), "median",
		result_json(b, &r[result_median(r, n)]), "rounds", rounds);
}

json_t *bench_json(const struct bench *b)
{
	json_t *ports = json_array();
	double bound = median_bps(b->bound, b->n_bound);
	double protocol = median_bps(b->protocol, b->n_protocol);

	for (uint32_t i = 0; i < b->n_ports; i++)
		json_array_append_new(ports,
			json_pack("{s:s, s:s, s:i, s:I, s:f}", "name", b->port[i].name, "driver",
				b->port[i].driver, "mtu", (int)b->port[i].mtu, "line_rate_bps",
				(json_int_t)b->port[i].line_rate_bps, "payload_share",
				gw_wire_payload_share(b->port[i].mtu, b->crc)));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "version", GODWIT_VERSION, "integrity",
		gw_integrity_name(b->crc ? GW_DP_CRC32C : GW_DP_INTEGRITY_NONE), "ports", ports,
		"protocol", results_json(b, b->protocol, b->n_protocol), "bound",
		results_json(b, b->bound, b->n_bound), "ratio",
		bound > 0 && protocol > 0 ? json_real(protocol / bound) : json_null());
}

/* ---- for people ---- */

static struct text share(double v)
{
	return v > 0 ? text_format("%.1f %%", 100 * v) : text_format("-");
}

static void queue_row(const struct bench *b, const struct result_queue *q, struct text *c)
{
	const struct result_port *p = &b->port[q->port];
	double line = (double)p->line_rate_bps;

	c[0] = text_format("%s", p->name);
	c[1] = text_format("%u", q->queue);
	c[2] = text_format("%.2f", q->payload_bps / 1e9);
	c[3] = text_format("%.2f", q->l1_bps / 1e9);
	c[4] = share(line > 0 ? q->l1_bps / line : 0);
	c[5] = share(
		line > 0 ? q->payload_bps / (line * gw_wire_payload_share(p->mtu, b->crc)) : 0);
	c[6] = text_count(q->packets_ps);
	c[7] = text_count((double)q->lost_packets);
	c[8] = text_count((double)q->resent_pages);
	c[9] = q->rtt_samples == 0 ? text_format("-")
				   : text_format("%.1f/%.1f/%.1f/%.1f", q->rtt_us[0], q->rtt_us[1],
					     q->rtt_us[2], q->rtt_us[3]);
}

static void print_queues(const struct bench *b, const struct result *r, FILE *f)
{
	static const char *const head[] = {"port", "queue", "pages Gb/s", "line Gb/s", "of line",
		"of payload", "packets/s", "lost", "re-sent", "RTT us p50/p90/p99/max"};
	struct table t = {.n_columns = sizeof(head) / sizeof(head[0]), .align = "lrrrrrrrrr"};
	struct text *c = table_row(&t);

	for (int i = 0; c != NULL && i < t.n_columns; i++)
		c[i] = text_format("%s", head[i]);
	for (uint32_t i = 0; i < r->n_queues; i++) {
		c = table_row(&t);
		if (c != NULL)
			queue_row(b, &r->queue[i], c);
	}
	table_print(&t, f);
}

static void print_side(const char *name, const struct result_side *s, FILE *f)
{
	fprintf(f, "%-12s %6.0f cycles a page, %6.0f a packet; busy %.0f %%", name,
		s->cycles_per_page, s->cycles_per_packet, 100 * s->busy);
	if (s->away > 0.005)
		fprintf(f, ", CPU taken by others %.0f %%", 100 * s->away);
	fputc('\n', f);
}

static void print_result(
	const struct bench *b, const struct result *all, uint32_t n, const char *name, FILE *f)
{
	const struct result *r = &all[result_median(all, n)];
	double low = r->payload_bps, high = r->payload_bps;

	for (uint32_t i = 0; i < n; i++) {
		low = all[i].payload_bps < low ? all[i].payload_bps : low;
		high = all[i].payload_bps > high ? all[i].payload_bps : high;
	}
	fprintf(f, "%s: %.2f Gb/s of pages from memory to memory", name, r->payload_bps / 1e9);
	if (n > 1)
		fprintf(f, " (median of %u, %.1f to %.1f)", n, low / 1e9, high / 1e9);
	fprintf(f, "%s\n", r->cut ? ", cut short" : "");
	print_queues(b, r, f);
	print_side("source", &r->sender, f);
	print_side("destination", &r->receiver, f);
	if (r->faults != 0)
		fprintf(f, "%llu page faults on poll cores\n", (unsigned long long)r->faults);
}

void bench_print(const struct bench *b, FILE *f)
{
	double bound = median_bps(b->bound, b->n_bound);
	double protocol = median_bps(b->protocol, b->n_protocol);

	if (b->n_bound != 0)
		print_result(b, b->bound, b->n_bound, "bound", f);
	if (b->n_protocol != 0)
		print_result(b, b->protocol, b->n_protocol,
			b->crc ? "protocol, crc32c" : "protocol, integrity none", f);
	if (bound > 0 && protocol > 0)
		fprintf(f, "protocol reaches %.1f %% of the bound\n", 100 * protocol / bound);
}
