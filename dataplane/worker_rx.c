/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include "internal.h"

#include <string.h>

#define SCRATCH_BYTES 16384u

/* A page packet for a stream of this path's peer. Returns whether the PSN counts as applied. */
static bool rx_data(struct gw_worker *w, struct gw_path_in *path, const struct gw_wire_packet *p)
{
	struct gw_dp_sink *sink = w->sink[p->data.stream % GW_DP_MAX_STREAMS];

	/* A peer may write only to the streams that it was given, and a late packet of an earlier
	 * one to none. */
	if (sink == NULL || sink->stream != p->data.stream || sink->link != path->link) {
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

/* The first bytes of a frame as a packet of the transmit pool: buffers of the receive pool stay
 * there. */
static gw_packet *copy_small(struct gw_worker *w, const uint8_t *frame, uint16_t len)
{
	gw_packet *m = gw_worker_small_packet(w);

	if (m == NULL)
		return NULL;
	memcpy(gw_packet_data(m), frame, len);
	gw_packet_set_bytes(m, len);
	return m;
}

/* Answers a probe with who received it: never larger than what came. */
static void answer_probe(struct gw_worker *w, struct gw_queue *q, const uint8_t *frame,
	const struct gw_path_in *own, const struct gw_wire_packet *p, uint64_t now_ns)
{
	uint16_t len = GW_FRAME_HEADER + sizeof(struct gw_wire_probe) +
		       (w->dp->crc ? GW_WIRE_CRC_BYTES : 0);
	struct gw_wire_head h = {
		.path = own->peer_slot, .key_id = own->key_id, .psn = p->psn, .crc = w->dp->crc};
	gw_packet *m = copy_small(w, frame, len);
	uint8_t *out;

	if (m == NULL)
		return;
	out = gw_packet_data(m);
	gw_wire_put_probe(
		out + GW_FRAME_HEADER, &h, GW_WIRE_REPLY, (uint16_t)w->index, p->probe.timestamp);
	gw_wire_seal(out + GW_FRAME_HEADER, sizeof(struct gw_wire_probe), &h);
	gw_frame_turn(out, q->port->mac, len - GW_FRAME_HEADER);
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

/* A packet for a path of another core: nothing is applied here, but a probe learns who we are. */
static void rx_elsewhere(struct gw_worker *w, struct gw_queue *q, const uint8_t *frame,
	const struct gw_wire_packet *p, uint64_t now_ns)
{
	const struct gw_slot *slot = &w->dp->in_slot[p->path];

	if (__atomic_load_n(&slot->used, __ATOMIC_ACQUIRE) == 0 || slot->key_id != p->key_id) {
		gw_drop(w, GW_DROP_rx_no_path);
		return;
	}
	gw_drop(w, GW_DROP_rx_wrong_core);
	if (p->type == GW_WIRE_PROBE)
		answer_probe(w, q, frame, w->dp->in[p->path], p, now_ns);
}

/* DATA and PROBE arrive on an incoming path. */
static void rx_in(struct gw_worker *w, struct gw_queue *q, const uint8_t *frame, uint32_t bytes,
	const struct gw_frame_in *in, const struct gw_wire_packet *p, uint64_t now_ns)
{
	struct gw_path_in *path = w->in[p->path];
	bool probe = p->type == GW_WIRE_PROBE;

	if (path == NULL) {
		rx_elsewhere(w, q, frame, p, now_ns);
		return;
	}
	if (path->key_id != p->key_id) {
		gw_drop(w, GW_DROP_rx_bad_key);
		return;
	}
	switch (gw_rx_path_check(&path->rx, p->psn)) {
	case GW_RX_NEW:
		break;
	case GW_RX_DUPLICATE:
		gw_drop(w, GW_DROP_rx_duplicate);
		return;
	case GW_RX_OLD:
		gw_drop(w, GW_DROP_rx_old_psn);
		return;
	}
	if (!probe && !rx_data(w, path, p))
		return;
	gw_rx_path_applied(
		&path->rx, p->psn, probe ? p->probe.timestamp : p->data.timestamp, bytes, now_ns);
	path->rx.ce += in->ce;
	if (!probe)
		return;
	learn_sender(path, q, frame, in);
	path->queue = q;
	gw_rx_path_probed(&path->rx);
	answer_probe(w, q, frame, path, p, now_ns);
}

/* As gw_tx_path_acked() samples it: the echoed clock, less what the ACK waited for. */
static void add_rtt(struct gw_queue *q, const struct gw_wire_packet *p, uint64_t now_ns)
{
	uint32_t age = (uint32_t)(now_ns >> GW_WIRE_TS_SHIFT) - p->ack.echo;

	/* Both come from the peer: nonsense is left out. */
	if (age <= UINT32_MAX / 2 && p->ack.hold <= age)
		gw_histogram_add(&q->rtt, age - p->ack.hold);
}

/* What the path found wrong with its ACKs. */
static void count_faults(struct gw_worker *w, struct gw_tx_path *tx)
{
	for (unsigned int i = 0; i < GW_TX_FAULTS; i++) {
		gw_count(&w->drop[GW_DROP_rx_ack_unsent + i], tx->fault[i] - tx->told[i]);
		tx->told[i] = tx->fault[i];
	}
	tx->fault_news = false;
}

/* ACK and REPLY arrive on an outgoing path. */
static void rx_out(struct gw_worker *w, const struct gw_frame_in *in,
	const struct gw_wire_packet *p, uint64_t now_ns)
{
	const struct gw_slot *slot = &w->dp->out_slot[p->path];
	struct gw_path_out *path = w->out[p->path];

	if (path == NULL) {
		/* This port steers replies to the wrong core of ours: its owner must try another.
		 */
		if (__atomic_load_n(&slot->used, __ATOMIC_ACQUIRE) != 0 &&
			slot->key_id == p->key_id && p->type == GW_WIRE_REPLY)
			__atomic_store_n(
				&w->dp->out[p->path]->astray_port, in->to_port, __ATOMIC_RELAXED);
		gw_drop(w, GW_DROP_rx_no_path);
		return;
	}
	if (path->key_id != p->key_id) {
		gw_drop(w, GW_DROP_rx_bad_key);
		return;
	}
	if (p->type == GW_WIRE_REPLY) {
		gw_path_reply(w, path, p, in->to_port, now_ns);
		return;
	}
	if (!path->tx.any_acked || p->ack.largest > path->tx.largest_acked)
		add_rtt(path->queue, p, now_ns);
	gw_tx_path_acked(&path->tx, p, now_ns, gw_path_settle, w);
	if (path->tx.fault_news)
		count_faults(w, &path->tx);
	__atomic_store_n(&path->pub_srtt_ns, path->tx.srtt_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&path->pub_acked_bytes, path->tx.acked_bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&path->pub_last_ack_ns, now_ns, __ATOMIC_RELAXED);
}

static void rx_arp(struct gw_worker *w, struct gw_queue *q, const uint8_t *frame, uint64_t now_ns)
{
	const uint8_t *mac;
	uint32_t from_ip = gw_frame_arp_sender(frame, &mac);
	gw_packet *m;

	gw_neighbor_learn(&q->port->neighbors, from_ip, mac, now_ns);
	if (!gw_frame_arp_wants(frame, q->port->ip))
		return;
	m = copy_small(w, frame, GW_FRAME_ARP);
	if (m == NULL)
		return;
	gw_frame_arp_answer(gw_packet_data(m), q->port->mac, q->port->ip);
	gw_worker_send_now(w, q, m, now_ns);
}

static void rx_frame(struct gw_worker *w, struct gw_queue *q, gw_packet *m, uint64_t now_ns)
{
	const uint8_t *frame = gw_packet_whole(m, w->scratch, SCRATCH_BYTES);
	struct gw_wire_packet p;
	struct gw_frame_in in;
	enum gw_wire_error error;

	if (frame == NULL) {
		gw_drop(w, GW_DROP_rx_chained);
		return;
	}
	switch (gw_frame_parse(frame, gw_packet_bytes(m), q->port->ip, &in)) {
	case GW_FRAME_UDP:
		break;
	case GW_FRAME_ARP_IN:
		rx_arp(w, q, frame, now_ns);
		return;
	case GW_FRAME_OTHER:
		gw_drop(w, GW_DROP_rx_not_ours);
		return;
	case GW_FRAME_INVALID:
		gw_drop(w, GW_DROP_rx_invalid_frame);
		return;
	}
	error = gw_wire_decode(in.payload, in.len, w->dp->crc, &p);
	if (error != GW_WIRE_OK) {
		gw_drop(w, GW_DROP_WIRE + error);
		return;
	}
	if (p.path >= GW_DP_MAX_PATHS)
		gw_drop(w, GW_DROP_rx_no_path);
	else if (p.type == GW_WIRE_DATA || p.type == GW_WIRE_PROBE)
		rx_in(w, q, frame, gw_packet_bytes(m), &in, &p, now_ns);
	else
		rx_out(w, &in, &p, now_ns);
}

uint32_t gw_worker_rx(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns)
{
	gw_packet *m[GW_BURST];
	uint64_t bytes = 0;
	uint16_t n;

	if ((gw_queue_down(q) & GW_PORT_STOPPED) != 0)
		return 0;
	n = gw_port_receive(q->port, q->queue, m, GW_BURST);
	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		if (i + 1 < n)
			gw_packet_prefetch(m[i + 1]);
		bytes += gw_packet_bytes(m[i]);
		rx_frame(w, q, m[i], now_ns);
	}
	gw_packet_free_bulk(m, n);
	gw_count(&q->rx_packets, n);
	gw_count(&q->rx_bytes, bytes);
	return n;
}
