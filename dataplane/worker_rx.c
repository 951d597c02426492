/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include "internal.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#define SCRATCH_BYTES 16384u

/* A page packet for a stream of this path's peer. Returns whether the PSN counts as applied. */
static bool rx_data(struct gw_worker *w, struct gw_path_in *path, const struct gw_wire_packet *p)
{
	struct gw_dp_sink *sink =
		p->data.stream < GW_DP_MAX_STREAMS ? w->sink[p->data.stream] : NULL;

	/* A peer may write only to the streams that it was given. */
	if (sink == NULL || sink->link != path->link) {
		gw_drop(w, GW_DROP_rx_no_stream);
		return false;
	}
	switch (gw_sink_apply(&sink->core, w->index, p)) {
	case GW_APPLY_DONE:
		return true;
	case GW_APPLY_BAD_REGION:
		gw_drop(w, GW_DROP_rx_bad_region);
		return false;
	case GW_APPLY_BAD_PAGE:
		gw_drop(w, GW_DROP_rx_bad_page);
		return false;
	case GW_APPLY_WRONG_CORE:
		gw_drop(w, GW_DROP_rx_wrong_owner);
		return false;
	}
	return false;
}

/* Rewrites a probe into its reply, in the frame that it came in, and sends it back: never larger
 * than what came. */
static void answer_probe(struct gw_worker *w, struct gw_queue *q, struct rte_mbuf *m,
	const struct gw_path_in *own, const struct gw_wire_packet *p, uint64_t now_ns)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct gw_wire_head h = {
		.path = own->peer_slot, .key_id = own->key_id, .psn = p->psn, .crc = w->dp->crc};
	size_t len = gw_wire_put_probe(
		frame + GW_FRAME_HEADER, &h, GW_WIRE_REPLY, (uint16_t)w->index, p->probe.timestamp);

	gw_wire_seal(frame + GW_FRAME_HEADER, len, &h);
	gw_frame_turn(frame, q->port->mac);
	gw_worker_send_now(w, q, m, now_ns);
}

/* A probe tells where the sender is: ACKs go back there. */
static void learn_sender(struct gw_path_in *path, const struct gw_queue *q, const uint8_t *frame,
	const struct gw_frame_in *in)
{
	gw_frame_template(&path->frame, q->port->mac, frame + 6, q->port->ip, in->from_ip,
		GW_WIRE_UDP_PORT, in->from_port);
	path->known = true;
}

/* DATA and PROBE arrive on an incoming path. True: the mbuf was consumed. */
static bool rx_in(struct gw_worker *w, struct gw_queue *q, struct rte_mbuf *m, const uint8_t *frame,
	const struct gw_frame_in *in, const struct gw_wire_packet *p, uint64_t now_ns)
{
	struct gw_path_in *path = w->in[p->path];
	uint32_t timestamp = p->type == GW_WIRE_DATA ? p->data.timestamp : p->probe.timestamp;

	if (path == NULL) {
		const struct gw_in_slot *slot = &w->dp->in_slot[p->path];
		struct gw_path_in *other;

		/* Another core's path: nothing is applied here, but a probe learns who we are. */
		if (__atomic_load_n(&slot->used, __ATOMIC_ACQUIRE) == 0 ||
			slot->key_id != p->key_id) {
			gw_drop(w, GW_DROP_rx_no_path);
			return false;
		}
		gw_drop(w, GW_DROP_rx_wrong_core);
		other = w->dp->in[p->path];
		if (p->type != GW_WIRE_PROBE || frame != rte_pktmbuf_mtod(m, uint8_t *))
			return false;
		answer_probe(w, q, m, other, p, now_ns);
		return true;
	}
	if (path->key_id != p->key_id) {
		gw_drop(w, GW_DROP_rx_bad_key);
		return false;
	}
	switch (gw_rx_path_check(&path->rx, p->psn)) {
	case GW_RX_NEW:
		break;
	case GW_RX_DUPLICATE:
		gw_drop(w, GW_DROP_rx_duplicate);
		path->rx.ack_now = true; /* our ACK may have been lost */
		return false;
	case GW_RX_OLD:
		gw_drop(w, GW_DROP_rx_old_psn);
		return false;
	}
	if (p->type == GW_WIRE_DATA && !rx_data(w, path, p))
		return false;
	if (p->type == GW_WIRE_PROBE) {
		learn_sender(path, q, frame, in);
		path->queue = q;
	}
	gw_rx_path_applied(&path->rx, p->psn, timestamp, m->pkt_len, now_ns);
	if (p->type != GW_WIRE_PROBE)
		return false;
	path->rx.ack_now = true;
	if (frame != rte_pktmbuf_mtod(m, uint8_t *))
		return false;
	answer_probe(w, q, m, path, p, now_ns);
	return true;
}

/* ACK and REPLY arrive on an outgoing path. */
static void rx_out(struct gw_worker *w, const struct gw_wire_packet *p, uint64_t now_ns)
{
	struct gw_path_out *path = w->out[p->path];

	if (path == NULL) {
		gw_drop(w, GW_DROP_rx_no_path);
		return;
	}
	if (path->key_id != p->key_id) {
		gw_drop(w, GW_DROP_rx_bad_key);
		return;
	}
	if (p->type == GW_WIRE_REPLY) {
		gw_path_reply(w, path, p, now_ns);
		return;
	}
	if (!gw_tx_path_acked(&path->tx, p, now_ns, gw_path_settle, w))
		gw_drop(w, GW_DROP_rx_bad_ack);
	__atomic_store_n(&path->pub_srtt_ns, path->tx.srtt_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&path->pub_acked_bytes, path->tx.acked_bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&path->pub_last_ack_ns, now_ns, __ATOMIC_RELAXED);
}

/* One frame. True: the mbuf was consumed. */
static bool rx_frame(struct gw_worker *w, struct gw_queue *q, struct rte_mbuf *m, uint64_t now_ns)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct gw_wire_packet p;
	struct gw_frame_in in;
	enum gw_wire_error error;
	const uint8_t *mac;
	uint32_t from_ip;

	if (m->nb_segs != 1) {
		frame = m->pkt_len <= SCRATCH_BYTES ? rte_pktmbuf_read(m, 0, m->pkt_len, w->scratch)
						    : NULL;
		if (frame == NULL) {
			gw_drop(w, GW_DROP_rx_chained);
			return false;
		}
	}
	switch (gw_frame_parse(frame, m->pkt_len, q->port->ip, &in)) {
	case GW_FRAME_UDP:
		break;
	case GW_FRAME_ARP_IN:
		from_ip = gw_frame_arp_sender(frame, &mac);
		gw_neighbor_learn(&q->port->neighbors, from_ip, mac, now_ns);
		if (!gw_frame_arp_wants(frame, q->port->ip) || m->nb_segs != 1)
			return false;
		gw_frame_arp_answer(rte_pktmbuf_mtod(m, uint8_t *), q->port->mac, q->port->ip);
		gw_worker_send_now(w, q, m, now_ns);
		return true;
	case GW_FRAME_OTHER:
		gw_drop(w, GW_DROP_rx_not_ours);
		return false;
	case GW_FRAME_INVALID:
		gw_drop(w, GW_DROP_rx_invalid_frame);
		return false;
	}
	error = gw_wire_decode(in.payload, in.len, w->dp->crc, &p);
	if (error != GW_WIRE_OK) {
		gw_drop(w, GW_DROP_WIRE + error);
		return false;
	}
	if (p.path >= GW_DP_MAX_PATHS) {
		gw_drop(w, GW_DROP_rx_no_path);
		return false;
	}
	if (p.type == GW_WIRE_DATA || p.type == GW_WIRE_PROBE)
		return rx_in(w, q, m, frame, &in, &p, now_ns);
	rx_out(w, &p, now_ns);
	return false;
}

uint32_t gw_worker_rx(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns)
{
	struct rte_mbuf *m[GW_BURST];
	uint16_t n = rte_eth_rx_burst(q->port->ethdev, q->queue, m, GW_BURST);
	uint64_t bytes = 0;
	uint16_t n_free = 0;

	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		if (i + 1 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 1], void *));
		bytes += m[i]->pkt_len;
		if (!rx_frame(w, q, m[i], now_ns))
			m[n_free++] = m[i];
	}
	rte_pktmbuf_free_bulk(m, n_free);
	gw_count(&q->rx_packets, n);
	gw_count(&q->rx_bytes, bytes);
	return n;
}
