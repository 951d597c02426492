/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/port/eal.h"

#include <errno.h>
#include <pthread.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_SLOTS 1024u
#define HELD 16u

uint64_t rig_events[8], rig_event_value[8];

/* One direction of one queue of one port. */
struct strand {
	struct rte_ring *from, *to;
	uint32_t port;
	struct rte_mbuf *held[HELD]; /* packets that are to be overtaken */
	uint32_t n_held;
};

static struct {
	struct strand strand[2 * RIG_MAX_PORTS * GW_DP_MAX_WORKERS];
	uint32_t n;
	pthread_t thread;
	atomic_bool stop;
} wire;

uint64_t rig_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static bool chance(uint64_t *rng, atomic_uint *per_mille)
{
	unsigned int p = atomic_load_explicit(per_mille, memory_order_relaxed);

	return p != 0 && rig_random(rng) % 1000 < p;
}

static void deliver(struct strand *s, struct rte_mbuf *m)
{
	if (rte_ring_enqueue(s->to, m) != 0)
		rte_pktmbuf_free(m); /* a full receive ring drops, as a NIC would */
}

static void pass(struct rig *rig, struct strand *s, struct rte_mbuf *m, uint64_t *rng)
{
	struct rte_mbuf *copy;
	unsigned int longest;

	longest = atomic_load_explicit(&rig->faults.longest[s->port], memory_order_relaxed);
	if (atomic_load_explicit(&rig->faults.cut[s->port], memory_order_relaxed) ||
		(longest != 0 && m->pkt_len > longest) || chance(rng, &rig->faults.drop)) {
		rte_pktmbuf_free(m);
		return;
	}
	if (chance(rng, &rig->faults.truncate))
		rte_pktmbuf_trim(m, (uint16_t)(rig_random(rng) % m->data_len));
	if (chance(rng, &rig->faults.flip) && m->data_len != 0)
		rte_pktmbuf_mtod(m, uint8_t *)[rig_random(rng) % m->data_len] ^=
			(uint8_t)(1u << rig_random(rng) % 8);
	if (chance(rng, &rig->faults.duplicate)) {
		copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);
		if (copy != NULL)
			deliver(s, copy);
	}
	if (chance(rng, &rig->faults.reorder) && s->n_held < HELD) {
		s->held[s->n_held++] = m;
		return;
	}
	deliver(s, m);
	if (s->n_held != 0 && rig_random(rng) % 8 == 0)
		deliver(s, s->held[--s->n_held]);
}

static void *wire_main(void *arg)
{
	struct rig *rig = arg;
	uint64_t rng = rig->seed | 1;

	while (!atomic_load(&wire.stop)) {
		unsigned int moved = 0;

		for (uint32_t i = 0; i < wire.n; i++) {
			struct strand *s = &wire.strand[i];
			struct rte_mbuf *m[32];
			unsigned int n = rte_ring_dequeue_burst(s->from, (void **)m, 32, NULL);

			for (unsigned int k = 0; k < n; k++)
				pass(rig, s, m[k], &rng);
			if (n == 0 && s->n_held != 0)
				deliver(s, s->held[--s->n_held]);
			moved += n;
		}
		if (moved == 0)
			usleep(20);
	}
	return NULL;
}

static struct rte_ring *ring(const char *name)
{
	return rte_ring_create(name, RING_SLOTS, SOCKET_ID_ANY, 0);
}

/* Ports "<side><i>" of both sides, and the strands between them. */
static int join(struct rig *rig, const struct rig_conf *conf)
{
	(void)rig;
	for (uint32_t p = 0; p < conf->ports; p++) {
		struct rte_ring *tx[2][GW_DP_MAX_WORKERS], *rx[2][GW_DP_MAX_WORKERS];
		char name[32];

		for (uint32_t side = 0; side < 2; side++) {
			for (uint32_t q = 0; q < conf->workers; q++) {
				snprintf(name, sizeof(name), "tx_%u_%u_%u", side, p, q);
				tx[side][q] = ring(name);
				snprintf(name, sizeof(name), "rx_%u_%u_%u", side, p, q);
				rx[side][q] = ring(name);
				if (tx[side][q] == NULL || rx[side][q] == NULL)
					return -ENOMEM;
			}
			snprintf(name, sizeof(name), "%c%u", side == 0 ? 'a' : 'b', p);
			if (rte_eth_from_rings(
				    name, rx[side], conf->workers, tx[side], conf->workers, 0) < 0)
				return -ENODEV;
		}
		for (uint32_t side = 0; side < 2; side++)
			for (uint32_t q = 0; q < conf->workers; q++)
				wire.strand[wire.n++] = (struct strand){
					.from = tx[side][q], .to = rx[1 - side][q], .port = p};
	}
	return 0;
}

static int make_dp(const struct rig_conf *conf, char side, struct gw_dp **out)
{
	static char text[2 * RIG_MAX_PORTS][2][32];
	struct gw_dp_conf c = {
		.n_workers = conf->workers,
		.integrity = conf->integrity,
		.memory_mib = 256,
		.idle_sleep_us = 1000,
		.n_ports = conf->ports,
	};
	struct gw_err err;
	int ret;

	for (uint32_t p = 0; p < conf->ports; p++) {
		char(*t)[32] = text[(side == 'b') * RIG_MAX_PORTS + p];

		snprintf(t[0], 32, "%c%u", side, p);
		snprintf(t[1], 32, "net_ring_%c%u", side, p);
		c.port[p] = (struct gw_dp_port_conf){
			.name = t[0],
			.device = t[1],
			.ipv4 = 0x0a000000u + p * 256 + (side == 'a' ? 1 : 2),
			.prefix = 24,
			.mtu = conf->mtu,
			.rate_bps = conf->rate_bps,
			.standby = (conf->standby >> p & 1) != 0,
		};
	}
	ret = gw_dp_create(&c, out, &err);
	if (ret != 0)
		fprintf(stderr, "rig: side %c: %s\n", side, err.text);
	return ret;
}

static bool link_ready(void *ctx)
{
	struct gw_dp_link_status status;

	gw_dp_link_status(((struct rig *)ctx)->out, &status);
	return status.ready;
}

static int connect_link(struct rig *rig)
{
	const struct gw_dp_path *path;
	struct gw_dp_host host;
	struct gw_err err = {""};
	uint32_t n;
	int ret;

	gw_dp_host(rig->b, &host);
	ret = gw_dp_link_plan(rig->a, &host, &rig->out, &err);
	if (ret == 0) {
		path = gw_dp_link_paths(rig->out, &n);
		ret = gw_dp_link_accept(rig->b, path, n, &rig->in, &err);
	}
	if (ret == 0) {
		path = gw_dp_link_paths(rig->in, &n);
		ret = gw_dp_link_start(rig->out, path, n, &err);
	}
	if (ret != 0)
		fprintf(stderr, "rig: link: %s\n", err.text);
	return ret;
}

int rig_start(struct rig *rig, const struct rig_conf *conf)
{
	struct gw_dp_conf eal = {.n_workers = 2 * conf->workers, .memory_mib = 768};
	const char *seed = getenv("GODWIT_SEED");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct gw_err err;
	int ret;

	memset(rig, 0, sizeof(*rig));
	rig->seed = seed != NULL ? strtoull(seed, NULL, 0) : gw_now_ns();
	printf("seed: GODWIT_SEED=%llu\n", (unsigned long long)rig->seed);
	fflush(stdout);
	for (uint32_t i = 0; i < eal.n_workers; i++)
		eal.worker_cpu[i] = i % (uint32_t)cpus;
	ret = gw_eal_start(&eal, &err);
	if (ret != 0) {
		fprintf(stderr, "rig: %s\n", err.text);
		return ret;
	}
	ret = join(rig, conf);
	if (ret == 0)
		ret = make_dp(conf, 'a', &rig->a);
	if (ret == 0)
		ret = make_dp(conf, 'b', &rig->b);
	if (ret != 0)
		return ret;
	gw_dp_active(rig->a, true);
	gw_dp_active(rig->b, true);
	if (pthread_create(&wire.thread, NULL, wire_main, rig) != 0)
		return -EAGAIN;
	ret = connect_link(rig);
	if (ret == 0 && !rig_wait(rig, link_ready, rig)) {
		fprintf(stderr, "rig: the link did not come up\n");
		ret = -ETIMEDOUT;
	}
	return ret;
}

static void print_drop(void *ctx, const char *name, uint64_t count)
{
	printf("  %s: %s %llu\n", (const char *)ctx, name, (unsigned long long)count);
}

void rig_stop(struct rig *rig)
{
	gw_dp_drops(rig->a, print_drop, (void *)(uintptr_t) "a");
	gw_dp_drops(rig->b, print_drop, (void *)(uintptr_t) "b");
	gw_dp_link_free(&rig->out);
	gw_dp_link_free(&rig->in);
	gw_dp_free(&rig->a);
	gw_dp_free(&rig->b);
	atomic_store(&wire.stop, true);
	pthread_join(wire.thread, NULL);
}

static void poll_events(struct gw_dp *dp)
{
	struct gw_dp_event ev;

	while (gw_dp_poll_event(dp, &ev) != 0) {
		rig_event_value[ev.type] = ev.value;
		rig_events[ev.type]++;
	}
}

bool rig_wait(struct rig *rig, bool (*fn)(void *ctx), void *ctx)
{
	uint64_t until_ns = gw_now_ns() + RIG_WAIT_NS;

	while (gw_now_ns() < until_ns) {
		poll_events(rig->a);
		poll_events(rig->b);
		if (fn(ctx))
			return true;
		usleep(200);
	}
	return false;
}
