/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbours on a port's link: who has an address, by ARP over IPv4 and by neighbour discovery over
 * IPv6. */
#include "worker.h"

#include "internal.h"
#include "port/arp.h"
#include "port/mld.h"
#include "port/ndp.h"

#include <string.h>

/* Switches forget a listener after 260 s (RFC 3810, 9.4). */
#define REPORT_EVERY_NS (30 * 1000000000ull)
/* Anybody is answered, from the same port as pages: so often, and so often at once. */
#define ANSWER_EVERY_NS 100000u
#define ANSWER_BURST 64u

/* A flood of requests must not take the port's time away from pages. */
static bool answer_allowed(struct gw_queue *q, uint64_t now_ns)
{
	uint64_t full_ns = (uint64_t)ANSWER_BURST * ANSWER_EVERY_NS;

	if (q->answer_ns + full_ns < now_ns)
		q->answer_ns = now_ns - full_ns;
	if (q->answer_ns >= now_ns)
		return false;
	q->answer_ns += ANSWER_EVERY_NS;
	return true;
}

static void report_group(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns)
{
	const struct gw_port *port = q->port;
	gw_packet *m = gw_worker_small_packet(w);

	q->report_ns = now_ns + REPORT_EVERY_NS;
	if (m == NULL)
		return;
	gw_mld_report(gw_packet_data(m), port->mac, &port->ip);
	gw_packet_set_bytes(m, GW_MLD_BYTES);
	gw_worker_send_now(w, q, m, now_ns);
}

void gw_worker_report(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns)
{
	const struct gw_port *port = q->port;

	if (q->queue != 0 || gw_ip_is_v4(&port->ip))
		return;
	/* Another switch may be there when the link comes back. */
	if (gw_queue_down(q))
		q->report_ns = 0;
	else if (now_ns >= q->report_ns)
		report_group(w, q, now_ns);
}

void gw_worker_ask(struct gw_worker *w, struct gw_path_out *p, uint64_t now_ns)
{
	const struct gw_port *port = p->queue->port;
	gw_packet *m = gw_worker_small_packet(w);

	if (m == NULL)
		return;
	if (gw_ip_is_v4(&port->ip)) {
		gw_arp_request(gw_packet_data(m), port->mac, &port->ip, &p->hop->ip);
		gw_packet_set_bytes(m, GW_ARP_BYTES);
	} else {
		gw_ndp_solicit(gw_packet_data(m), port->mac, &port->ip, &p->hop->ip);
		gw_packet_set_bytes(m, GW_NDP_BYTES);
	}
	__atomic_store_n(&p->hop->asked_ns, now_ns, __ATOMIC_RELAXED);
	gw_worker_send_now(w, p->queue, m, now_ns);
}

void gw_worker_rx_arp(
	struct gw_worker *w, struct gw_queue *q, const uint8_t *frame, uint64_t now_ns)
{
	const uint8_t *mac;
	struct gw_ip from_ip = gw_arp_sender(frame, &mac);
	gw_packet *m;

	gw_neighbor_learn(&q->port->neighbors, &from_ip, mac, now_ns);
	if (!gw_arp_wants(frame, &q->port->ip))
		return;
	if (!answer_allowed(q, now_ns)) {
		gw_drop(w, GW_DROP_rx_arp_flood);
		return;
	}
	m = gw_worker_small_packet(w);
	if (m == NULL)
		return;
	memcpy(gw_packet_data(m), frame, GW_ARP_BYTES);
	gw_packet_set_bytes(m, GW_ARP_BYTES);
	gw_arp_answer(gw_packet_data(m), q->port->mac, &q->port->ip);
	gw_worker_send_now(w, q, m, now_ns);
}

static void answer_ndp(struct gw_worker *w, struct gw_queue *q, const struct gw_ndp_in *in,
	const uint8_t *from_mac, uint64_t now_ns)
{
	gw_packet *m;

	if (!answer_allowed(q, now_ns)) {
		gw_drop(w, GW_DROP_rx_ndp_flood);
		return;
	}
	m = gw_worker_small_packet(w);
	if (m == NULL)
		return;
	gw_ndp_answer(gw_packet_data(m), q->port->mac, &q->port->ip, in, from_mac);
	gw_packet_set_bytes(m, GW_NDP_BYTES);
	gw_worker_send_now(w, q, m, now_ns);
}

void gw_worker_rx_ndp(struct gw_worker *w, struct gw_queue *q, const uint8_t *frame, uint32_t bytes,
	uint64_t now_ns)
{
	uint8_t copy[GW_NDP_ROOM];
	struct gw_ndp_in in;
	const struct gw_ip *at;

	if (bytes > sizeof(copy)) {
		gw_drop(w, GW_DROP_rx_not_ours);
		return;
	}
	/* Its lengths are read more than once. */
	memcpy(copy, frame, bytes);
	switch (gw_ndp_parse(copy, bytes, &q->port->ip, &in)) {
	case GW_FRAME_NDP_IN:
		break;
	case GW_FRAME_INVALID:
		gw_drop(w, GW_DROP_rx_invalid_frame);
		return;
	default:
		gw_drop(w, GW_DROP_rx_not_ours);
		return;
	}
	/* A solicitation says where it comes from, an advertisement where its target is. */
	at = in.asks ? &in.from : &in.target;
	if (in.mac != NULL)
		gw_neighbor_learn(&q->port->neighbors, at, in.mac, now_ns);
	if (in.asks && gw_ip_equal(&in.target, &q->port->ip))
		answer_ndp(w, q, &in, copy + 6, now_ns);
}
