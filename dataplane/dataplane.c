/* SPDX-License-Identifier: BSD-3-Clause */
/* The door: starting and stopping. */
#include "internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/prefault.h"
#include "base/secret.h"
#include "port/eal.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define POOL_CACHE 256u
#define POOL_SLACK 1024u

static void prefault(
	struct rte_mempool *pool, void *arg, struct rte_mempool_memhdr *hdr, unsigned int i)
{
	(void)pool;
	(void)arg;
	(void)i;
	gw_prefault(hdr->addr, hdr->len);
}

/* Every worker's packet buffers: what its queues' rings hold, and slack for bursts and caches. */
static int create_pools(struct gw_dp *dp, struct gw_worker *w, struct gw_err *err)
{
	uint32_t rx = POOL_SLACK, tx = POOL_SLACK, room = 0;
	char name[RTE_MEMPOOL_NAMESIZE];
	int socket = (int)rte_lcore_to_socket_id(w->lcore);

	for (uint32_t i = 0; i < w->n_queues; i++) {
		rx += gw_port_rx_buffers(w->queue[i].port);
		tx += gw_port_tx_buffers(w->queue[i].port);
		room = RTE_MAX(room, gw_port_room(w->queue[i].port));
	}
	if (room == 0) /* more workers than queues: it idles */
		return 0;
	if (((uint64_t)rx + tx) * room * dp->n_workers >> 20 > dp->conf.memory_mib)
		return gw_err(err, -ENOMEM,
			"dataplane.memory_mib: %u is too small: %llu MiB of packet buffers are "
			"needed",
			dp->conf.memory_mib,
			(unsigned long long)(((uint64_t)rx + tx) * room * dp->n_workers >> 20) + 1);
	snprintf(name, sizeof(name), "gw_rx_%u", w->lcore);
	w->rx_pool = rte_pktmbuf_pool_create(name, rx, POOL_CACHE, 0, (uint16_t)room, socket);
	snprintf(name, sizeof(name), "gw_tx_%u", w->lcore);
	w->tx_pool = rte_pktmbuf_pool_create(name, tx, POOL_CACHE, 0, (uint16_t)room, socket);
	if (w->rx_pool == NULL || w->tx_pool == NULL)
		return gw_err(err, -rte_errno,
			"packet buffers (%u + %u of %u bytes) do not fit the huge pages: %s", rx,
			tx, room, rte_strerror(rte_errno));
	rte_mempool_mem_iter(w->rx_pool, prefault, NULL);
	rte_mempool_mem_iter(w->tx_pool, prefault, NULL);
	return 0;
}

/* The free callback that is never called, see ram_shinfo. */
static void keep_ram(void *addr, void *opaque)
{
	(void)addr;
	(void)opaque;
}

/* Header-only buffers for ports that transmit from guest RAM. */
static int create_ram_pool(struct gw_worker *w, struct gw_err *err)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_queues; i++)
		if (w->queue[i].port->zero_copy)
			n += w->queue[i].port->tx_descriptors;
	if (n == 0)
		return 0;
	w->ram_shinfo.free_cb = keep_ram;
	rte_mbuf_ext_refcnt_set(&w->ram_shinfo, 1);
	snprintf(name, sizeof(name), "gw_ram_%u", w->lcore);
	w->ram_pool = rte_pktmbuf_pool_create(
		name, n + POOL_SLACK, POOL_CACHE, 0, 0, (int)rte_lcore_to_socket_id(w->lcore));
	if (w->ram_pool == NULL)
		return gw_err(err, -rte_errno, "%u buffers for zero copy do not fit the huge pages",
			n + POOL_SLACK);
	return 0;
}

static int create_worker(struct gw_dp *dp, uint32_t index, struct gw_err *err)
{
	struct gw_worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	unsigned int lcore;
	uint32_t skip = index;
	uint8_t *memory;

	if (w == NULL)
		return gw_err(err, -ENOMEM, "no memory for a worker");
	memset(w, 0, sizeof(*w));
	dp->worker[index] = w;
	w->dp = dp;
	w->index = index;
	memory = gw_secret_alloc(GW_WORKER_MEMORY);
	if (memory == NULL)
		return gw_err(err, -ENOMEM, "no memory for a worker");
	gw_worker_use_memory(w, memory);
	w->lcore = UINT32_MAX;
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (rte_eal_get_lcore_state(lcore) == WAIT && skip-- == 0) {
			w->lcore = lcore;
			break;
		}
	}
	if (w->lcore == UINT32_MAX)
		return gw_err(err, -ENODEV, "worker %u has no lcore", index);
	for (uint32_t p = 0; p < dp->n_ports; p++) {
		for (uint16_t q = (uint16_t)index; q < dp->port[p].queues;
			q = (uint16_t)(q + dp->n_workers)) {
			if (w->n_queues == GW_QUEUES)
				return gw_err(err, -EINVAL, "worker %u: more than %u queues", index,
					GW_QUEUES);
			w->queue[w->n_queues].port = &dp->port[p];
			w->queue[w->n_queues].port_index = (uint16_t)p;
			w->queue[w->n_queues++].queue = q;
		}
	}
	if (create_ram_pool(w, err) != 0)
		return -ENOMEM;
	return create_pools(dp, w, err);
}

static int start_ports(struct gw_dp *dp, struct gw_err *err)
{
	struct rte_mempool *pool[RTE_MAX_QUEUES_PER_PORT];
	int ret;

	for (uint32_t p = 0; p < dp->n_ports; p++) {
		for (uint32_t q = 0; q < dp->port[p].queues; q++)
			pool[q] = dp->worker[q % dp->n_workers]->rx_pool;
		ret = gw_port_start(&dp->port[p], pool, err);
		if (ret != 0)
			return ret;
	}
	return 0;
}

/* DPDK rounds the TSC's rate to 10 MHz where it must measure it: hours later that is seconds. */
static void calibrate(struct gw_dp *dp)
{
	struct timespec wait = {0, 50 * 1000000};

	dp->tsc0 = rte_rdtsc();
	dp->mono0_ns = gw_now_ns();
	nanosleep(&wait, NULL);
	dp->ns_per_tick = (double)(gw_now_ns() - dp->mono0_ns) / (double)(rte_rdtsc() - dp->tsc0);
}

static int raise_priority(void *arg)
{
	const struct gw_dp *dp = arg;

	/* Linux: of this thread alone. */
	return setpriority(PRIO_PROCESS, 0, -(int)dp->conf.priority) == 0 ? 0 : -errno;
}

/* While this thread may still do that: later the daemon has no capabilities left. Its own too: one
 * that waits for a CPU behind poll cores answers no peer, and the session is given up. */
static int raise_priorities(struct gw_dp *dp, struct gw_err *err)
{
	int rc;

	if (dp->conf.priority == 0)
		return 0;
	for (uint32_t i = 0; i < dp->n_workers; i++) {
		uint32_t lcore = dp->worker[i]->lcore;

		rc = rte_eal_remote_launch(raise_priority, dp, lcore);
		if (rc == 0)
			rc = rte_eal_wait_lcore(lcore);
		if (rc != 0)
			return gw_err(err, rc, "worker %u: cannot have nice -%u: %s", i,
				dp->conf.priority, strerror(-rc));
	}
	rc = raise_priority(dp);
	return rc == 0 ? 0
		       : gw_err(err, rc, "control thread: cannot have nice -%u: %s",
				 dp->conf.priority, strerror(-rc));
}

int gw_dp_create(const struct gw_dp_conf *conf, struct gw_dp **out, struct gw_err *err)
{
	struct gw_dp *dp;
	int ret = gw_eal_start(conf, err);

	if (ret != 0)
		return ret;
	dp = aligned_alloc(64, (sizeof(*dp) + 63) / 64 * 64);
	if (dp == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	memset(dp, 0, sizeof(*dp));
	dp->conf = *conf;
	dp->flags = gw_integrity_flags(conf->integrity);
	dp->n_workers = conf->n_workers;
	dp->n_cores = conf->n_workers;
	calibrate(dp);
	for (; dp->n_ports < conf->n_ports; dp->n_ports++) {
		ret = gw_port_open(
			&dp->port[dp->n_ports], &conf->port[dp->n_ports], conf->n_workers, err);
		if (ret != 0)
			goto fail;
		dp->port[dp->n_ports].loop_back = conf->loop_back;
		/* RAM changes under a checksum: then it must be copied first, or encrypted. */
		dp->port[dp->n_ports].zero_copy &= conf->zero_copy && dp->flags == 0;
		/* A chunk's owner must be reachable over every port. */
		dp->n_cores = RTE_MIN(dp->n_cores, (uint32_t)dp->port[dp->n_ports].queues);
	}
	for (uint32_t i = 0; i < dp->n_workers; i++) {
		ret = create_worker(dp, i, err);
		if (ret != 0)
			goto fail;
	}
	ret = raise_priorities(dp, err);
	if (ret == 0)
		ret = start_ports(dp, err);
	if (ret != 0)
		goto fail;
	for (uint32_t i = 0; i < dp->n_workers; i++)
		if (rte_eal_remote_launch(gw_worker_main, dp->worker[i], dp->worker[i]->lcore) !=
			0) {
			ret = gw_err(err, -EBUSY, "worker %u: its lcore %u is busy", i,
				dp->worker[i]->lcore);
			goto fail;
		}
	*out = dp;
	return 0;
fail:
	gw_dp_free(&dp);
	return ret;
}

uint64_t gw_dp_capabilities(const struct gw_dp *dp)
{
	return gw_eal_capabilities(&dp->conf);
}

static void free_worker(struct gw_worker *w)
{
	for (uint32_t i = 0; i < w->n_queues; i++)
		rte_pktmbuf_free_bulk(w->queue[i].held, w->queue[i].n_held);
	rte_pktmbuf_free_bulk(w->stash, w->n_stash);
	rte_mempool_free(w->rx_pool);
	rte_mempool_free(w->tx_pool);
	rte_mempool_free(w->ram_pool);
	gw_secret_free(w->scratch);
	free(w);
}

void gw_dp_free(struct gw_dp **dp)
{
	struct gw_dp *d = *dp;
	struct gw_dp_event ev;

	if (d == NULL)
		return;
	for (uint32_t i = 0; i < d->n_workers; i++) {
		if (d->worker[i] == NULL || d->worker[i]->lcore == UINT32_MAX ||
			rte_eal_get_lcore_state(d->worker[i]->lcore) != RUNNING)
			continue;
		gw_dp_command(d, i, GW_CMD_STOP, NULL, 0);
		rte_eal_wait_lcore(d->worker[i]->lcore);
	}
	while (gw_dp_poll_event(d, &ev) != 0)
		; /* links that were let go are released here */
	for (uint32_t i = 0; i < d->n_ports; i++)
		gw_port_stop(&d->port[i]);
	for (uint32_t i = 0; i < d->n_workers; i++)
		if (d->worker[i] != NULL)
			free_worker(d->worker[i]);
	free(d);
	*dp = NULL;
}

uint64_t gw_dp_worker_faults(const struct gw_dp *dp)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < dp->n_workers; i++) {
		unsigned long long minor = 0, major = 0;
		char path[64];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
			__atomic_load_n(&dp->worker[i]->tid, __ATOMIC_ACQUIRE));
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		/* Fields 10 and 12 behind the command's closing parenthesis (proc(5)). */
		if (fscanf(f, "%*[^)]) %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu", &minor,
			    &major) == 2)
			sum += minor + major;
		fclose(f);
	}
	return sum;
}
