/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths over a modelled link in virtual time: a bottleneck of a rate with a queue, a delay, random
 * loss and marks. Both halves of the paths are the real ones. */
#pragma once

#include "../../dataplane/path/pacer.h"
#include "../../dataplane/path/rx_path.h"
#include "../../dataplane/path/tx_path.h"

#include "random.h"

#define LINK_FLOWS 4u
#define LINK_PACKETS (1u << 19) /* in flight on one link, a power of two */
#define LINK_ACKS (1u << 16)

struct link_conf {
	uint64_t bottleneck_bps; /* layer 1 */
	uint64_t delay_ns;       /* one way */
	uint64_t buffer_bytes;   /* 0: two bandwidth-delay products */
	uint32_t loss_ppm;
	uint64_t mark_bytes; /* a queue above this is marked CE; 0: never */
	uint64_t port_bps;   /* cap of the sending port, one for all flows; 0: none */
	uint32_t flows, wire_bytes;
	uint64_t tick_ns; /* of the poll loops; 0: by the rate */
};

struct link_packet {
	uint64_t at_ns, psn;
	uint32_t timestamp;
	uint8_t flow;
	bool ce, probe;
};

struct link_ack {
	uint64_t at_ns;
	uint32_t flow;
	struct gw_wire_packet a;
};

struct link_flow {
	struct gw_tx_path tx;
	struct gw_rx_path rx;
	bool stopped, receiver_away;
	uint64_t acked_bytes, lost, dead_ns, grown;
};

struct link_model {
	struct link_conf conf;
	struct random r;
	uint64_t now_ns, tick_ns, free_ns, next_timer_ns;
	bool cut, ack_cut;
	struct gw_pacer port;
	struct link_flow flow[LINK_FLOWS];
	struct link_packet *packet;
	struct link_ack *ack;
	uint64_t p_head, p_tail, a_head, a_tail;
	uint64_t dropped, lost, sent, queue_max_ns;
};

void link_create(struct link_model *m, const struct link_conf *conf, uint64_t seed);
void link_destroy(struct link_model *m);
/* Runs until now_ns + ns. */
void link_run(struct link_model *m, uint64_t ns);
/* Share of the bottleneck's packets that flow (or all: UINT32_MAX) got acknowledged in the next ns.
 */
double link_share(struct link_model *m, uint32_t flow, uint64_t ns);
