/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's paths over time: ACKs that are due, resolving, probing, loss timers, death and return.
 */
#include "worker.h"

#include "crypto/sealed.h"
#include "internal.h"
#include "wire/payload.h"

#include <string.h>

#define ASK_RETRY_NS (20 * 1000000ull)
#define ASK_REFRESH_NS (30 * 1000000000ull)
#define PROBE_RETRY_NS (10 * 1000000ull)
#define PROBE_DOWN_NS (100 * 1000000ull)
/* A candidate's time: more than any RTT. */
#define CANDIDATE_NS (500 * 1000000ull)
#define PROBE_SLOW_NS (1000 * 1000000ull)
/* Candidates tried at once before a wanted core counts as hard to reach: with 16 cores at both ends
 * one in 256 ports steers both directions right. */
#define WRONG_CORE_FAST 1024u
/* So many losses make the path's MTU suspect. */
#define MTU_SUSPECT_LOSSES 32u

gw_packet *gw_worker_small_packet(struct gw_worker *w)
{
	gw_packet *m = w->n_stash != 0 ? w->stash[--w->n_stash] : gw_packet_alloc(w->tx_pool);

	if (m == NULL)
		gw_drop(w, GW_DROP_tx_no_mbuf);
	return m;
}

size_t gw_worker_seal(struct gw_worker *w, gw_packet *m, uint32_t header, size_t len,
	const struct gw_wire_head *h, const struct gw_aead_key *key)
{
	uint8_t *out = gw_packet_data(m) + header;
	uint32_t clear;

	if (key == NULL)
		return gw_wire_seal(out, len, h);
	clear = gw_wire_clear_bytes((enum gw_wire_type)(w->composed[0] & 0xf));
	return gw_sealed_put(key, w->composed, w->composed + clear, len - clear, out, NULL);
}

/* Sends the small godwit packet of len bytes that was composed. */
static void send_small(struct gw_worker *w, struct gw_queue *q, gw_packet *m,
	const struct gw_frame_template *frame, const struct gw_wire_head *h,
	const struct gw_aead_key *key, size_t len, uint64_t now_ns)
{
	uint8_t *bytes = gw_packet_data(m);

	len = gw_worker_seal(w, m, frame->header, len, h, key);
	gw_frame_put(bytes, frame, (uint32_t)len);
	gw_packet_set_bytes(m, (uint32_t)(frame->header + len));
	gw_worker_send_now(w, q, m, now_ns);
}

void gw_worker_acks(struct gw_worker *w, uint64_t now_ns)
{
	for (uint32_t i = 0; i < w->n_in; i++) {
		struct gw_path_in *p = w->in[w->in_slots[i]];
		struct gw_wire_head h = {
			.path = p->peer_slot, .key_id = p->key_id, .flags = w->dp->flags};
		const struct gw_generation *keys = NULL;
		struct gw_wire_ack_body body;
		gw_packet *m;
		size_t len;

		if (!p->known || !gw_rx_path_ack_due(&p->rx, now_ns))
			continue;
		if (p->keys != NULL) {
			keys = gw_path_keys_at(p->keys, gw_rx_path_ack_psn(&p->rx));
			if (keys == NULL) /* asked for */
				continue;
		}
		m = gw_worker_small_packet(w);
		if (m == NULL)
			return;
		h.psn = gw_rx_path_ack(&p->rx, now_ns, &body);
		len = gw_wire_put_ack(
			gw_worker_compose(w, m, p->frame.header, keys != NULL), &h, &body);
		send_small(w, p->queue, m, &p->frame, &h, keys != NULL ? &keys->ack : NULL, len,
			now_ns);
	}
}

/* Callback of the path's books: pages go back to their source, the queue counts. */
void gw_path_settle(void *ctx, const struct gw_tx_path *tx, const struct gw_tx_record *r, bool lost)
{
	struct gw_worker *w = ctx;
	/* tx is the first member of its path. */
	struct gw_path_out *p = (struct gw_path_out *)(uintptr_t)tx;
	struct gw_dp_source *s = r->source < GW_DP_MAX_STREAMS ? w->source[r->source].source : NULL;

	if (lost)
		gw_count(&p->queue->lost_packets, 1);
	if (r->kind == GW_TX_COPY) {
		struct gw_path_out *of = w->out[r->count];

		if (!lost && of != NULL)
			gw_tx_path_covered(&of->tx, r->page, gw_path_settle, w);
		return;
	}
	/* A source that was closed took its books along. */
	if (s == NULL)
		return;
	if (lost)
		gw_count(&p->queue->resent_pages, r->kind == GW_TX_PAGES ? r->count : 1);
	gw_source_settle(&s->core, w->index, tx, r, lost);
}

static void update_template(struct gw_path_out *p)
{
	uint8_t mac[6];

	gw_neighbor_mac(p->hop, mac);
	gw_frame_template(&p->frame, p->queue->port->mac, mac, &p->queue->port->ip, &p->peer_ip,
		p->udp_port, GW_WIRE_UDP_PORT);
	gw_frame_template_ect(&p->frame);
}

/* A probe, padded to an IP packet of `mtu` bytes unless that is 0. Its number, or UINT64_MAX. */
static uint64_t send_probe(
	struct gw_worker *w, struct gw_path_out *p, uint32_t mtu, uint64_t now_ns)
{
	size_t len = sizeof(struct gw_wire_probe), trailer = gw_wire_trailer_bytes(w->dp->flags);
	uint32_t header = gw_frame_header(&p->peer_ip);
	size_t padded = mtu != 0 ? mtu + GW_FRAME_ETHERNET - header - trailer : len;
	struct gw_tx_record r = {.kind = GW_TX_PROBE,
		.sent_ns = now_ns,
		.wire_bytes = (uint16_t)(header + padded + trailer)};
	struct gw_wire_head h = {.path = p->peer_slot,
		.key_id = p->key_id,
		.psn = p->tx.next_psn,
		.flags = w->dp->flags};
	gw_packet *m;
	uint8_t *bytes;

	/* The books may be full of what is outstanding; then an ACK is under way or the path dies.
	 */
	if (!gw_tx_path_room(&p->tx, 2) || p->tx.next_psn >= GW_WIRE_PSN_MAX)
		return UINT64_MAX;
	m = gw_worker_small_packet(w);
	if (m == NULL)
		return UINT64_MAX;
	if (p->state == GW_PATH_UP)
		gw_tx_path_sent(&p->tx, &r);
	else
		gw_tx_path_skip(&p->tx);
	update_template(p);
	bytes = gw_worker_compose(w, m, header, p->keys != NULL);
	gw_wire_put_probe(bytes, &h, GW_WIRE_PROBE, 0, (uint32_t)(now_ns >> GW_WIRE_TS_SHIFT));
	if (p->keys != NULL)
		memset(bytes + len, 0, padded - len);
	else if (padded != len)
		gw_packet_pad(m, header + (uint32_t)len, (uint32_t)(padded - len));
	send_small(w, p->queue, m, &p->frame, &h, p->keys != NULL ? &p->keys->probe : NULL, padded,
		now_ns);
	return h.psn;
}

void gw_path_use_mtu(struct gw_path_out *p, uint32_t mtu, uint8_t flags)
{
	bool ipv6 = !gw_ip_is_v4(&p->peer_ip);
	bool quarters = gw_wire_needs_quarters(mtu, ipv6, flags);

	p->max_pages = (uint8_t)gw_wire_pages_per_packet(mtu, ipv6, flags);
	p->first_fragment = quarters ? GW_WIRE_QUARTER_FIRST : 0;
	p->n_fragments = quarters ? GW_WIRE_QUARTERS : GW_WIRE_FRAGMENTS;
	__atomic_store_n(&p->pub_mtu, mtu, __ATOMIC_RELAXED);
}

/* Takes over what a test found. */
static void follow_mtu(struct gw_worker *w, struct gw_path_out *p)
{
	if (gw_mtu_good(&p->mtu_test) == p->pub_mtu)
		return;
	gw_path_use_mtu(p, gw_mtu_good(&p->mtu_test), w->dp->flags);
	/* For the log; where the queue is full the path's state still tells. */
	gw_worker_tell(w, GW_EVENT_PATH_MTU, p, p->slot);
}

/* Pairs of probes, one of the size under test and a small one behind it. */
static void test_mtu(struct gw_worker *w, struct gw_path_out *p, uint64_t now_ns)
{
	uint64_t large, small;
	uint32_t mtu;

	if (p->tx.lost_packets - p->mtu_lost >= MTU_SUSPECT_LOSSES) {
		p->mtu_lost = p->tx.lost_packets;
		gw_mtu_suspect(&p->mtu_test, now_ns);
	}
	mtu = gw_mtu_due(&p->mtu_test, now_ns);
	follow_mtu(w, p);
	if (mtu == 0)
		return;
	large = send_probe(w, p, mtu, now_ns);
	small = large != UINT64_MAX ? send_probe(w, p, 0, now_ns) : UINT64_MAX;
	if (small != UINT64_MAX)
		gw_mtu_sent(&p->mtu_test, large, small, now_ns);
}

static void set_state(struct gw_path_out *p, enum gw_path_state state, uint64_t now_ns)
{
	bool was_up = p->state == GW_PATH_UP, is_up = state == GW_PATH_UP;

	__atomic_store_n(&p->state, (uint32_t)state, __ATOMIC_RELEASE);
	if (was_up == is_up)
		return;
	__atomic_store_n(&p->pub_changed_ns, now_ns, __ATOMIC_RELAXED);
	if (!p->queue->port->standby)
		__atomic_fetch_add(&p->link->carriers[p->core], is_up ? 1u : -1u, __ATOMIC_RELAXED);
}

/* From here on only probes that are sent now say something of the path's UDP port. */
static void begin_candidate(struct gw_path_out *p, uint64_t now_ns)
{
	p->port_since_ns = now_ns;
	p->port_psn = p->tx.next_psn;
}

/* The next UDP port to try. */
static void next_port(struct gw_path_out *p, uint64_t now_ns)
{
	p->udp_port =
		(uint16_t)(GW_WIRE_PATH_PORT_BASE +
			   (p->udp_port + 1u - GW_WIRE_PATH_PORT_BASE) % GW_WIRE_PATH_PORT_COUNT);
	begin_candidate(p, now_ns);
	p->next_probe_ns = ++p->wrong_core % WRONG_CORE_FAST != 0 ? now_ns : now_ns + PROBE_SLOW_NS;
}

void gw_path_reply(struct gw_worker *w, struct gw_path_out *p, const struct gw_wire_packet *reply,
	uint64_t now_ns)
{
	/* Of an earlier candidate, repeated by somebody, or never asked for. */
	if (reply->psn < p->port_psn || reply->psn >= p->tx.next_psn) {
		gw_drop(w, GW_DROP_rx_late_reply);
		return;
	}
	__atomic_store_n(&p->pub_last_ack_ns, now_ns, __ATOMIC_RELAXED);
	if (p->state == GW_PATH_UP) {
		gw_mtu_replied(&p->mtu_test, reply->psn, now_ns);
		follow_mtu(w, p);
	}
	if (p->state != GW_PATH_PROBE)
		return;
	if (reply->probe.core != p->core) {
		next_port(p, now_ns);
		return;
	}
	gw_tx_path_replied(&p->tx, reply->probe.timestamp, now_ns);
	p->tx.last_ack_ns = now_ns;
	gw_mtu_start(&p->mtu_test);
	set_state(p, GW_PATH_UP, now_ns);
}

/* Another path of this worker that pages for the core go over. */
static bool other_path_carries(const struct gw_worker *w, const struct gw_path_out * not )
{
	for (uint32_t i = 0; i < w->n_out; i++) {
		const struct gw_path_out *p = w->out[w->out_slots[i]];

		if (p != not &&p->link == not ->link && p->core == not ->core && gw_path_carries(p))
			return true;
	}
	return false;
}

/* What this worker has in hand for the path's core, and cannot send any more, is another worker's
 * work. */
static void return_hands(struct gw_worker *w, const struct gw_path_out *p)
{
	if (other_path_carries(w, p))
		return;
	for (uint32_t i = 0; i < w->n_sources; i++) {
		struct gw_worker_source *ws = &w->source[w->source_slots[i]];

		if (ws->source->link == p->link)
			gw_take_return(&ws->source->core, &ws->take[p->core], w->index);
	}
}

/* What the path has not had acknowledged goes back to work on any surviving path; probes bring it
 * back. */
static void path_down(struct gw_worker *w, struct gw_path_out *p, uint64_t now_ns)
{
	gw_drop(w, GW_DROP_path_down);
	p->n_down++;
	set_state(p, GW_PATH_PROBE, now_ns);
	p->next_probe_ns = now_ns;
	begin_candidate(p, now_ns);
	gw_tx_path_fail(&p->tx, gw_path_settle, w);
	return_hands(w, p);
}

/* The port is down, as control saw: no need to wait for silence, no use in probing. */
static void port_down(struct gw_worker *w, struct gw_path_out *p, uint64_t now_ns)
{
	if (p->state == GW_PATH_UP)
		path_down(w, p, now_ns);
	gw_queue_drop_held(p->queue);
	p->next_probe_ns = now_ns;
	begin_candidate(p, now_ns);
}

static void path_timer(struct gw_worker *w, struct gw_path_out *p, uint64_t now_ns)
{
	uint8_t mac[6];
	bool known = gw_neighbor_mac(p->hop, mac);
	uint64_t asked_ns = __atomic_load_n(&p->hop->asked_ns, __ATOMIC_RELAXED);
	uint64_t heard_ns = __atomic_load_n(&p->hop->heard_ns, __ATOMIC_RELAXED);

	if (gw_queue_down(p->queue)) {
		port_down(w, p, now_ns);
		return;
	}
	if (now_ns - asked_ns > ASK_RETRY_NS && (!known || now_ns - heard_ns > ASK_REFRESH_NS))
		gw_worker_ask(w, p, now_ns);
	switch ((enum gw_path_state)p->state) {
	case GW_PATH_RESOLVE:
		if (!known)
			return;
		set_state(p, GW_PATH_PROBE, now_ns);
		begin_candidate(p, now_ns);
		/* fall through */
	case GW_PATH_PROBE:
		/* No answer at all may be a dead link of a bundle, or a reply that another core of
		 * ours got. */
		if (now_ns - p->port_since_ns > CANDIDATE_NS ||
			__atomic_load_n(&p->astray_psn, __ATOMIC_RELAXED) > p->port_psn)
			next_port(p, now_ns);
		if (now_ns < p->next_probe_ns)
			return;
		p->next_probe_ns = now_ns + (p->n_down != 0 ? PROBE_DOWN_NS : PROBE_RETRY_NS);
		send_probe(w, p, 0, now_ns);
		return;
	case GW_PATH_UP:
		/* On a standby port, and no longer needed. */
		if (!gw_path_carries(p))
			return_hands(w, p);
		break;
	case GW_PATH_SPENT:
		return;
	}
	if (gw_tx_path_spent(&p->tx)) {
		path_down(w, p, now_ns);
		set_state(p, GW_PATH_SPENT, now_ns);
		return;
	}
	test_mtu(w, p, now_ns);
	/* Tried again where the queue is full: it is control that is behind. */
	if (!p->books_asked && gw_tx_path_short(&p->tx))
		p->books_asked = gw_worker_tell(w, GW_EVENT_BOOKS_SHORT, p, p->slot);
	switch (gw_tx_path_timer(&p->tx, now_ns, gw_path_settle, w)) {
	case GW_TX_NOTHING:
		break;
	case GW_TX_SEND_PROBE:
		send_probe(w, p, 0, now_ns);
		gw_mtu_suspect(&p->mtu_test, now_ns);
		break;
	case GW_TX_DEAD:
		path_down(w, p, now_ns);
		break;
	}
}

void gw_worker_timers(struct gw_worker *w, uint64_t now_ns)
{
	for (uint32_t i = 0; i < w->n_queues; i++)
		gw_worker_report(w, &w->queue[i], now_ns);
	for (uint32_t i = 0; i < w->n_out; i++)
		path_timer(w, w->out[w->out_slots[i]], now_ns);
}
