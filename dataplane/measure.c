/* SPDX-License-Identifier: BSD-3-Clause */
/* The door's measuring: what workers, queues and ports say about themselves. */
#include "internal.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <string.h>

uint32_t gw_dp_worker_count(const struct gw_dp *dp)
{
	return dp->n_workers;
}

void gw_dp_worker_stats(const struct gw_dp *dp, uint32_t worker, struct gw_dp_worker_stats *stats)
{
	const struct gw_worker *w = dp->worker[worker];

	memset(stats, 0, sizeof(*stats));
	stats->cpu = dp->conf.worker_cpu[worker];
	stats->socket = (int)rte_lcore_to_socket_id(w->lcore);
	stats->tsc = rte_rdtsc();
	stats->passes = __atomic_load_n(&w->meter.passes, __ATOMIC_RELAXED);
	stats->busy_passes = __atomic_load_n(&w->meter.busy_passes, __ATOMIC_RELAXED);
	stats->busy_cycles = __atomic_load_n(&w->meter.busy_cycles, __ATOMIC_RELAXED);
	stats->away_cycles = __atomic_load_n(&w->meter.away_cycles, __ATOMIC_RELAXED);
}

double gw_dp_tsc_hz(const struct gw_dp *dp)
{
	return 1e9 / dp->ns_per_tick;
}

int gw_dp_queue_stats(
	const struct gw_dp *dp, uint32_t port, uint32_t queue, struct gw_dp_queue_stats *stats)
{
	_Static_assert(1u << GW_WIRE_TS_SHIFT == GW_DP_RTT_UNIT_NS, "the wire's clock");

	memset(stats, 0, sizeof(*stats));
	for (uint32_t i = 0; i < dp->n_workers; i++) {
		const struct gw_worker *w = dp->worker[i];

		for (uint32_t k = 0; k < w->n_queues; k++) {
			const struct gw_queue *q = &w->queue[k];

			if (q->port_index != port || q->queue != queue)
				continue;
			stats->worker = i;
			stats->rx_packets = __atomic_load_n(&q->rx_packets, __ATOMIC_RELAXED);
			stats->rx_bytes = __atomic_load_n(&q->rx_bytes, __ATOMIC_RELAXED);
			stats->tx_packets = __atomic_load_n(&q->tx_packets, __ATOMIC_RELAXED);
			stats->tx_bytes = __atomic_load_n(&q->tx_bytes, __ATOMIC_RELAXED);
			stats->payload_bytes = __atomic_load_n(&q->payload_bytes, __ATOMIC_RELAXED);
			stats->lost_packets = __atomic_load_n(&q->lost_packets, __ATOMIC_RELAXED);
			stats->resent_pages = __atomic_load_n(&q->resent_pages, __ATOMIC_RELAXED);
			gw_histogram_read(&q->rtt, &stats->rtt);
			return 0;
		}
	}
	return -ENOENT;
}

void gw_dp_port_setup(const struct gw_dp *dp, uint32_t port, struct gw_dp_port_setup *setup)
{
	const struct gw_port *p = &dp->port[port];
	struct rte_eth_dev_info info;
	struct rte_eth_stats stats;
	struct rte_eth_link link;
	uint16_t mtu;

	memset(setup, 0, sizeof(*setup));
	setup->socket = rte_eth_dev_socket_id(p->ethdev);
	setup->rx_descriptors = p->rx_descriptors;
	setup->tx_descriptors = p->tx_descriptors;
	setup->memif_rsize = p->memif_rsize;
	setup->zero_copy = p->zero_copy;
	if (rte_eth_dev_info_get(p->ethdev, &info) == 0)
		setup->fast_free_known =
			(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
	setup->fast_free = p->fast_free;
	setup->rss = p->rss;
	if (rte_eth_link_get_nowait(p->ethdev, &link) == 0 &&
		link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		setup->link_mbps = link.link_speed;
	if (rte_eth_dev_get_mtu(p->ethdev, &mtu) == 0)
		setup->device_mtu = mtu;
	if (rte_eth_stats_get(p->ethdev, &stats) == 0) {
		setup->missed = stats.imissed;
		setup->rx_errors = stats.ierrors;
		setup->tx_errors = stats.oerrors;
		setup->no_buffers = stats.rx_nombuf;
	}
}
