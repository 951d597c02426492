/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker without the protocol: RAM -> packet -> port, and port -> packet -> RAM. What is left is
 * what ports and memory cost, the bound that the protocol is compared with. */
#include "worker.h"

#include "internal.h"
#include "memory/copy.h"

#include <string.h>

#define PAYLOAD_START (2 * 64)

/* In front of a packet's bytes, over this queue. */
static uint32_t header_of(const struct gw_queue *q)
{
	return gw_frame_header(&q->port->ip) + (uint32_t)sizeof(struct gw_wire_data);
}

/* The next bytes of this worker's share: a packet never crosses its end. */
static uint8_t *next_bytes(struct gw_worker *w, uint32_t *bytes)
{
	struct gw_dp_bound *b = w->bound;
	uint8_t *at;

	if (b->share[w->index].at + *bytes > b->share[w->index].bytes)
		b->share[w->index].at = 0;
	if (*bytes > b->share[w->index].bytes)
		*bytes = (uint32_t)b->share[w->index].bytes;
	at = b->share[w->index].ram + b->share[w->index].at;
	b->share[w->index].at += *bytes;
	return at;
}

static void moved(struct gw_worker *w, uint64_t bytes, uint64_t packets)
{
	gw_count(&w->bound->share[w->index].moved, bytes);
	gw_count(&w->bound->share[w->index].packets, packets);
}

/* One packet as the protocol would make it, less what the protocol puts into it. */
static void build(struct gw_worker *w, struct gw_path_out *p, gw_packet *m, uint32_t bytes)
{
	gw_packet *ram = p->queue->port->zero_copy ? gw_packet_alloc(w->ram_pool) : NULL;
	const uint8_t *from = next_bytes(w, &bytes);
	uint32_t header = header_of(p->queue);
	uint8_t *frame;

	gw_packet_set_start(m, (uint16_t)(PAYLOAD_START - header));
	gw_packet_set_bytes(m, header + bytes);
	frame = gw_packet_data(m);
	gw_frame_put(frame, &p->frame, (uint32_t)sizeof(struct gw_wire_data) + bytes);
	memset(frame + header - sizeof(struct gw_wire_data), 0, sizeof(struct gw_wire_data));
	if (ram == NULL)
		gw_copy_out(frame + header, from, bytes, from + bytes);
	else
		gw_packet_attach_ram(m, ram, &w->ram_shinfo, from, (uint16_t)bytes);
}

static struct gw_path_out *next_path(struct gw_worker *w, struct gw_queue *q)
{
	for (uint16_t n = 0; n < q->n_paths; n++) {
		struct gw_path_out *p = q->path[q->next_path];

		q->next_path = (uint16_t)(q->next_path + 1 == q->n_paths ? 0 : q->next_path + 1);
		/* Once it was up, its frames go to the right place; nobody asks whether it still
		 * is. */
		if (p->link == w->bound->link && p->state != GW_PATH_RESOLVE &&
			p->state != GW_PATH_SPENT)
			return p;
	}
	return NULL;
}

/* Fills the queue's holder with a burst. */
static void fill(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns)
{
	gw_packet *m[GW_BURST];
	struct gw_path_out *p = next_path(w, q);

	if (p == NULL || !gw_pacer_open(&q->port->pacer, now_ns))
		return;
	if (!gw_packet_alloc_bulk(w->tx_pool, m, GW_BURST)) {
		gw_drop(w, GW_DROP_tx_no_mbuf);
		return;
	}
	for (uint32_t i = 0; i < GW_BURST; i++) {
		uint32_t bytes = p->max_pages != 0 ? p->max_pages * GW_WIRE_PAGE_BYTES
						   : GW_WIRE_FRAGMENT_BYTES;

		build(w, p, m[i], bytes);
		q->held[i] = m[i];
		gw_pacer_spend(
			&q->port->pacer, gw_packet_bytes(q->held[i]) + GW_WIRE_L1_BYTES, now_ns);
	}
	q->n_held = GW_BURST;
}

static uint32_t transmit(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns)
{
	uint32_t header = header_of(q);
	uint64_t bytes = 0;
	uint16_t sent;

	if (q->n_held == 0)
		fill(w, q, now_ns);
	if (q->n_held == 0)
		return 0;
	for (uint16_t i = 0; i < q->n_held; i++)
		bytes += gw_packet_bytes(q->held[i]);
	sent = gw_port_transmit(q->port, q->queue, q->held, q->n_held);
	for (uint16_t i = sent; i < q->n_held; i++)
		bytes -= gw_packet_bytes(q->held[i]);
	q->n_held = (uint16_t)(q->n_held - sent);
	memmove(q->held, q->held + sent, q->n_held * sizeof(q->held[0]));
	gw_count(&q->tx_packets, sent);
	gw_count(&q->tx_bytes, bytes);
	gw_count(&q->payload_bytes, bytes - (uint64_t)sent * header);
	moved(w, bytes - (uint64_t)sent * header, sent);
	return sent;
}

static uint32_t receive(struct gw_worker *w, struct gw_queue *q)
{
	gw_packet *m[GW_BURST];
	uint16_t n = gw_port_receive(q->port, q->queue, m, GW_BURST);
	uint64_t bytes = 0, payload = 0;
	uint32_t header = header_of(q);

	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *from;
		uint32_t len;
		uint8_t *to;

		gw_queue_reach(q, m, i, n);
		bytes += gw_packet_bytes(m[i]);
		/* Probes and questions for neighbours are small. */
		from = gw_packet_bytes(m[i]) < header + GW_WIRE_FRAGMENT_BYTES / 2
			       ? NULL
			       : gw_packet_whole(m[i], w->scratch, GW_WORKER_ROOM);
		if (from == NULL)
			continue;
		len = gw_packet_bytes(m[i]) - header;
		to = next_bytes(w, &len);
		gw_copy_in(to, from + header, len);
		payload += len;
	}
	if (n == 0)
		return 0;
	gw_copy_in_end();
	gw_packet_free_bulk(m, n);
	gw_count(&q->rx_packets, n);
	gw_count(&q->rx_bytes, bytes);
	moved(w, payload, n);
	return n;
}

uint32_t gw_worker_bound(struct gw_worker *w, uint64_t now_ns)
{
	uint32_t work = 0;

	gw_worker_commands(w);
	for (uint32_t i = 0; i < w->n_queues && w->bound != NULL; i++)
		work += w->bound->send ? transmit(w, &w->queue[i], now_ns)
				       : receive(w, &w->queue[i]);
	return work;
}

void gw_worker_bound_end(struct gw_worker *w)
{
	struct gw_dp_bound *b = w->bound;

	if (b == NULL)
		return;
	/* It points into RAM that may go now. */
	gw_worker_drop_held(w);
	w->bound = NULL;
	__atomic_sub_fetch(&b->pending, 1, __ATOMIC_ACQ_REL);
}
