/* SPDX-License-Identifier: BSD-3-Clause */
/* What was measured, as tables. */
#include "bench.h"

#include "../../dataplane/wire/payload.h"
#include "../ctl/text.h"

#include <string.h>

static struct text share(double v)
{
	return v > 0 ? text_format("%.1f %%", 100 * v) : text_format("-");
}

static void heading(struct table *t, const char *const *names)
{
	struct text *c = table_row(t);

	for (int i = 0; c != NULL && i < t->n_columns; i++)
		c[i] = text_format("%s", names[i]);
}

static void print_ports(const struct bench *b, FILE *f)
{
	static const char *const head[] = {"port", "driver", "MTU", "line rate", "pages possible",
		"rings", "zero copy", "fast free", "RSS", "NUMA"};
	struct table t = {.n_columns = 10, .align = "llrrrrlllr"};

	heading(&t, head);
	for (uint32_t i = 0; i < b->n_ports; i++) {
		const struct facts_port *p = &b->facts.port[i];
		const struct result_port *r = &b->port[i];
		struct text *c = table_row(&t);

		if (c == NULL)
			break;
		c[0] = text_format("%s", p->name);
		c[1] = text_format("%s", p->driver);
		c[2] = text_format("%u", p->mtu);
		c[3] = r->line_rate_bps != 0 ? text_rate((double)r->line_rate_bps)
					     : text_format("-");
		c[4] = share(
			gw_wire_payload_share(p->mtu, p->ipv6, gw_integrity_flags(b->integrity)));
		c[5] = p->setup.memif_rsize != 0 ? text_format("%u", 1u << p->setup.memif_rsize)
						 : text_format("%u/%u", p->setup.rx_descriptors,
							   p->setup.tx_descriptors);
		c[6] = text_format("%s", p->setup.zero_copy ? "on" : "off");
		c[7] = text_format("%s", p->setup.fast_free         ? "on"
					 : p->setup.fast_free_known ? "off"
								    : "none");
		c[8] = text_format("%s", p->setup.rss ? "on" : "off");
		c[9] = p->setup.socket < 0 ? text_format("-") : text_format("%d", p->setup.socket);
	}
	table_print(&t, f);
}

static void queue_row(const struct bench *b, const struct result_queue *q, struct text *c)
{
	const struct result_port *p = &b->port[q->port];
	double line = (double)p->line_rate_bps;
	double possible =
		line * gw_wire_payload_share(p->mtu, p->ipv6, gw_integrity_flags(b->integrity));

	c[0] = text_format("%s", p->name);
	c[1] = text_format("%u", q->queue);
	c[2] = text_format("%u", q->cpu);
	c[3] = text_format("%.2f", q->payload_bps / 1e9);
	c[4] = text_format("%.2f", q->l1_bps / 1e9);
	c[5] = share(line > 0 ? q->l1_bps / line : 0);
	c[6] = share(line > 0 ? q->payload_bps / possible : 0);
	c[7] = text_count(q->packets_ps);
	c[8] = text_count((double)q->lost_packets);
	c[9] = text_count((double)q->resent_pages);
	c[10] = q->rtt_samples == 0 ? text_format("-")
				    : text_format("%.1f/%.1f/%.1f/%.1f", q->rtt_us[0], q->rtt_us[1],
					      q->rtt_us[2], q->rtt_us[3]);
}

static void print_queues(const struct bench *b, const struct result *r, FILE *f)
{
	static const char *const head[] = {"port", "queue", "CPU", "pages Gb/s", "line Gb/s",
		"of line", "of pages possible", "packets/s", "lost", "re-sent",
		"RTT us p50/p90/p99/max"};
	struct table t = {.n_columns = 11, .align = "lrrrrrrrrrr"};

	heading(&t, head);
	for (uint32_t i = 0; i < r->n_queues; i++) {
		struct text *c = table_row(&t);

		if (c != NULL)
			queue_row(b, &r->queue[i], c);
	}
	table_print(&t, f);
}

static void print_side(const char *name, const struct result_side *s, FILE *f)
{
	fprintf(f, "%-12s %5.0f cycles a page, %5.0f a packet; busy %.0f %%", name,
		s->cycles_per_page, s->cycles_per_packet, 100 * s->busy);
	if (s->away > 0.005)
		fprintf(f, ", CPU taken by others %.0f %%", 100 * s->away);
	if (s->n_queues > 1) {
		fprintf(f, "; received Gb/s");
		for (uint32_t i = 0; i < s->n_queues; i++)
			fprintf(f, "%s %.2f", i == 0 ? "" : ",", s->queue[i].l1_bps / 1e9);
	}
	fputc('\n', f);
}

static void print_one(const struct bench *b, const struct result *r, FILE *f)
{
	print_queues(b, r, f);
	print_side("source", &r->sender, f);
	print_side("destination", &r->receiver, f);
	if (r->missed != 0 || r->faults != 0)
		fprintf(f, "missed by ports %llu, page faults on poll cores %llu\n",
			(unsigned long long)r->missed, (unsigned long long)r->faults);
}

static void print_series(
	const struct bench *b, const struct bench_series *s, const char *name, FILE *f)
{
	const struct result *r;
	double low, high;

	if (s->n == 0)
		return;
	r = &s->r[result_median(s->r, s->n)];
	low = high = r->payload_bps;
	for (uint32_t i = 0; i < s->n; i++) {
		low = s->r[i].payload_bps < low ? s->r[i].payload_bps : low;
		high = s->r[i].payload_bps > high ? s->r[i].payload_bps : high;
	}
	fprintf(f, "\n%s: %.2f Gb/s of pages, memory to memory", name, r->payload_bps / 1e9);
	if (s->n > 1)
		fprintf(f, " (median of %u, %.1f to %.1f)", s->n, low / 1e9, high / 1e9);
	fprintf(f, "%s\n", s->r[s->n - 1].cut ? ", cut short" : "");
	print_one(b, r, f);
}

static void print_search(const struct bench *b, FILE *f)
{
	static const char *const head[] = {
		"rate of all ports", "pages Gb/s", "lost", "missed", "without loss"};
	struct table t = {.n_columns = 5, .align = "rrrrl"};

	heading(&t, head);
	for (uint32_t i = 0; i < b->trials.n; i++) {
		const struct result *r = &b->trials.r[i];
		struct text *c = table_row(&t);

		if (c == NULL)
			break;
		c[0] = text_rate(b->trial[i].rate_bps);
		c[1] = text_format("%.2f", r->payload_bps / 1e9);
		c[2] = text_count((double)r->lost_packets);
		c[3] = text_count((double)r->missed);
		c[4] = text_format("%s", b->trial[i].lossless ? "yes" : "no");
	}
	fputc('\n', f);
	table_print(&t, f);
	if (b->found_bps > 0)
		fprintf(f, "highest rate without loss: %s over all ports, at layer 1\n",
			text_rate(b->found_bps).s);
	else
		fprintf(f, "no rate without loss was found\n");
}

/* Since each end's start, the search for paths included. */
static void print_drops(const struct bench *b, const char *end, FILE *f)
{
	const char *name, *comma = "";
	json_t *count;

	if (json_object_size(json_object_get(b->drops, end)) == 0)
		return;
	fprintf(f, "\ndropped or noted by %s: ", end);
	json_object_foreach(json_object_get(b->drops, end), name, count)
	{
		fprintf(f, "%s%s %lld", comma, text_format("%s", name).s,
			(long long)json_integer_value(count));
		comma = ", ";
	}
	fputc('\n', f);
}

static void print_findings(const struct findings *list, const char *end, FILE *f)
{
	for (uint32_t i = 0; i < list->n; i++) {
		const struct finding *x = &list->f[i];
		int n = fprintf(f, "  %s: %s: %s: ", end, x->name, x->value);

		text_wrap(f, x->advice, n, 6, 96);
	}
}

void bench_print(const struct bench *b, FILE *f)
{
	const struct findings *peers = sender_peer_findings(b->sender);
	char title[64];

	print_ports(b, f);
	print_series(b, &b->bound, "bound (no protocol)", f);
	snprintf(title, sizeof(title), "protocol, integrity %s", gw_integrity_name(b->integrity));
	print_series(b, &b->protocol, title, f);
	if (bench_bound_ratio(b) > 0)
		fprintf(f, "\nprotocol / bound: %.1f %% (median of neighbouring measurements)\n",
			100 * bench_bound_ratio(b));
	print_series(b, &b->fresh, "into fresh memory", f);
	if (b->fresh.n != 0)
		fprintf(f,
			"\na plain loop fills such memory at %.2f Gb/s; fresh / plain: %.1f %%\n",
			bench_plain_bps(b) / 1e9, 100 * bench_fresh_ratio(b));
	if (b->trials.n != 0)
		print_search(b, f);
	print_drops(b, "source", f);
	print_drops(b, "destination", f);
	if (b->findings.n + peers->n != 0)
		fprintf(f, "\npointed out:\n");
	print_findings(&b->findings, "source", f);
	print_findings(peers, "destination", f);
}
