/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes back on an outgoing path: ACKs and the answers to probes. */
#include "worker_arrival.h"

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

static void rx_ack(struct gw_worker *w, struct gw_path_out *path, const struct gw_wire_packet *p,
	uint64_t now_ns)
{
	if (!path->tx.any_acked || p->ack.largest > path->tx.largest_acked)
		add_rtt(path->queue, p, now_ns);
	if (gw_tx_path_acked(&path->tx, p, now_ns, gw_path_settle, w))
		__atomic_store_n(&path->pub_last_ack_ns, now_ns, __ATOMIC_RELAXED);
	if (path->tx.fault_news)
		count_faults(w, &path->tx);
	__atomic_store_n(&path->pub_srtt_ns, path->tx.srtt_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&path->pub_acked_bytes, path->tx.acked_bytes, __ATOMIC_RELAXED);
}

/* This UDP port steers replies to the wrong core of ours: its owner must try another. */
static void rx_astray(struct gw_worker *w, struct gw_arrival *a)
{
	const struct gw_slot *slot = &w->dp->out_slot[a->p.path];
	struct gw_path_out *owned;

	gw_drop(w, GW_DROP_rx_no_path);
	if (__atomic_load_n(&slot->used, __ATOMIC_ACQUIRE) == 0 || a->p.type != GW_WIRE_REPLY)
		return;
	owned = w->dp->out[a->p.path];
	if (gw_arrival_belongs(w, a, slot->key_id, &owned->peer_ip) &&
		gw_arrival_verify(w, a, owned->keys != NULL ? &owned->keys->reply : NULL))
		__atomic_store_n(&owned->astray_psn, a->p.psn + 1, __ATOMIC_RELAXED);
}

void gw_worker_rx_out(struct gw_worker *w, struct gw_arrival *a, uint64_t now_ns)
{
	struct gw_path_out *path = w->out[a->p.path];
	const struct gw_aead_key *key = NULL;

	if (path == NULL) {
		rx_astray(w, a);
		return;
	}
	if (!gw_arrival_belongs(w, a, path->key_id, &path->peer_ip))
		return;
	if (path->keys != NULL && a->p.type == GW_WIRE_REPLY) {
		key = &path->keys->reply;
	} else if (path->keys != NULL) {
		const struct gw_generation *g = gw_arrival_keys(w, path->keys, a->p.psn);

		if (g == NULL)
			return;
		key = &g->ack;
	}
	if (!gw_arrival_verify(w, a, key))
		return;
	if (a->p.type == GW_WIRE_REPLY)
		gw_path_reply(w, path, &a->p, now_ns);
	else
		rx_ack(w, path, &a->p, now_ns);
}
