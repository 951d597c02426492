/* SPDX-License-Identifier: BSD-3-Clause */
/* All counters of one end at one moment, and how they travel to the other. */
#pragma once

#include "../../dataplane/dataplane.h"

#include <jansson.h>

#define SNAPSHOT_MAX_QUEUES 64u

struct snapshot_queue {
	uint32_t port, queue, worker;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, payload_bytes, lost_packets,
		resent_pages;
};

struct snapshot {
	uint64_t time_ns; /* of that end's clock */
	uint32_t n_workers, n_queues;
	struct gw_dp_worker_stats worker[GW_DP_MAX_WORKERS];
	struct snapshot_queue queue[SNAPSHOT_MAX_QUEUES];
	struct gw_histogram rtt[SNAPSHOT_MAX_QUEUES]; /* stays where it was taken */
	uint64_t moved_bytes; /* into this end's memory (receiver); out of it (sender, bound) */
	uint64_t drops;       /* of all kinds */
	uint64_t faults;      /* page faults on poll cores */
	uint64_t missed;      /* packets that the ports' drivers dropped */
};

/* Everything but moved_bytes. */
void snapshot_take(const struct gw_dp *dp, struct snapshot *s);
/* Counters grow by what was counted between was and now. */
void snapshot_interval(
	const struct snapshot *was, const struct snapshot *now, struct snapshot *out);

json_t *snapshot_json(const struct snapshot *s);
/* Nothing of it is believed: -EPROTO. */
int snapshot_read(const json_t *o, struct snapshot *s);
