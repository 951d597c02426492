/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig_wire.h"

#include <errno.h>
#include <pthread.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RING_SLOTS 1024u
#define HELD 16u

/* One direction of one queue of one port. */
struct strand {
	struct rte_ring *from, *to;
	bool to_b;
	uint32_t port, queue;
	struct rte_mbuf *held[HELD]; /* packets that are to be overtaken */
	uint32_t n_held;
};

static struct {
	struct strand strand[2 * RIG_MAX_PORTS * GW_DP_MAX_WORKERS];
	uint32_t n;
	pthread_t thread;
	atomic_bool stop;
	uint32_t workers;
	struct rte_mempool *pool; /* of frames that are made up */
	pthread_mutex_t tap_lock;
	void (*tap)(void *ctx, const struct rig_frame *f);
	void *tap_ctx;
} wire = {.tap_lock = PTHREAD_MUTEX_INITIALIZER};

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

static void tap(const struct strand *s, const struct rte_mbuf *m)
{
	const struct rig_frame f = {.to_b = s->to_b,
		.port = s->port,
		.queue = s->queue,
		.len = m->data_len,
		.bytes = rte_pktmbuf_mtod(m, const uint8_t *)};

	pthread_mutex_lock(&wire.tap_lock);
	if (wire.tap != NULL)
		wire.tap(wire.tap_ctx, &f);
	pthread_mutex_unlock(&wire.tap_lock);
}

void rig_tap(void (*fn)(void *ctx, const struct rig_frame *f), void *ctx)
{
	pthread_mutex_lock(&wire.tap_lock);
	wire.tap = fn;
	wire.tap_ctx = ctx;
	pthread_mutex_unlock(&wire.tap_lock);
}

bool rig_inject(const struct rig_frame *f)
{
	const struct strand *s =
		&wire.strand[(2 * f->port + (f->to_b ? 0 : 1)) * wire.workers + f->queue];
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire.pool);

	if (m == NULL)
		return false;
	memcpy(rte_pktmbuf_append(m, (uint16_t)f->len), f->bytes, f->len);
	if (rte_ring_enqueue(s->to, m) == 0)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

static void pass(struct rig *rig, struct strand *s, struct rte_mbuf *m, uint64_t *rng)
{
	struct rte_mbuf *copy;
	unsigned int longest;

	tap(s, m);
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

int rig_wire_join(const struct rig_conf *conf)
{
	wire.workers = conf->workers;
	wire.pool = rte_pktmbuf_pool_create(
		"rig_pool", 2047, 0, 0, 9600 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	if (wire.pool == NULL)
		return -ENOMEM;
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
				wire.strand[wire.n++] = (struct strand){.from = tx[side][q],
					.to = rx[1 - side][q],
					.to_b = side == 0,
					.port = p,
					.queue = q};
	}
	return 0;
}

int rig_wire_start(struct rig *rig)
{
	return pthread_create(&wire.thread, NULL, wire_main, rig) == 0 ? 0 : -EAGAIN;
}

void rig_wire_stop(void)
{
	atomic_store(&wire.stop, true);
	pthread_join(wire.thread, NULL);
}
