/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker_arrival.h"

#include "memory/copy.h"
#include "port/arp.h"

#include <string.h>

/* Of a frame, that stay in the clear: of an ARP frame all. */
#define HEAD_BYTES(header) ((header) + (uint32_t)sizeof(struct gw_wire_data))
_Static_assert(HEAD_BYTES(GW_FRAME_HEADER_V4) >= GW_ARP_BYTES, "ARP is judged there too");
_Static_assert(HEAD_BYTES(GW_FRAME_HEADER_MAX) <= GW_PACKET_HEADROOM, "fits in front of a page");

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

/* Answers a probe with who received it: never larger than what came. Its number is the probe's, so
 * it must say nothing but what follows from the probe and the core. */
static void answer_probe(struct gw_worker *w, const struct gw_arrival *a,
	const struct gw_path_in *own, uint64_t now_ns)
{
	const struct gw_wire_head h = {.path = own->peer_slot,
		.key_id = own->key_id,
		.psn = a->p.psn,
		.flags = w->dp->flags};
	/* Buffers of the receive pool stay there. */
	gw_packet *m = gw_worker_small_packet(w);
	uint32_t header = a->in.header;
	size_t len;

	if (m == NULL)
		return;
	memcpy(gw_packet_data(m), a->frame, header);
	len = gw_wire_put_probe(gw_worker_compose(w, m, header, own->keys != NULL), &h,
		GW_WIRE_REPLY, (uint16_t)w->index, a->p.probe.timestamp);
	len = gw_worker_seal(w, m, header, len, &h, own->keys != NULL ? &own->keys->reply : NULL);
	gw_frame_turn(gw_packet_data(m), a->queue->port->mac, (uint32_t)len);
	gw_packet_set_bytes(m, (uint32_t)(header + len));
	gw_worker_send_now(w, a->queue, m, now_ns);
}

/* A probe tells where the sender is: ACKs go back there. */
static void learn_sender(struct gw_path_in *path, const struct gw_arrival *a)
{
	const struct gw_port *port = a->queue->port;

	gw_frame_template(&path->frame, port->mac, a->frame + 6, &port->ip, &a->in.from_ip,
		GW_WIRE_UDP_PORT, a->in.from_port);
	path->known = true;
}

/* A packet for a path of another core: nothing is applied here, but a probe learns who we are. */
static void rx_elsewhere(struct gw_worker *w, struct gw_arrival *a, uint64_t now_ns)
{
	const struct gw_slot *slot = &w->dp->in_slot[a->p.path];
	const struct gw_path_in *own;

	if (__atomic_load_n(&slot->used, __ATOMIC_ACQUIRE) == 0 || slot->key_id != a->p.key_id) {
		gw_drop(w, GW_DROP_rx_no_path);
		return;
	}
	gw_drop(w, GW_DROP_rx_wrong_core);
	own = w->dp->in[a->p.path];
	if (a->p.type == GW_WIRE_PROBE && gw_arrival_belongs(w, a, own->key_id, &own->peer_ip) &&
		gw_arrival_verify(w, a, own->keys != NULL ? &own->keys->probe : NULL))
		answer_probe(w, a, own, now_ns);
}

/* DATA and PROBE arrive on an incoming path. */
static void rx_in(struct gw_worker *w, struct gw_arrival *a, uint64_t now_ns)
{
	const struct gw_wire_packet *p = &a->p;
	struct gw_path_in *path = w->in[p->path];
	bool probe = p->type == GW_WIRE_PROBE;
	const struct gw_aead_key *key = NULL;

	if (path == NULL) {
		rx_elsewhere(w, a, now_ns);
		return;
	}
	if (!gw_arrival_belongs(w, a, path->key_id, &path->peer_ip))
		return;
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
	if (path->keys != NULL && probe) {
		key = &path->keys->probe;
	} else if (path->keys != NULL) {
		const struct gw_generation *g = gw_arrival_keys(w, path->keys, p->psn);

		if (g == NULL)
			return;
		key = &g->data;
	}
	if (!gw_arrival_verify(w, a, key) || (!probe && !rx_data(w, path, p)))
		return;
	gw_rx_path_applied(&path->rx, p->psn, probe ? p->probe.timestamp : p->data.timestamp,
		a->frame_bytes, now_ns);
	path->rx.ce += a->in.ce;
	if (!probe)
		return;
	learn_sender(path, a);
	path->queue = a->queue;
	gw_rx_path_probed(&path->rx);
	answer_probe(w, a, path, now_ns);
}

/* The beginning of a frame that may be sealed, to where it would be opened: what is judged there
 * nobody changes afterwards (crypto/sealed.h). The payload of a page begins on a cache line. */
static const uint8_t *take_head(
	struct gw_worker *w, const struct gw_port *port, const uint8_t *frame, uint32_t bytes)
{
	const uint32_t ip = GW_FRAME_ETHERNET, v4 = GW_FRAME_HEADER_V4, v6 = GW_FRAME_HEADER_V6;
	uint32_t header = gw_frame_header(&port->ip);
	uint8_t *to = w->opened + GW_PACKET_HEADROOM - HEAD_BYTES(header);

	if (bytes > GW_WORKER_ROOM - GW_PACKET_HEADROOM)
		return NULL;
	if (bytes < HEAD_BYTES(header)) {
		memcpy(to, frame, bytes);
		return to;
	}
	/* Header by header, each a few vector moves: a field that is read across two of these waits
	 * until all earlier stores, pages among them, are in the cache. */
	memcpy(to, frame, GW_FRAME_ETHERNET);
	if (header == v4) {
		memcpy(to + ip, frame + ip, GW_FRAME_IPV4);
		memcpy(to + ip + GW_FRAME_IPV4, frame + ip + GW_FRAME_IPV4, GW_FRAME_UDP_BYTES);
		memcpy(to + v4, frame + v4, sizeof(struct gw_wire_data));
	} else {
		memcpy(to + ip, frame + ip, GW_FRAME_IPV6);
		memcpy(to + ip + GW_FRAME_IPV6, frame + ip + GW_FRAME_IPV6, GW_FRAME_UDP_BYTES);
		memcpy(to + v6, frame + v6, sizeof(struct gw_wire_data));
	}
	return to;
}

static void rx_frame(struct gw_worker *w, struct gw_queue *q, gw_packet *m, uint64_t now_ns)
{
	struct gw_arrival a;
	enum gw_wire_error error;

	a.queue = q;
	a.received = gw_packet_whole(m, w->scratch, GW_WORKER_ROOM);
	a.frame_bytes = gw_packet_bytes(m);
	a.frame = a.received;
	if (a.frame != NULL && w->dp->flags == GW_WIRE_AEAD)
		a.frame = take_head(w, q->port, a.received, a.frame_bytes);
	if (a.frame == NULL) {
		gw_drop(w, GW_DROP_rx_chained);
		return;
	}
	switch (gw_frame_parse(a.frame, a.frame_bytes, &q->port->ip, &a.in)) {
	case GW_FRAME_UDP:
		break;
	case GW_FRAME_ARP_IN:
		gw_worker_rx_arp(w, q, a.frame, now_ns);
		return;
	case GW_FRAME_NDP_IN:
		gw_worker_rx_ndp(w, q, a.received, a.frame_bytes, now_ns);
		return;
	case GW_FRAME_OTHER:
		gw_drop(w, GW_DROP_rx_not_ours);
		return;
	case GW_FRAME_INVALID:
		gw_drop(w, GW_DROP_rx_invalid_frame);
		return;
	}
	error = gw_wire_decode_head(a.in.payload, a.in.len, w->dp->flags, &a.p, &a.bytes);
	if (error != GW_WIRE_OK) {
		gw_drop(w, GW_DROP_WIRE + error);
		return;
	}
	if (a.p.path >= GW_DP_MAX_PATHS)
		gw_drop(w, GW_DROP_rx_no_path);
	else if (a.p.type == GW_WIRE_DATA || a.p.type == GW_WIRE_PROBE)
		rx_in(w, &a, now_ns);
	else
		gw_worker_rx_out(w, &a, now_ns);
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
		gw_queue_reach(q, m, i, n);
		bytes += gw_packet_bytes(m[i]);
		rx_frame(w, q, m[i], now_ns);
	}
	gw_copy_in_end();
	gw_packet_free_bulk(m, n);
	gw_count(&q->rx_packets, n);
	gw_count(&q->rx_bytes, bytes);
	return n;
}
