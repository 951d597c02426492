/* SPDX-License-Identifier: BSD-3-Clause */
/* Links: which paths lead to a peer, agreed over the control connection. Control thread only. */
#include "internal.h"

#include "wire/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Bytes that a sender may have in flight on one path before the first ACK, and beyond what was
 * received. This receiver keeps nothing: what it takes from the port it applies or drops at once,
 * so there is no buffer for the credit to protect. It bounds what one path may have outstanding,
 * far above two bandwidth-delay products of any of ours (100 Gb/s and 150 ms: 3.75 GB). */
#define INITIAL_CREDIT (8u << 20)
#define CREDIT_ROOM (4ull << 30)

void gw_dp_host(const struct gw_dp *dp, struct gw_dp_host *host)
{
	memset(host, 0, sizeof(*host));
	host->n_ports = dp->n_ports;
	for (uint32_t i = 0; i < dp->n_ports; i++) {
		host->port[i].ip = dp->port[i].ip;
		host->port[i].prefix = dp->port[i].prefix;
		host->port[i].mtu = dp->port[i].mtu;
	}
	host->n_cores = dp->n_cores;
	host->integrity = dp->conf.integrity;
}

static int free_slot(void *const *table)
{
	for (int i = 0; i < (int)GW_DP_MAX_PATHS; i++)
		if (table[i] == NULL)
			return i;
	return -1;
}

/* The worker that owns (port, queue). */
static uint32_t owner_of(const struct gw_dp *dp, uint32_t queue)
{
	return queue % dp->n_workers;
}

static struct gw_queue *find_queue(struct gw_dp *dp, uint32_t worker, uint32_t port, uint32_t queue)
{
	struct gw_worker *w = dp->worker[worker];

	for (uint32_t i = 0; i < w->n_queues; i++)
		if (w->queue[i].port_index == port && w->queue[i].queue == queue)
			return &w->queue[i];
	return NULL;
}

static int add_out(struct gw_dp_link *link, uint32_t port, uint32_t queue,
	const struct gw_dp_host *peer, uint32_t peer_port, uint16_t core, struct gw_err *err)
{
	struct gw_dp *dp = link->dp;
	struct gw_port *local = &dp->port[port];
	const struct gw_ip *ip = &peer->port[peer_port].ip;
	int slot = free_slot((void *const *)dp->out);
	struct gw_path_out *p;

	if (slot < 0 || link->n == GW_DP_MAX_PATHS)
		return gw_err(err, -ENOSPC, "all %u paths are in use", GW_DP_MAX_PATHS);
	p = aligned_alloc(64, sizeof(*p));
	if (p == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	memset(p, 0, sizeof(*p));
	if (gw_tx_path_init(&p->tx, local->rate_bps, INITIAL_CREDIT) != 0) {
		free(p);
		return gw_err(err, -ENOMEM, "no memory for a path's books");
	}
	p->hop = gw_neighbor_add(
		&local->neighbors, gw_port_on_link(local, ip) ? ip : &local->gateway);
	if (p->hop == NULL) {
		gw_tx_path_release(&p->tx);
		free(p);
		return gw_err(err, -ENOSPC, "port '%s': more than %u neighbours", local->name,
			GW_NEIGHBORS);
	}
	p->link = link;
	p->worker = (uint16_t)owner_of(dp, queue);
	p->queue = find_queue(dp, p->worker, port, queue);
	p->peer_ip = *ip;
	p->core = core;
	p->slot = (uint16_t)slot;
	p->mtu = local->mtu < peer->port[peer_port].mtu ? local->mtu : peer->port[peer_port].mtu;
	gw_mtu_init(&p->mtu_test, p->mtu);
	gw_path_use_mtu(p, p->mtu, dp->flags);
	/* Different paths begin their search at different ports. */
	p->udp_port =
		(uint16_t)(GW_WIRE_PATH_PORT_BASE + (uint32_t)slot * 37u % GW_WIRE_PATH_PORT_COUNT);
	dp->out[slot] = p;
	link->slot[link->n] = (uint16_t)slot;
	link->path[link->n++] = (struct gw_dp_path){
		.source_ip = local->ip,
		.peer_ip = *ip,
		.core = core,
		.initiator_slot = (uint16_t)slot,
		.mtu = p->mtu,
	};
	return 0;
}

int gw_dp_link_plan(struct gw_dp *dp, const struct gw_dp_host *peer, const uint8_t *secret,
	struct gw_dp_link **out, struct gw_err *err)
{
	struct gw_dp_link *link;
	int ret = 0;

	if (peer->integrity != dp->conf.integrity)
		return gw_err(err, -ENOTUNIQ,
			"packets are protected differently: %s here, %s at the peer "
			"(dataplane.cipher; with security off dataplane.integrity)",
			gw_integrity_name(dp->conf.integrity), gw_integrity_name(peer->integrity));
	if (peer->n_ports > GW_DP_MAX_PORTS || peer->n_cores == 0 ||
		peer->n_cores > GW_DP_MAX_WORKERS)
		return gw_err(err, -EPROTO,
			"the peer has %u ports and %u cores: at most %u and 1..%u are allowed",
			peer->n_ports, peer->n_cores, GW_DP_MAX_PORTS, GW_DP_MAX_WORKERS);
	for (uint32_t i = 0; i < peer->n_ports; i++)
		if (peer->port[i].mtu < 1500 || peer->port[i].mtu > 9600)
			return gw_err(err, -EPROTO,
				"the peer's port %u has MTU %u: 1500..9600 is allowed", i,
				peer->port[i].mtu);
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	link->dp = dp;
	link->initiator = true;
	link->n_cores = peer->n_cores;
	ret = gw_link_secret(link, secret, err);
	for (uint32_t port = 0; port < dp->n_ports && ret == 0; port++) {
		int peer_port = gw_link_match(dp, port, peer);

		for (uint32_t q = 0; peer_port >= 0 && q < dp->port[port].queues; q++)
			for (uint16_t core = 0; core < peer->n_cores && ret == 0; core++)
				ret = add_out(link, port, q, peer, (uint32_t)peer_port, core, err);
	}
	if (ret == 0 && link->n == 0)
		ret = gw_err(err, -ENETUNREACH,
			"no port here shares a subnet with a port of the peer, nor has a "
			"gateway to one of its family");
	if (ret != 0) {
		gw_link_release(link);
		return ret;
	}
	*out = link;
	return 0;
}

/* All is filled in: workers hear of the paths, and of others' probes and replies. */
static void begin(struct gw_dp_link *link, struct gw_slot *slots)
{
	for (uint32_t i = 0; i < link->n; i++) {
		struct gw_slot *slot = &slots[link->slot[i]];

		slot->key_id = link->path[i].key_id;
		__atomic_store_n(&slot->used, 1, __ATOMIC_RELEASE);
	}
	link->started = true;
	gw_dp_broadcast(link->dp, GW_CMD_ADD_LINK, link, 0);
}

static int add_in(struct gw_dp_link *link, const struct gw_dp_path *proposed, struct gw_err *err)
{
	struct gw_dp *dp = link->dp;
	int slot = free_slot((void *const *)dp->in);
	struct gw_path_in *p;
	uint32_t port = 0;

	while (port < dp->n_ports && !gw_ip_equal(&dp->port[port].ip, &proposed->peer_ip))
		port++;
	if (port == dp->n_ports ||
		gw_ip_is_v4(&proposed->source_ip) != gw_ip_is_v4(&proposed->peer_ip) ||
		proposed->core >= dp->n_cores || proposed->initiator_slot >= GW_DP_MAX_PATHS)
		return gw_err(err, -EPROTO,
			"path %u: address, core %u or slot %u does not exist here", link->n,
			proposed->core, proposed->initiator_slot);
	if (slot < 0)
		return gw_err(err, -ENOSPC, "all %u paths are in use", GW_DP_MAX_PATHS);
	p = aligned_alloc(64, (sizeof(*p) + 63) / 64 * 64);
	if (p == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	memset(p, 0, sizeof(*p));
	gw_rx_path_init(&p->rx, CREDIT_ROOM);
	if (getrandom(&p->key_id, sizeof(p->key_id), 0) != sizeof(p->key_id)) {
		free(p);
		return gw_err(err, -EIO, "no random numbers");
	}
	p->link = link;
	p->core = proposed->core;
	p->worker = proposed->core;
	p->queue = find_queue(dp, p->worker, port, p->worker);
	p->slot = (uint16_t)slot;
	p->peer_slot = proposed->initiator_slot;
	p->peer_ip = proposed->source_ip;
	dp->in[slot] = p;
	link->slot[link->n] = (uint16_t)slot;
	link->path[link->n] = *proposed;
	link->path[link->n].acceptor_slot = (uint16_t)slot;
	link->path[link->n].key_id = p->key_id;
	return gw_link_keys(link, link->n++, &p->keys, err);
}

int gw_dp_link_accept(struct gw_dp *dp, const struct gw_dp_path *proposed, uint32_t n,
	const uint8_t *secret, struct gw_dp_link **out, struct gw_err *err)
{
	struct gw_dp_link *link;
	int ret = 0;

	if (n == 0 || n > GW_DP_MAX_PATHS)
		return gw_err(
			err, -EPROTO, "%u paths proposed: 1..%u are allowed", n, GW_DP_MAX_PATHS);
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	link->dp = dp;
	link->n_cores = dp->n_cores;
	ret = gw_link_secret(link, secret, err);
	for (uint32_t i = 0; i < n && ret == 0; i++)
		ret = add_in(link, &proposed[i], err);
	if (ret != 0) {
		gw_link_release(link);
		return ret;
	}
	begin(link, dp->in_slot);
	*out = link;
	return 0;
}

const struct gw_dp_path *gw_dp_link_paths(const struct gw_dp_link *link, uint32_t *n)
{
	*n = link->n;
	return link->path;
}

int gw_dp_link_start(
	struct gw_dp_link *link, const struct gw_dp_path *answer, uint32_t n, struct gw_err *err)
{
	if (n != link->n)
		return gw_err(
			err, -EPROTO, "the peer answered %u paths, %u were proposed", n, link->n);
	for (uint32_t i = 0; i < n; i++)
		if (answer[i].initiator_slot != link->slot[i] ||
			answer[i].acceptor_slot >= GW_DP_MAX_PATHS)
			return gw_err(err, -EPROTO, "path %u: the peer's answer has slots %u/%u", i,
				answer[i].initiator_slot, answer[i].acceptor_slot);
	for (uint32_t i = 0; i < n; i++) {
		struct gw_path_out *p = link->dp->out[link->slot[i]];
		int ret;

		p->peer_slot = answer[i].acceptor_slot;
		p->key_id = answer[i].key_id;
		/* Of what was planned nothing else is the peer's to say. */
		link->path[i].acceptor_slot = p->peer_slot;
		link->path[i].key_id = p->key_id;
		ret = gw_link_keys(link, i, &p->keys, err);
		if (ret != 0)
			return ret;
		if (p->keys != NULL)
			p->tx.psn_end = UINT64_C(2) << GW_WIRE_GENERATION_SHIFT;
	}
	begin(link, link->dp->out_slot);
	return 0;
}

void gw_dp_link_free(struct gw_dp_link **link)
{
	struct gw_dp_link *l = *link;

	if (l == NULL)
		return;
	*link = NULL;
	if (!l->started) {
		gw_link_release(l);
		return;
	}
	/* Cleared before the workers let go: after that nobody looks at a freed path. */
	for (uint32_t i = 0; i < l->n; i++)
		__atomic_store_n(l->initiator ? &l->dp->out_slot[l->slot[i]].used
					      : &l->dp->in_slot[l->slot[i]].used,
			0, __ATOMIC_RELEASE);
	l->pending = l->dp->n_workers;
	gw_dp_broadcast(l->dp, GW_CMD_DEL_LINK, l, 0);
}

void gw_link_release(struct gw_dp_link *link)
{
	for (uint32_t i = 0; i < link->n; i++) {
		uint16_t slot = link->slot[i];

		if (link->initiator) {
			gw_neighbor_put(link->dp->out[slot]->hop);
			gw_books_back(link->dp, link->dp->out[slot]->tx.books);
			gw_path_keys_free(&link->dp->out[slot]->keys);
			free(link->dp->out[slot]);
			link->dp->out[slot] = NULL;
		} else {
			__atomic_store_n(&link->dp->in_slot[slot].used, 0, __ATOMIC_RELEASE);
			gw_path_keys_free(&link->dp->in[slot]->keys);
			free(link->dp->in[slot]);
			link->dp->in[slot] = NULL;
		}
	}
	gw_link_secret_free(link);
	free(link);
}
