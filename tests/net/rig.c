/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/memory/bitmap.h"
#include "../../dataplane/port/eal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_SLOTS 1024u
#define HELD 16u
#define WAIT_NS (30 * GW_NS_PER_S)

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
	uint64_t until_ns = gw_now_ns() + WAIT_NS;

	while (gw_now_ns() < until_ns) {
		poll_events(rig->a);
		poll_events(rig->b);
		if (fn(ctx))
			return true;
		usleep(200);
	}
	return false;
}

struct count_wait {
	unsigned int type;
	uint64_t count;
};

static bool counted(void *ctx)
{
	const struct count_wait *w = ctx;

	return rig_events[w->type] >= w->count;
}

static bool wait_event(struct rig *rig, enum gw_dp_event_type type, uint64_t count)
{
	struct count_wait w = {type, count};

	return rig_wait(rig, counted, &w);
}

static int map_side(int *fd, uint8_t **mem, struct gw_ram **ram, uint64_t bytes, bool writable)
{
	struct gw_ram_region region = {.id = 3, .size = bytes};
	struct gw_err err;

	*fd = memfd_create("rig", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes) != 0)
		return -errno;
	*mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (*mem == MAP_FAILED)
		return -errno;
	region.fd = *fd;
	return gw_ram_map(&region, 1, writable, ram, &err);
}

static void fill_page(uint8_t *page, uint64_t value)
{
	for (unsigned int i = 0; i < 512; i++)
		((uint64_t *)(void *)page)[i] = value + i;
}

static int mark(void *ctx, uint64_t first, uint64_t count)
{
	gw_dp_source_mark_data(ctx, 0, first, count);
	return 0;
}

int rig_vm_create(struct rig *rig, struct rig_vm *vm, uint64_t pages, uint32_t ring_entries)
{
	struct gw_ring_reader reader;
	struct gw_dp_source_conf source = {.link = rig->out,
		.ring = &reader,
		.n_rings = 1,
		.state_limit_mib = 8,
		.weight = 1,
		.ctx = vm};
	struct gw_dp_sink_conf sink = {.link = rig->in, .state_limit_mib = 8, .ctx = vm};
	uint64_t rng = rig->seed * 2 + 1;
	struct gw_err err = {""};
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->pages = pages;
	ret = map_side(&vm->fd_a, &vm->mem_a, &vm->ram_a, pages * 4096, false);
	if (ret == 0)
		ret = map_side(&vm->fd_b, &vm->mem_b, &vm->ram_b, pages * 4096, true);
	if (ret != 0)
		return ret;
	vm->dirty = gw_bitmap_create((pages + 63) / 64);
	vm->ring_entries = ring_entries;
	vm->ring = aligned_alloc(64, sizeof(*vm->ring) + ring_entries * 8);
	memset(vm->ring, 0, sizeof(*vm->ring) + ring_entries * 8);
	/* A third data, a third zero pages, a third holes, in stretches. */
	for (uint64_t page = 0; page < pages;) {
		uint64_t n = 1 + rig_random(&rng) % 40, kind = rig_random(&rng) % 3;

		for (; n != 0 && page < pages; n--, page++) {
			if (kind == 0)
				fill_page(vm->mem_a + page * 4096, rig_random(&rng));
			else if (kind == 1)
				memset(vm->mem_a + page * 4096, 0, 4096);
		}
	}
	sink.ram = vm->ram_b;
	ret = gw_dp_sink_create(rig->b, &sink, &vm->sink, &err);
	if (ret != 0)
		goto out;
	source.ram = vm->ram_a;
	source.stream = gw_dp_sink_stream(vm->sink);
	reader = (struct gw_ring_reader){vm->ring, 0, ring_entries - 1};
	ret = gw_dp_source_create(rig->a, &source, &vm->source, &err);
	if (ret != 0)
		goto out;
	ret = gw_ram_extents(vm->ram_a, 0, 0, UINT64_MAX, mark, vm->source);
	gw_dp_source_mark_all(vm->source);
out:
	if (ret != 0)
		fprintf(stderr, "rig: vm: %d %s\n", ret, err.text);
	return ret;
}

void rig_vm_write(struct rig_vm *vm, uint64_t page, uint64_t value)
{
	if (value == 0)
		memset(vm->mem_a + page * 4096, 0, 4096);
	else
		fill_page(vm->mem_a + page * 4096, value);
	gw_bitmap_set(vm->dirty, page);
}

/* Waits for room, as a scanning exporter does. */
static bool push(struct rig *rig, struct rig_vm *vm, uint64_t entry)
{
	uint64_t until_ns = gw_now_ns() + WAIT_NS;

	(void)rig;
	while (vm->ring->head - __atomic_load_n(&vm->ring->tail, __ATOMIC_ACQUIRE) ==
		vm->ring_entries) {
		if (gw_now_ns() > until_ns)
			return false;
		usleep(50);
	}
	vm->ring->entry[vm->ring->head & (vm->ring_entries - 1)] = entry;
	__atomic_store_n(&vm->ring->head, vm->ring->head + 1, __ATOMIC_RELEASE);
	return true;
}

bool rig_vm_harvest(struct rig *rig, struct rig_vm *vm)
{
	uint64_t drained = rig_events[GW_DP_DRAINED];
	uint64_t head;

	for (uint64_t w = 0; w < (vm->pages + 63) / 64; w++) {
		uint64_t bits = __atomic_exchange_n(&vm->dirty[w], 0, __ATOMIC_ACQ_REL);

		for (; bits != 0; bits &= bits - 1)
			if (!push(rig, vm,
				    gw_export_entry(
					    w * 64 + (unsigned int)__builtin_ctzll(bits), 1, 3)))
				return false;
	}
	head = vm->ring->head;
	return gw_dp_source_drain_to(vm->source, &head, 1) == 0 &&
	       wait_event(rig, GW_DP_DRAINED, drained + 1);
}

static bool source_idle(void *ctx)
{
	return gw_dp_source_idle(((struct rig_vm *)ctx)->source);
}

bool rig_vm_epoch(struct rig *rig, struct rig_vm *vm)
{
	uint64_t opened = rig_events[GW_DP_OPENED];

	return gw_dp_source_open(vm->source, ++vm->label) == 0 &&
	       wait_event(rig, GW_DP_OPENED, opened + 1) && rig_wait(rig, source_idle, vm);
}

int64_t rig_vm_finish(struct rig *rig, struct rig_vm *vm)
{
	uint64_t fenced = rig_events[GW_DP_FENCED];
	int64_t differ = 0;

	gw_dp_sink_fence(vm->sink);
	if (!wait_event(rig, GW_DP_FENCED, fenced + 1))
		return -1;
	for (uint64_t page = 0; page < vm->pages; page++)
		differ += memcmp(vm->mem_a + page * 4096, vm->mem_b + page * 4096, 4096) != 0;
	return differ;
}

void rig_vm_free(struct rig *rig, struct rig_vm *vm)
{
	uint64_t closed = rig_events[GW_DP_SOURCE_CLOSED];

	gw_dp_source_close(vm->source);
	wait_event(rig, GW_DP_SOURCE_CLOSED, closed + 1);
	gw_dp_source_free(&vm->source);
	gw_dp_sink_free(&vm->sink);
	gw_ram_free(&vm->ram_a);
	gw_ram_free(&vm->ram_b);
	munmap(vm->mem_a, vm->pages * 4096);
	munmap(vm->mem_b, vm->pages * 4096);
	close(vm->fd_a);
	close(vm->fd_b);
	gw_bitmap_free(vm->dirty, (vm->pages + 63) / 64);
	free(vm->ring);
}
