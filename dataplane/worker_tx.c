/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include "crypto/sealed.h"
#include "internal.h"
#include "memory/copy.h"

#include <string.h>

/* A page makes at most this many packets, so a burst stops short of its end. */
#define PACKETS_PER_TAKE GW_WIRE_QUARTERS
/* The payload starts on a cache line of the buffer: the copy's stores are aligned. */
#define PAYLOAD_START (2 * GW_COPY_LINE)
_Static_assert(PAYLOAD_START == GW_PACKET_HEADROOM &&
		       PAYLOAD_START >= GW_FRAME_HEADER_MAX + sizeof(struct gw_wire_data),
	"fits the headroom");

/* Measured, see fetch_ahead(). */
#define FETCH_PAGES_AHEAD 4u
#define FETCH_BYTES 512u

/* Duplicates: a few at once, and a part of the window, so that new work does not wait for long. */
#define COPIES_AT_ONCE 8u
#define COPY_SHARE 4u

static bool refill(struct gw_worker *w)
{
	if (w->n_stash >= PACKETS_PER_TAKE)
		return true;
	if (!gw_packet_alloc_bulk(w->tx_pool, w->stash + w->n_stash, GW_BURST - w->n_stash)) {
		gw_drop(w, GW_DROP_tx_no_mbuf);
		return false;
	}
	w->n_stash = GW_BURST;
	return true;
}

/* Gives frames to the driver; what it does not take waits in the queue's holder. */
static void transmit(struct gw_queue *q, gw_packet **m, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t sent;

	/* The driver owns what it takes: lengths are read before. */
	for (uint16_t i = 0; i < n; i++)
		bytes += gw_packet_bytes(m[i]);
	sent = gw_port_transmit(q->port, q->queue, m, n);
	for (uint16_t i = sent; i < n; i++)
		bytes -= gw_packet_bytes(m[i]);
	gw_count(&q->tx_packets, sent);
	gw_count(&q->tx_bytes, bytes);
	q->n_held = n - sent;
	if (sent != n)
		memmove(q->held, m + sent, (n - sent) * sizeof(*m));
}

void gw_queue_drop_held(struct gw_queue *q)
{
	gw_packet_free_bulk(q->held, q->n_held);
	q->n_held = 0;
}

void gw_worker_drop_held(struct gw_worker *w)
{
	for (uint32_t i = 0; i < w->n_queues; i++)
		gw_queue_drop_held(&w->queue[i]);
}

void gw_worker_send_now(struct gw_worker *w, struct gw_queue *q, gw_packet *m, uint64_t now_ns)
{
	uint64_t bytes = gw_packet_bytes(m);

	if (gw_queue_down(q) || gw_port_transmit(q->port, q->queue, &m, 1) != 1) {
		gw_drop(w, GW_DROP_tx_ack_dropped);
		gw_packet_free(m);
		return;
	}
	gw_pacer_spend(&q->port->pacer, bytes + GW_WIRE_L1_BYTES, now_ns);
	gw_count(&q->tx_packets, 1);
	gw_count(&q->tx_bytes, bytes);
}

/* Frame and header of one packet whose payload of d->length bytes the caller writes. Its record r
 * is complete before that: reading at once what was written in parts would wait for the payload
 * too. */
static gw_packet *begin(struct gw_worker *w, struct gw_path_out *p, struct gw_wire_head *h,
	const struct gw_wire_data_head *d, struct gw_tx_record *r, uint64_t now_ns)
{
	gw_packet *m = w->stash[--w->n_stash];
	uint32_t header = p->frame.header, len = sizeof(struct gw_wire_data) + d->length +
						 gw_wire_trailer_bytes(w->dp->flags);

	gw_packet_set_start(m, (uint16_t)(PAYLOAD_START - sizeof(struct gw_wire_data) - header));
	gw_packet_set_bytes(m, header + len);
	r->sent_ns = now_ns;
	r->wire_bytes = (uint16_t)(header + len);
	gw_frame_put(gw_packet_data(m), &p->frame, len);
	*h = (struct gw_wire_head){.path = p->peer_slot,
		.key_id = p->key_id,
		.psn = p->tx.next_psn,
		.flags = w->dp->flags};
	gw_wire_put_data(gw_worker_compose(w, m, header, p->keys != NULL), h, d);
	return m;
}

/* Where the payload is composed. */
static uint8_t *payload(struct gw_worker *w, const struct gw_path_out *p, gw_packet *m)
{
	return gw_worker_compose(w, m, p->frame.header, p->keys != NULL) +
	       sizeof(struct gw_wire_data);
}

/* Guest RAM becomes the payload of a packet whose header was composed: by a copy, or by encryption,
 * which is one. As much at next, unless it is NULL, comes soon. */
static void put_ram(struct gw_worker *w, const struct gw_path_out *p, gw_packet *m,
	const uint8_t *data, uint32_t bytes, const uint8_t *next)
{
	if (p->keys == NULL)
		gw_copy_out(payload(w, p, m), data, bytes, next);
	else
		gw_sealed_put(&gw_path_keys_at(p->keys, p->tx.next_psn)->data, w->composed, data,
			bytes, gw_packet_data(m) + p->frame.header, next);
}

/* Encrypts, where paths do, the payload that was composed. */
static void seal_payload(
	struct gw_worker *w, const struct gw_path_out *p, gw_packet *m, uint32_t bytes)
{
	if (p->keys != NULL)
		put_ram(w, p, m, payload(w, p, m), bytes, NULL);
}

/* Ends packets of the same flags, those of a page together: what was just stored would have to be
 * waited for. */
static void sum(
	const struct gw_path_out *p, gw_packet *const *m, uint16_t n, const struct gw_wire_head *h)
{
	uint32_t header = p->frame.header, rest = header + gw_wire_trailer_bytes(h->flags);

	for (uint16_t i = 0; i < n; i++)
		gw_wire_seal(gw_packet_data(m[i]) + header, gw_packet_bytes(m[i]) - rest, h);
}

/* Enters a packet into the path's books. */
static void book(struct gw_path_out *p, struct gw_source_tally *tally, const struct gw_tx_record *r)
{
	gw_tx_path_sent(&p->tx, r);
	gw_tally_add(&tally->wire_bytes, r->wire_bytes);
}

/* Pages that the driver reads itself, a burst of them later: their first lines, which are looked at
 * before, and enough for the CPU to see a stream in each. More would only be waited for. */
static void fetch_ahead(const struct gw_taken *taken)
{
	if (taken->next == NULL)
		return;
	for (uint32_t i = 0; i < taken->count; i++)
		gw_copy_fetch(
			taken->next + (FETCH_PAGES_AHEAD + i) * GW_WIRE_PAGE_BYTES, FETCH_BYTES);
}

static uint16_t put_pages(struct gw_worker *w, struct gw_path_out *p, struct gw_dp_source *s,
	const struct gw_taken *taken, gw_packet **out, uint64_t now_ns)
{
	struct gw_source_tally *tally = &s->core.tally[w->index];
	uint32_t bytes = taken->count * GW_WIRE_PAGE_BYTES;
	struct gw_wire_data_head d = {
		.epoch = taken->label,
		.stream = s->stream,
		.region = s->core.space.region[taken->region].id,
		.encoding = GW_WIRE_RAW,
		.fragment = GW_WIRE_WHOLE,
		.page = taken->page,
		.length = (uint16_t)bytes,
		.timestamp = (uint32_t)(now_ns >> GW_WIRE_TS_SHIFT),
	};
	struct gw_tx_record r = {
		.page = taken->page,
		.count = (uint16_t)taken->count,
		.kind = GW_TX_PAGES,
		.source = (uint8_t)s->slot,
		.region = (uint8_t)taken->region,
		.label = taken->label,
	};
	struct gw_wire_head h;

	gw_count(&p->queue->payload_bytes, bytes);
	if (p->max_pages != 0) {
		gw_packet *ram = p->queue->port->zero_copy ? gw_packet_alloc(w->ram_pool) : NULL;

		out[0] = begin(w, p, &h, &d, &r, now_ns);
		if (ram != NULL) {
			/* The RAM is read when the driver takes the packet, which is after the
			 * label was read, as page rule 2 wants. */
			gw_packet_attach_ram(
				out[0], ram, &w->ram_shinfo, taken->data, (uint16_t)bytes);
			fetch_ahead(taken);
		} else {
			put_ram(w, p, out[0], taken->data, bytes, taken->next);
		}
		sum(p, out, 1, &h);
		book(p, tally, &r);
		return 1;
	}
	/* The page's one unit in hand becomes one per fragment, before the first can be settled. */
	gw_tally_add(&tally->taken, p->n_fragments - 1u);
	r.kind = GW_TX_FRAGMENT;
	for (uint16_t i = 0; i < p->n_fragments; i++) {
		d.fragment = (uint8_t)(p->first_fragment + i);
		r.fragment = d.fragment;
		d.offset = gw_wire_fragment_offset(d.fragment);
		d.length = gw_wire_fragment_length(d.fragment);
		out[i] = begin(w, p, &h, &d, &r, now_ns);
		put_ram(w, p, out[i], taken->data + d.offset, d.length,
			taken->next != NULL ? taken->next + d.offset : NULL);
		book(p, tally, &r);
	}
	sum(p, out, p->n_fragments, &h);
	return p->n_fragments;
}

static uint16_t put_runs(struct gw_worker *w, struct gw_path_out *p, struct gw_dp_source *s,
	struct gw_take *take, const struct gw_taken *taken, gw_packet **out, uint64_t now_ns)
{
	struct gw_wire_data_head d = {
		.epoch = taken->label,
		.stream = s->stream,
		.region = s->core.space.region[taken->region].id,
		.encoding = take->run_encoding,
		.fragment = GW_WIRE_WHOLE,
		.length = (uint16_t)(take->n_runs * sizeof(struct gw_wire_run)),
		.timestamp = (uint32_t)(now_ns >> GW_WIRE_TS_SHIFT),
	};
	struct gw_tx_record r = {
		.page = p->tx.run_head,
		.count = (uint16_t)take->n_runs,
		.kind = GW_TX_RUN_LIST,
		.source = (uint8_t)s->slot,
		.region = (uint8_t)taken->region,
		.label = taken->label,
		.fragment = take->run_encoding,
	};
	struct gw_wire_head h;

	out[0] = begin(w, p, &h, &d, &r, now_ns);
	for (uint32_t i = 0; i < take->n_runs; i++) {
		gw_wire_put_run(payload(w, p, out[0]) + i * sizeof(struct gw_wire_run),
			take->run[i].page, take->run[i].count);
		gw_tx_path_push_run(&p->tx, take->run[i].page, take->run[i].count);
	}
	seal_payload(w, p, out[0], d.length);
	sum(p, out, 1, &h);
	book(p, &s->core.tally[w->index], &r);
	gw_take_runs_done(&s->core, take, w->index);
	return 1;
}

/* The next packets of a source over one path. *again: there is more to look at. */
static uint16_t take(struct gw_worker *w, struct gw_path_out *p, struct gw_worker_source *ws,
	gw_packet **out, bool *again, uint64_t now_ns)
{
	struct gw_take *take = &ws->take[p->core];
	struct gw_taken taken;

	gw_take_next(&ws->source->core, take, w->index, p->core,
		p->max_pages != 0 ? p->max_pages : 1, &taken);
	*again |= taken.kind == GW_TAKE_AGAIN;
	if (taken.kind == GW_TAKE_PAGES)
		return put_pages(w, p, ws->source, &taken, out, now_ns);
	if (taken.kind == GW_TAKE_RUNS && gw_tx_path_run_room(&p->tx) >= take->n_runs)
		return put_runs(w, p, ws->source, take, &taken, out, now_ns);
	return 0;
}

/* The next packets of a source over any of its paths on this queue that may send and has not said
 * that it has nothing. */
static uint16_t fill(struct gw_worker *w, struct gw_queue *q, struct gw_worker_source *ws,
	gw_packet **out, bool *again, uint64_t now_ns)
{
	uint64_t bit = UINT64_C(1) << ws->source->slot;

	for (uint16_t n = 0; n < q->n_paths; n++) {
		struct gw_path_out *p = q->path[q->next_path];
		uint16_t got;

		q->next_path = (uint16_t)(q->next_path + 1 == q->n_paths ? 0 : q->next_path + 1);
		if (p->link != ws->source->link || (p->empty & bit) != 0 || !gw_path_carries(p) ||
			!gw_tx_path_open(&p->tx, now_ns))
			continue;
		got = take(w, p, ws, out, again, now_ns);
		if (got != 0)
			return got;
		p->empty |= bit;
	}
	return 0;
}

/* The port's and the session's cap, and the session's share of the queue: of what these packets
 * take at layer 1. Not for each alone: the pacers' atomic additions wait for all that was stored.
 */
static void charge(struct gw_queue *q, struct gw_dp_source *s, gw_packet *const *m, uint16_t n,
	uint64_t now_ns)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += gw_packet_bytes(m[i]) + GW_WIRE_L1_BYTES;
	gw_share_spend(&q->share, (uint8_t)s->slot, bytes);
	gw_pacer_spend(&q->port->pacer, bytes, now_ns);
	gw_pacer_spend(&s->pacer, bytes, now_ns);
}

/* The packet once more, over p: read again, under its own label. */
static gw_packet *put_copy(
	struct gw_worker *w, struct gw_path_out *p, const struct gw_copy *c, uint64_t now_ns)
{
	const struct gw_tx_record *of = c->record;
	const struct gw_space_region *region = &c->source->core.space.region[of->region];
	struct gw_wire_data_head d = {
		.epoch = of->label,
		.stream = c->source->stream,
		.region = region->id,
		.fragment = of->kind == GW_TX_FRAGMENT ? of->fragment : GW_WIRE_WHOLE,
		.page = of->kind == GW_TX_RUN_LIST ? 0 : of->page,
		.timestamp = (uint32_t)(now_ns >> GW_WIRE_TS_SHIFT),
	};
	struct gw_tx_record r = {
		.page = (uint32_t)c->psn,
		.count = c->of->slot,
		.kind = GW_TX_COPY,
		.source = of->source,
		.region = of->region,
	};
	struct gw_wire_head h;
	gw_packet *m;

	if (of->kind == GW_TX_RUN_LIST) {
		d.encoding = of->fragment;
		d.length = (uint16_t)(of->count * sizeof(struct gw_wire_run));
	} else if (of->kind == GW_TX_FRAGMENT) {
		d.offset = gw_wire_fragment_offset(of->fragment);
		d.length = gw_wire_fragment_length(of->fragment);
	} else {
		d.length = (uint16_t)(of->count * GW_WIRE_PAGE_BYTES);
	}
	m = begin(w, p, &h, &d, &r, now_ns);
	if (of->kind == GW_TX_RUN_LIST) {
		for (uint32_t i = 0; i < of->count; i++) {
			const struct gw_tx_run *run = gw_tx_path_run(&c->of->tx, of->page + i);

			gw_wire_put_run(payload(w, p, m) + i * sizeof(struct gw_wire_run),
				run->page, run->count);
		}
		seal_payload(w, p, m, d.length);
	} else {
		put_ram(w, p, m, region->base + (uint64_t)of->page * GW_WIRE_PAGE_BYTES + d.offset,
			d.length, NULL);
	}
	sum(p, &m, 1, &h);
	book(p, &c->source->core.tally[w->index], &r);
	p->tx.copy_bytes += r.wire_bytes;
	gw_drop(w, GW_DROP_tail_copy);
	return m;
}

/* Nothing was left to take: duplicates of what is outstanding longest. */
static uint16_t copies(struct gw_worker *w, struct gw_queue *q, gw_packet **out, uint64_t now_ns)
{
	struct gw_copy c;
	uint16_t n = 0;

	if (!gw_copy_wanted(w))
		return 0;
	for (uint16_t i = 0; i < q->n_paths; i++) {
		struct gw_path_out *p = q->path[i];

		while (n < COPIES_AT_ONCE && gw_path_carries(p) &&
			gw_pacer_open(&q->port->pacer, now_ns) &&
			p->tx.copy_bytes < p->tx.rate.window_bytes / COPY_SHARE &&
			gw_tx_path_open(&p->tx, now_ns) && refill(w) &&
			gw_copy_pick(w, p, &c, now_ns)) {
			out[n] = put_copy(w, p, &c, now_ns);
			charge(q, c.source, &out[n], 1, now_ns);
			n++;
		}
	}
	return n;
}

uint32_t gw_worker_tx(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns)
{
	gw_packet *m[GW_BURST];
	uint64_t barred = 0;
	uint16_t n = 0;
	bool again = false;

	if (gw_queue_down(q))
		return 0;
	if (q->n_held != 0) {
		memcpy(m, q->held, q->n_held * sizeof(*m));
		transmit(q, m, q->n_held);
		if (q->n_held != 0)
			return 0;
	}
	for (uint16_t i = 0; i < q->n_paths; i++)
		q->path[i]->empty = 0;
	while (n + PACKETS_PER_TAKE <= GW_BURST && gw_pacer_open(&q->port->pacer, now_ns)) {
		int id = gw_share_pick(&q->share, barred);
		struct gw_dp_source *s;
		uint16_t got = 0;

		if (id < 0 || !refill(w))
			break;
		s = w->source[id].source;
		if (gw_pacer_open(&s->pacer, now_ns))
			got = fill(w, q, &w->source[id], m + n, &again, now_ns);
		if (got == 0)
			barred |= UINT64_C(1) << id;
		else
			charge(q, s, m + n, got, now_ns);
		n = (uint16_t)(n + got);
	}
	if (n == 0 && !again)
		n = copies(w, q, m, now_ns);
	if (n != 0)
		transmit(q, m, n);
	return n + again;
}
