/* SPDX-License-Identifier: BSD-3-Clause */
#include "link_model.h"

#include <string.h>

#define L1 24u

void link_create(struct link_model *m, const struct link_conf *conf, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->conf = *conf;
	m->r.state = seed;
	m->now_ns = 1000000000;
	m->packet = malloc(LINK_PACKETS * sizeof(*m->packet));
	m->ack = malloc(LINK_ACKS * sizeof(*m->ack));
	/* A tick sends about eight packets, and is no longer than a poll loop in a bad moment. */
	m->tick_ns = conf->tick_ns != 0
			     ? conf->tick_ns
			     : conf->wire_bytes * UINT64_C(64000000000) / conf->bottleneck_bps;
	if (conf->tick_ns == 0 && m->tick_ns > 50000)
		m->tick_ns = 50000;
	if (m->conf.buffer_bytes == 0)
		m->conf.buffer_bytes = (uint64_t)((double)conf->bottleneck_bps / 8e9 *
						  (double)conf->delay_ns * 4) +
				       (1u << 20);
	gw_pacer_init(&m->port, conf->port_bps);
	for (uint32_t i = 0; i < conf->flows; i++) {
		if (gw_tx_path_init(&m->flow[i].tx, conf->port_bps, 8u << 20) != 0)
			abort();
		gw_rx_path_init(&m->flow[i].rx, UINT64_C(4) << 30);
		/* The probe that found the path. */
		gw_tx_path_replied(&m->flow[i].tx,
			(uint32_t)((m->now_ns - 2 * conf->delay_ns) >> GW_WIRE_TS_SHIFT),
			m->now_ns);
	}
}

void link_destroy(struct link_model *m)
{
	for (uint32_t i = 0; i < m->conf.flows; i++)
		gw_tx_path_release(&m->flow[i].tx);
	free(m->packet);
	free(m->ack);
}

static void settle(void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost)
{
	struct link_flow *f = ctx;

	(void)p;
	if (lost)
		f->lost++;
	else
		f->acked_bytes += r->wire_bytes;
}

/* One packet into the bottleneck's queue, or out of the world. */
static void enqueue(struct link_model *m, uint32_t flow, uint64_t psn, bool probe)
{
	uint64_t ns = (uint64_t)((double)(m->conf.wire_bytes + L1) * 8e9 /
				 (double)m->conf.bottleneck_bps);
	uint64_t wait_ns = m->free_ns > m->now_ns ? m->free_ns - m->now_ns : 0;
	uint64_t queued = (uint64_t)((double)wait_ns * (double)m->conf.bottleneck_bps / 8e9);
	struct link_packet *p = &m->packet[m->p_head % LINK_PACKETS];

	m->sent++;
	if (wait_ns > m->queue_max_ns)
		m->queue_max_ns = wait_ns;
	if (queued > m->conf.buffer_bytes || m->p_head - m->p_tail == LINK_PACKETS) {
		m->dropped++;
		return;
	}
	m->free_ns = m->now_ns + wait_ns + ns;
	if (m->cut || (m->conf.loss_ppm != 0 && random_below(&m->r, 1000000) < m->conf.loss_ppm)) {
		m->lost++;
		return;
	}
	*p = (struct link_packet){.at_ns = m->free_ns + m->conf.delay_ns,
		.psn = psn,
		.timestamp = (uint32_t)(m->now_ns >> GW_WIRE_TS_SHIFT),
		.flow = (uint8_t)flow,
		.probe = probe,
		.ce = m->conf.mark_bytes != 0 && queued > m->conf.mark_bytes};
	m->p_head++;
}

/* All that arrived: ACKs go out between bursts. */
static void receive(struct link_model *m)
{
	for (; m->p_tail != m->p_head; m->p_tail++) {
		const struct link_packet *p = &m->packet[m->p_tail % LINK_PACKETS];
		struct link_flow *f = &m->flow[p->flow];

		if (p->at_ns > m->now_ns || f->receiver_away)
			return;
		if (gw_rx_path_check(&f->rx, p->psn) != GW_RX_NEW)
			continue;
		gw_rx_path_applied(&f->rx, p->psn, p->timestamp, m->conf.wire_bytes, m->now_ns);
		f->rx.ce += p->ce;
		if (p->probe)
			gw_rx_path_probed(&f->rx);
	}
}

static void send_acks(struct link_model *m)
{
	for (uint32_t i = 0; i < m->conf.flows; i++) {
		struct link_flow *f = &m->flow[i];
		struct link_ack *a = &m->ack[m->a_head % LINK_ACKS];
		struct gw_wire_ack_body b;

		if (f->receiver_away || !gw_rx_path_ack_due(&f->rx, m->now_ns))
			continue;
		a->a.psn = gw_rx_path_ack(&f->rx, m->now_ns, &b);
		if (m->cut || m->ack_cut || m->a_head - m->a_tail == LINK_ACKS)
			continue;
		a->at_ns = m->now_ns + m->conf.delay_ns;
		a->flow = i;
		a->a.type = GW_WIRE_ACK;
		a->a.ack.largest = b.largest;
		a->a.ack.credit = b.credit;
		a->a.ack.echo = b.echo;
		a->a.ack.hold = b.hold;
		a->a.ack.ecn_ce = b.ecn_ce;
		memcpy(a->a.ack.bitmap, b.bitmap, sizeof(b.bitmap));
		m->a_head++;
	}
}

static void take_acks(struct link_model *m)
{
	for (; m->a_tail != m->a_head; m->a_tail++) {
		struct link_ack *a = &m->ack[m->a_tail % LINK_ACKS];
		struct link_flow *f = &m->flow[a->flow];

		if (a->at_ns > m->now_ns)
			return;
		if (!gw_tx_path_acked(&f->tx, &a->a, m->now_ns, settle, f))
			abort();
	}
}

static void send_one(struct link_model *m, uint32_t i, enum gw_tx_kind kind)
{
	struct gw_tx_record r = {.sent_ns = m->now_ns,
		.count = 1,
		.wire_bytes = (uint16_t)m->conf.wire_bytes,
		.kind = (uint8_t)kind};

	enqueue(m, i, gw_tx_path_sent(&m->flow[i].tx, &r), kind == GW_TX_PROBE);
	gw_pacer_spend(&m->port, m->conf.wire_bytes + L1, m->now_ns);
}

static void timers(struct link_model *m)
{
	if (m->now_ns < m->next_timer_ns)
		return;
	m->next_timer_ns = m->now_ns + 50000;
	for (uint32_t i = 0; i < m->conf.flows; i++) {
		struct link_flow *f = &m->flow[i];

		if (gw_tx_path_short(&f->tx)) {
			gw_tx_books_free(
				gw_tx_path_grow(&f->tx, gw_tx_books_create((f->tx.mask + 1) * 4)));
			f->grown++;
		}
		if (f->dead_ns != 0)
			continue;
		switch (gw_tx_path_timer(&f->tx, m->now_ns, settle, f)) {
		case GW_TX_SEND_PROBE:
			send_one(m, i, GW_TX_PROBE);
			break;
		case GW_TX_DEAD:
			f->dead_ns = m->now_ns;
			gw_tx_path_fail(&f->tx, settle, f);
			break;
		default:
			break;
		}
	}
}

/* As a poll worker: one path after the other, a burst at most. */
static void transmit(struct link_model *m)
{
	uint32_t n = 0, idle = 0;

	for (uint32_t i = (uint32_t)(m->now_ns / m->tick_ns) % m->conf.flows;
		n < 32 && idle < m->conf.flows && gw_pacer_open(&m->port, m->now_ns);
		i = (i + 1) % m->conf.flows) {
		struct link_flow *f = &m->flow[i];

		if (f->stopped || f->dead_ns != 0 || !gw_tx_path_open(&f->tx, m->now_ns)) {
			idle++;
			continue;
		}
		idle = 0;
		send_one(m, i, GW_TX_PAGES);
		n++;
	}
}

void link_run(struct link_model *m, uint64_t ns)
{
	for (uint64_t end_ns = m->now_ns + ns; m->now_ns < end_ns; m->now_ns += m->tick_ns) {
		receive(m);
		send_acks(m);
		take_acks(m);
		timers(m);
		transmit(m);
	}
}

static uint64_t acked(const struct link_model *m, uint32_t flow)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < m->conf.flows; i++)
		if (flow == UINT32_MAX || flow == i)
			sum += m->flow[i].acked_bytes;
	return sum;
}

double link_share(struct link_model *m, uint32_t flow, uint64_t ns)
{
	uint64_t before = acked(m, flow), bps = m->conf.bottleneck_bps;

	if (m->conf.port_bps != 0 && m->conf.port_bps < bps)
		bps = m->conf.port_bps;
	link_run(m, ns);
	return (double)(acked(m, flow) - before) / m->conf.wire_bytes * (m->conf.wire_bytes + L1) /
	       ((double)bps / 8e9 * (double)ns);
}
