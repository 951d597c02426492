/* SPDX-License-Identifier: BSD-3-Clause */
/* The door: what ports are and what was counted. Control thread only. */
#include "internal.h"

#include <string.h>

uint32_t gw_dp_port_count(const struct gw_dp *dp)
{
	return dp->n_ports;
}

void gw_dp_port_info(const struct gw_dp *dp, uint32_t port, struct gw_dp_port_info *info)
{
	const struct gw_port *p = &dp->port[port];
	uint64_t link_bps;

	memset(info, 0, sizeof(*info));
	memcpy(info->name, p->name, sizeof(info->name));
	memcpy(info->driver, p->driver, sizeof(info->driver));
	memcpy(info->device, p->device, sizeof(info->device));
	memcpy(info->mac, p->mac, sizeof(info->mac));
	info->ip = p->ip;
	info->prefix = p->prefix;
	info->mtu = p->mtu;
	info->standby = p->standby;
	info->stopped = (p->down & GW_PORT_STOPPED) != 0;
	info->rate_bps = p->rate_bps;
	info->queues = p->queues;
	if (gw_port_link(p, &info->link_up, &link_bps))
		info->line_rate_bps = p->rate_bps != 0 && (link_bps == 0 || p->rate_bps < link_bps)
					      ? p->rate_bps
					      : link_bps;
	/* memif and other virtual links state a speed that means nothing: the cap is the line. */
	if (p->rate_bps != 0 && strncmp(p->driver, "net_memif", 9) == 0)
		info->line_rate_bps = p->rate_bps;
	for (uint32_t i = 0; i < dp->n_workers; i++) {
		const struct gw_worker *w = dp->worker[i];

		for (uint32_t q = 0; q < w->n_queues; q++) {
			if (w->queue[q].port_index != port)
				continue;
			info->rx_packets +=
				__atomic_load_n(&w->queue[q].rx_packets, __ATOMIC_RELAXED);
			info->rx_bytes += __atomic_load_n(&w->queue[q].rx_bytes, __ATOMIC_RELAXED);
			info->tx_packets +=
				__atomic_load_n(&w->queue[q].tx_packets, __ATOMIC_RELAXED);
			info->tx_bytes += __atomic_load_n(&w->queue[q].tx_bytes, __ATOMIC_RELAXED);
			info->payload_bytes +=
				__atomic_load_n(&w->queue[q].payload_bytes, __ATOMIC_RELAXED);
			info->lost_packets +=
				__atomic_load_n(&w->queue[q].lost_packets, __ATOMIC_RELAXED);
			info->resent_pages +=
				__atomic_load_n(&w->queue[q].resent_pages, __ATOMIC_RELAXED);
		}
	}
}

void gw_dp_drops(
	const struct gw_dp *dp, void (*fn)(void *ctx, const char *name, uint64_t count), void *ctx)
{
	for (unsigned int d = 0; d < GW_DROP_COUNT; d++) {
		uint64_t n = 0;

		for (uint32_t i = 0; i < dp->n_workers; i++)
			n += __atomic_load_n(&dp->worker[i]->drop[d], __ATOMIC_RELAXED);
		if (n != 0)
			fn(ctx, gw_drop_name(d), n);
	}
}
