/* SPDX-License-Identifier: BSD-3-Clause */
/* What control asked a worker for. Rare: a session's begin, epochs and end. */
#include "worker.h"

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gw_worker_event(struct gw_worker *w, uint32_t type, void *object, uint64_t value)
{
	/* Far fewer events than places exist between two looks of control; a full queue is a broken
	 * contract. */
	if (!gw_spsc_push(&w->events, type, object, value)) {
		fprintf(stderr, "godwit: worker %u: event queue full\n", w->index);
		abort();
	}
}

bool gw_worker_tell(struct gw_worker *w, uint32_t type, void *object, uint64_t value)
{
	if (w->events.head - __atomic_load_n(&w->events.tail, __ATOMIC_ACQUIRE) >=
		GW_SPSC_ITEMS / 2)
		return false;
	gw_worker_event(w, type, object, value);
	return true;
}

/* The last worker that lets go of an object says so. */
static void let_go(struct gw_worker *w, uint32_t *pending, uint32_t type, void *object)
{
	if (__atomic_sub_fetch(pending, 1, __ATOMIC_ACQ_REL) == 0)
		gw_worker_event(w, type, object, 0);
}

static void add_link(struct gw_worker *w, struct gw_dp_link *link)
{
	for (uint32_t i = 0; i < link->n; i++) {
		uint16_t slot = link->slot[i];

		if (link->initiator && w->dp->out[slot]->worker == w->index) {
			struct gw_path_out *p = w->dp->out[slot];

			w->out[slot] = p;
			w->out_slots[w->n_out++] = slot;
			p->queue->path[p->queue->n_paths++] = p;
		} else if (!link->initiator && w->dp->in[slot]->worker == w->index) {
			struct gw_path_in *p = w->dp->in[slot];

			w->in[slot] = p;
			w->in_slots[w->n_in++] = slot;
		}
	}
}

static void del_out(struct gw_worker *w, uint32_t i)
{
	struct gw_path_out *p = w->out[w->out_slots[i]];
	struct gw_queue *q = p->queue;

	for (uint16_t k = 0; k < q->n_paths; k++) {
		if (q->path[k] != p)
			continue;
		q->path[k] = q->path[--q->n_paths];
		break;
	}
	q->next_path = 0;
	w->out[p->slot] = NULL;
	w->out_slots[i] = w->out_slots[--w->n_out];
}

static void del_link(struct gw_worker *w, struct gw_dp_link *link)
{
	for (uint32_t i = w->n_out; i-- > 0;)
		if (w->out[w->out_slots[i]]->link == link)
			del_out(w, i);
	for (uint32_t i = w->n_in; i-- > 0;) {
		if (w->in[w->in_slots[i]]->link != link)
			continue;
		w->in[w->in_slots[i]] = NULL;
		w->in_slots[i] = w->in_slots[--w->n_in];
	}
	let_go(w, &link->pending, GW_EVENT_LINK_GONE, link);
}

static void add_source(struct gw_worker *w, struct gw_dp_source *s)
{
	w->source[s->slot] = (struct gw_worker_source){s, s->take[w->index]};
	w->source_slots[w->n_sources++] = (uint8_t)s->slot;
	for (uint32_t i = 0; i < w->n_queues; i++)
		gw_share_add(&w->queue[i].share, (uint8_t)s->slot, s->weight);
}

/* Packets of this source that are outstanding stay in the paths' books; settling them finds no
 * source. */
static void forget(struct gw_worker *w, uint16_t slot)
{
	for (uint32_t i = 0; i < w->n_out; i++) {
		struct gw_tx_path *p = &w->out[w->out_slots[i]]->tx;

		for (uint64_t n = p->una; n < p->next_psn; n++) {
			struct gw_tx_record *r = &p->record[n & p->mask];

			/* As a probe it carries no page; a run list's places must still be given
			 * back in order. */
			if (r->source != slot)
				continue;
			if (r->kind != GW_TX_RUN_LIST && r->kind != GW_TX_COPY)
				r->kind = GW_TX_PROBE;
			r->source = GW_TX_NO_SOURCE;
		}
	}
}

static void del_source(struct gw_worker *w, struct gw_dp_source *s)
{
	gw_worker_drop_held(w);
	forget(w, s->slot);
	w->source[s->slot].source = NULL;
	for (uint32_t i = 0; i < w->n_sources; i++) {
		if (w->source_slots[i] != s->slot)
			continue;
		w->source_slots[i] = w->source_slots[--w->n_sources];
		break;
	}
	for (uint32_t i = 0; i < w->n_queues; i++)
		gw_share_remove(&w->queue[i].share, (uint8_t)s->slot);
	/* See gw_dp_source_close(): control sends the command on to the drainer when all others let
	 * go. */
	if (w->index == s->drainer)
		gw_worker_event(w, GW_DP_SOURCE_CLOSED, s, 0);
	else if (__atomic_sub_fetch(&s->pending, 1, __ATOMIC_ACQ_REL) == 1)
		gw_worker_event(w, GW_EVENT_SOURCE_HALF_CLOSED, s, 0);
}

/* Books that nobody wants, or those that they replace, go back to control. */
static void take_books(struct gw_worker *w, struct gw_tx_books *b, uint64_t slot)
{
	struct gw_path_out *p = w->out[slot];

	if (p != NULL && p == b->owner) {
		b = gw_tx_path_grow(&p->tx, b);
		p->books_asked = false;
	}
	gw_worker_event(w, GW_EVENT_BOOKS_BACK, b, 0);
}

void gw_worker_commands(struct gw_worker *w)
{
	struct gw_spsc_item c;

	while (gw_spsc_pop(&w->commands, &c)) {
		struct gw_dp_source *source = c.object;
		struct gw_dp_sink *sink = c.object;

		switch ((enum gw_command)c.type) {
		case GW_CMD_ADD_LINK:
			add_link(w, c.object);
			break;
		case GW_CMD_DEL_LINK:
			del_link(w, c.object);
			break;
		case GW_CMD_ADD_SOURCE:
			add_source(w, source);
			break;
		case GW_CMD_WEIGH_SOURCE:
			for (uint32_t i = 0; i < w->n_queues; i++)
				gw_share_set(&w->queue[i].share, (uint8_t)source->slot,
					(uint32_t)c.value);
			break;
		case GW_CMD_DEL_SOURCE:
			del_source(w, source);
			break;
		case GW_CMD_DRAIN_TO:
			source->core.draining = true;
			break;
		case GW_CMD_OPEN:
			gw_source_open(&source->core, (uint16_t)c.value);
			break;
		case GW_CMD_ADD_SINK:
			w->sink[sink->slot] = sink;
			break;
		case GW_CMD_DEL_SINK:
			w->sink[sink->slot] = NULL;
			let_go(w, &sink->pending, GW_DP_FENCED, sink);
			break;
		case GW_CMD_ADD_BOUND:
			w->bound = c.object;
			break;
		case GW_CMD_DEL_BOUND:
			gw_worker_bound_end(w);
			break;
		case GW_CMD_BOOKS:
			take_books(w, c.object, c.value);
			break;
		case GW_CMD_KEYS:
			gw_worker_take_keys(w, c.object, c.value);
			break;
		case GW_CMD_STOP:
			w->stop = true;
			break;
		}
	}
}
