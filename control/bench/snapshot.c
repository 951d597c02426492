/* SPDX-License-Identifier: BSD-3-Clause */
#include "snapshot.h"

#include "../../dataplane/base/clock.h"

#include <string.h>

static void add_drop(void *ctx, const char *name, uint64_t count)
{
	struct snapshot *s = ctx;

	(void)name;
	s->drops += count;
}

static void take_queue(const struct gw_dp *dp, uint32_t port, uint32_t queue, struct snapshot *s)
{
	struct snapshot_queue *q = &s->queue[s->n_queues];
	struct gw_dp_queue_stats stats;

	if (gw_dp_queue_stats(dp, port, queue, &stats) != 0)
		return;
	*q = (struct snapshot_queue){port, queue, stats.worker, stats.rx_packets, stats.rx_bytes,
		stats.tx_packets, stats.tx_bytes, stats.payload_bytes, stats.lost_packets,
		stats.resent_pages};
	s->rtt[s->n_queues++] = stats.rtt;
}

void snapshot_take(const struct gw_dp *dp, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	s->n_workers = gw_dp_worker_count(dp);
	for (uint32_t i = 0; i < s->n_workers; i++)
		gw_dp_worker_stats(dp, i, &s->worker[i]);
	for (uint32_t p = 0; p < gw_dp_port_count(dp); p++) {
		struct gw_dp_port_info info;
		struct gw_dp_port_setup setup;

		gw_dp_port_info(dp, p, &info);
		for (uint32_t q = 0; q < info.queues && s->n_queues < SNAPSHOT_MAX_QUEUES; q++)
			take_queue(dp, p, q, s);
		gw_dp_port_setup(dp, p, &setup);
		s->missed += setup.missed;
	}
	gw_dp_drops(dp, add_drop, s);
	s->faults = gw_dp_worker_faults(dp);
	s->time_ns = gw_now_ns();
}
