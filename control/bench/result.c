/* SPDX-License-Identifier: BSD-3-Clause */
#include "result.h"

#include "../../dataplane/wire/payload.h"

#include <stdlib.h>
#include <string.h>

static double per(double n, double of)
{
	return of > 0 ? n / of : 0;
}

void result_percentiles(const struct gw_histogram *h, double out_us[4])
{
	static const double share[4] = {0.5, 0.9, 0.99, 1.0};

	for (int i = 0; i < 4; i++)
		out_us[i] = gw_histogram_percentile(h, share[i]) * (double)GW_DP_RTT_UNIT_NS / 1e3;
}

/* Idle passes cost nothing that a page would be charged with. */
static void side_of(const struct snapshot *s, uint64_t payload_bytes, uint64_t packets,
	struct result_side *side)
{
	double busy = 0, away = 0, all = 0;

	for (uint32_t i = 0; i < s->n_workers; i++) {
		busy += (double)s->worker[i].busy_cycles;
		away += (double)s->worker[i].away_cycles;
		all += (double)s->worker[i].tsc;
	}
	side->cycles_per_page = per(busy, (double)payload_bytes / GW_WIRE_PAGE_BYTES);
	side->cycles_per_packet = per(busy, (double)packets);
	for (uint32_t i = 0; i < s->n_queues; i++) {
		const struct snapshot_queue *q = &s->queue[i];
		double seconds = (double)s->time_ns / 1e9;

		side->queue[side->n_queues++] = (struct result_in){q->port, q->queue,
			s->worker[q->worker].cpu,
			per((double)(q->rx_bytes + q->rx_packets * GW_WIRE_L1_BYTES) * 8, seconds),
			per((double)q->rx_packets, seconds)};
	}
	side->busy = per(busy, all);
	side->away = per(away, all);
}

static void queue_of(const struct measurement *m, uint32_t i, struct result_queue *q)
{
	const struct snapshot_queue *s = &m->sender.queue[i];

	*q = (struct result_queue){.port = s->port,
		.queue = s->queue,
		.cpu = m->sender.worker[s->worker].cpu,
		.l1_bps = per(
			(double)(s->tx_bytes + s->tx_packets * GW_WIRE_L1_BYTES) * 8, m->seconds),
		.payload_bps = per((double)s->payload_bytes * 8, m->seconds),
		.packets_ps = per((double)s->tx_packets, m->seconds),
		.packets = s->tx_packets,
		.lost_packets = s->lost_packets,
		.resent_pages = s->resent_pages,
		.rtt_samples = gw_histogram_total(&m->sender.rtt[i])};
	result_percentiles(&m->sender.rtt[i], q->rtt_us);
}

void result_of(const struct measurement *m, const struct result_port *port, uint32_t n_ports,
	uint8_t flags, struct result *r)
{
	static const struct gw_histogram none;
	struct gw_histogram rtt = none;
	uint64_t sent = 0, tx_packets = 0, rx_packets = 0;
	double line = 0, allowed = 0, l1 = 0, receiver_s = (double)m->receiver.time_ns / 1e9;
	bool known = true;

	memset(r, 0, sizeof(*r));
	r->bound = m->bound;
	r->cut = m->cut;
	r->seconds = m->seconds;
	for (uint32_t i = 0; i < m->sender.n_queues; i++) {
		struct result_queue *q = &r->queue[r->n_queues++];

		queue_of(m, i, q);
		sent += m->sender.queue[i].payload_bytes;
		tx_packets += q->packets;
		l1 += q->l1_bps;
		r->lost_packets += q->lost_packets;
		r->resent_pages += q->resent_pages;
		gw_histogram_interval(&rtt, &m->sender.rtt[i], &none);
	}
	for (uint32_t i = 0; i < m->receiver.n_queues; i++)
		rx_packets += m->receiver.queue[i].rx_packets;
	for (uint32_t i = 0; i < n_ports; i++) {
		known &= port[i].line_rate_bps != 0;
		line += (double)port[i].line_rate_bps;
		allowed += (double)port[i].line_rate_bps *
			   gw_wire_payload_share(port[i].mtu, port[i].ipv6, flags);
	}
	r->payload_bps = per((double)m->receiver.moved_bytes * 8, receiver_s);
	r->packets_ps = per((double)tx_packets, m->seconds);
	r->line_share = known ? per(l1, line) : 0;
	r->payload_share = known ? per(r->payload_bps, allowed) : 0;
	r->missed = m->sender.missed + m->receiver.missed;
	r->drops = m->sender.drops + m->receiver.drops;
	r->faults = m->sender.faults + m->receiver.faults;
	result_percentiles(&rtt, r->rtt_us);
	side_of(&m->sender, sent, tx_packets, &r->sender);
	side_of(&m->receiver, m->receiver.moved_bytes, rx_packets, &r->receiver);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double result_median_of(const double *v, uint32_t n)
{
	double *sorted = malloc(n * sizeof(*sorted));
	double median;

	if (sorted == NULL)
		return v[0];
	memcpy(sorted, v, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
	free(sorted);
	return median;
}

uint32_t result_median(const struct result *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t below = 0, equal = 0;

		for (uint32_t k = 0; k < n; k++) {
			below += r[k].payload_bps < r[i].payload_bps;
			equal += r[k].payload_bps == r[i].payload_bps;
		}
		if (below <= (n - 1) / 2 && below + equal > (n - 1) / 2)
			return i;
	}
	return 0;
}
