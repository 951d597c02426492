/* SPDX-License-Identifier: BSD-3-Clause */
#include "plane.h"

#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ladder of worker_loop.c: pause, yield, sleep. The first two rungs are wider, for fewer
 * events, and the last one is given up for a sleep until something arrives. */
#define PAUSE_NS 1500u
#define YIELD_AFTER_NS 20000u
#define YIELD_NS 10000u
#define SLEEP_AFTER_NS 200000u
#define SLEEP_NS 30000u
#define DEEP_AFTER_NS 2000000u
#define DEEP_NS 100000u
#define QUIET_AFTER_NS 4000000u
#define QUIET_NS 250000u

struct runner {
	struct sim_plane *plane;
	struct gw_worker *w;
	struct sim_event next;
	uint64_t stall_at_ns;
};

struct sim_plane {
	struct sim_plane_conf conf;
	struct gw_dp *dp;
	struct runner runner[GW_DP_MAX_WORKERS];
	struct sim_port_counters before[GW_DP_MAX_PORTS]; /* of its ports: an earlier process's */
};

static struct sim_pool pool;
static struct {
	void (*fn)(void *ctx);
	void *ctx;
} after_round;

void sim_plane_after_round(void (*fn)(void *ctx), void *ctx)
{
	after_round.fn = fn;
	after_round.ctx = ctx;
}

static uint64_t idle_ns(struct runner *r, uint64_t now_ns)
{
	struct gw_worker *w = r->w;
	uint64_t since_ns, arrival_ns = UINT64_MAX;

	if (w->idle_since_ns == 0)
		w->idle_since_ns = now_ns;
	since_ns = now_ns - w->idle_since_ns;
	if (__atomic_load_n(&w->dp->active, __ATOMIC_ACQUIRE) == 0)
		return w->dp->conf.idle_sleep_us * 1000u;
	if (since_ns < YIELD_AFTER_NS)
		return PAUSE_NS;
	if (since_ns < SLEEP_AFTER_NS)
		return YIELD_NS;
	if (since_ns < DEEP_AFTER_NS)
		return SLEEP_NS;
	if (since_ns < QUIET_AFTER_NS)
		return DEEP_NS;
	for (uint32_t i = 0; i < w->n_queues; i++) {
		uint64_t at_ns = sim_net_next_arrival(w->queue[i].port->ethdev, w->queue[i].queue);

		arrival_ns = at_ns < arrival_ns ? at_ns : arrival_ns;
	}
	if (arrival_ns < now_ns + QUIET_NS)
		return (arrival_ns > now_ns ? arrival_ns - now_ns : 0) + DEEP_NS / 2;
	return QUIET_NS;
}

static uint64_t next_stall_ns(const struct sim_plane *p)
{
	return p->conf.stalls_per_s <= 0 ? UINT64_MAX
					 : sim_now() + (uint64_t)(1e9 / p->conf.stalls_per_s *
								  sim_log_between(0.1, 5));
}

static void round_of(void *ctx)
{
	struct runner *r = ctx;
	struct sim_plane *p = r->plane;
	uint64_t now_ns = sim_now(), wait_ns;
	uint32_t work = gw_worker_step(r->w, now_ns);

	if (work == 0) {
		wait_ns = p->conf.round_ns + idle_ns(r, now_ns);
	} else {
		r->w->idle_since_ns = 0;
		wait_ns = p->conf.round_ns + work * p->conf.work_ns;
	}
	if (now_ns >= r->stall_at_ns) {
		wait_ns += sim_random() % (p->conf.stall_ns + 1);
		r->stall_at_ns = next_stall_ns(p);
	}
	sim_after(&r->next, wait_ns, round_of, r);
	if (after_round.fn != NULL)
		after_round.fn(after_round.ctx);
}

static void *zeroed(size_t size)
{
	void *m = aligned_alloc(64, (size + 63) / 64 * 64);

	if (m == NULL)
		abort();
	return memset(m, 0, size);
}

static void make_ports(struct sim_plane *p)
{
	struct gw_dp *dp = p->dp;

	for (uint32_t i = 0; i < p->conf.n_ports; i++) {
		const struct sim_port_conf *c = p->conf.port[i].conf;
		struct gw_port *t = &dp->port[dp->n_ports++];

		t->ethdev = p->conf.port[i].number;
		snprintf(t->name, sizeof(t->name), "port%u", i);
		snprintf(t->driver, sizeof(t->driver), "net_sim");
		snprintf(t->device, sizeof(t->device), "net_sim%u", t->ethdev);
		memcpy(t->mac, c->mac, 6);
		t->ip = p->conf.port[i].ip;
		t->prefix = p->conf.port[i].prefix;
		t->mtu = p->conf.port[i].mtu;
		t->rate_bps = p->conf.port[i].rate_bps;
		t->queues = c->queues;
		t->rx_descriptors = c->rx_descriptors;
		t->tx_descriptors = c->tx_descriptors;
		t->zero_copy = p->conf.port[i].zero_copy && dp->flags == 0;
		t->started = true;
		gw_pacer_init(&t->pacer, t->rate_bps);
		p->before[i] = *sim_net_counters(t->ethdev);
		if (t->queues < dp->n_cores)
			dp->n_cores = t->queues;
	}
}

static struct gw_worker *make_worker(struct gw_dp *dp, uint32_t index)
{
	struct gw_worker *w = zeroed(sizeof(*w));

	w->dp = dp;
	w->index = index;
	w->lcore = index;
	gw_worker_use_memory(w, zeroed(GW_WORKER_MEMORY));
	w->rx_pool = w->tx_pool = w->ram_pool = &pool;
	for (uint32_t p = 0; p < dp->n_ports; p++) {
		for (uint32_t q = index; q < dp->port[p].queues; q += dp->n_workers) {
			struct gw_queue *queue = &w->queue[w->n_queues++];

			queue->port = &dp->port[p];
			queue->port_index = (uint16_t)p;
			queue->queue = (uint16_t)q;
		}
	}
	return w;
}

void sim_plane_create(const struct sim_plane_conf *conf, struct sim_plane **out)
{
	struct sim_plane *p = zeroed(sizeof(*p));
	struct gw_dp *dp = zeroed(sizeof(*dp));

	p->conf = *conf;
	p->dp = dp;
	dp->conf.n_workers = conf->n_workers;
	dp->conf.integrity = conf->integrity;
	dp->conf.idle_sleep_us = 10000;
	dp->conf.n_ports = conf->n_ports;
	dp->flags = gw_integrity_flags(conf->integrity);
	dp->n_workers = dp->n_cores = conf->n_workers;
	make_ports(p);
	for (uint32_t i = 0; i < conf->n_workers; i++) {
		struct runner *r = &p->runner[i];

		dp->worker[i] = make_worker(dp, i);
		*r = (struct runner){
			.plane = p, .w = dp->worker[i], .stall_at_ns = next_stall_ns(p)};
		sim_after(&r->next, sim_below(1000), round_of, r);
	}
	*out = p;
}

/* Links that all workers let go of are released; nobody hears of anything else any more. */
static void settle(struct gw_dp *dp)
{
	struct gw_spsc_item item;

	for (uint32_t i = 0; i < dp->n_workers; i++)
		gw_worker_commands(dp->worker[i]);
	for (uint32_t i = 0; i < dp->n_workers; i++)
		while (gw_spsc_pop(&dp->worker[i]->events, &item))
			if (item.type == GW_EVENT_LINK_GONE)
				gw_link_release(item.object);
			else if (item.type == GW_EVENT_KEYS_BACK)
				gw_generation_free(item.object);
}

void sim_plane_away(struct sim_plane *p, uint64_t ns)
{
	for (uint32_t i = 0; i < p->dp->n_workers; i++)
		sim_after(&p->runner[i].next, ns + i, round_of, &p->runner[i]);
}

void sim_plane_stop(struct sim_plane *p)
{
	for (uint32_t i = 0; i < p->dp->n_workers; i++)
		sim_stop(&p->runner[i].next);
	settle(p->dp);
}

/* What the workers counted is what the ports saw. */
static void check_counters(const struct sim_plane *p)
{
	for (uint32_t i = 0; i < p->conf.n_ports; i++) {
		const struct sim_port_counters *now = sim_net_counters(p->conf.port[i].number);
		uint64_t sent = 0, received = 0;

		for (uint32_t w = 0; w < p->dp->n_workers; w++) {
			for (uint32_t q = 0; q < p->dp->worker[w]->n_queues; q++) {
				const struct gw_queue *queue = &p->dp->worker[w]->queue[q];

				sent += queue->port_index == i ? queue->tx_packets : 0;
				received += queue->port_index == i ? queue->rx_packets : 0;
			}
		}
		if (sent != now->sent - p->before[i].sent ||
			received != now->received - p->before[i].received)
			sim_broken(
				"%s: the workers count %llu sent and %llu received, the port %llu "
				"and %llu",
				p->dp->port[i].device, (unsigned long long)sent,
				(unsigned long long)received,
				(unsigned long long)(now->sent - p->before[i].sent),
				(unsigned long long)(now->received - p->before[i].received));
	}
}

void sim_plane_free(struct sim_plane **plane)
{
	struct sim_plane *p = *plane;

	if (p == NULL)
		return;
	sim_plane_stop(p);
	for (uint32_t i = 0; i < GW_DP_MAX_STREAMS; i++) {
		struct gw_dp_source *source = p->dp->source[i];
		struct gw_dp_sink *sink = p->dp->sink[i];

		gw_dp_source_free(&source);
		gw_dp_sink_free(&sink);
	}
	check_counters(p);
	for (uint32_t i = 0; i < p->dp->n_workers; i++) {
		struct gw_worker *w = p->dp->worker[i];

		for (uint32_t q = 0; q < w->n_queues; q++)
			gw_packet_free_bulk(w->queue[q].held, w->queue[q].n_held);
		gw_packet_free_bulk(w->stash, w->n_stash);
		free(w->scratch);
		free(w);
	}
	for (uint32_t i = 0; i < p->dp->n_ports; i++)
		sim_net_flush(p->dp->port[i].ethdev);
	free(p->dp);
	free(p);
	*plane = NULL;
}

struct gw_dp *sim_plane_dp(const struct sim_plane *p)
{
	return p->dp;
}

/* Page faults of poll cores: nothing that a simulation could show. */
uint64_t gw_dp_worker_faults(const struct gw_dp *dp)
{
	(void)dp;
	return 0;
}
