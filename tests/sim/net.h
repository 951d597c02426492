/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The simulated network: ports with queues, and segments that join them. A frame leaves a port at
 * its line rate, crosses its own cable to the segment, and the receiver's cable from there; a
 * receive queue is chosen by a hash of addresses and ports, as NICs do.
 */
#pragma once

#include "cable.h"

#define SIM_MAX_PORTS 64u

struct sim_port_conf {
	uint32_t host, segment;
	uint8_t mac[6];
	uint16_t queues;
	uint16_t rx_descriptors, tx_descriptors;
	uint64_t line_bps;              /* layer 1 */
	struct sim_cable_conf up, down; /* to the segment, from it */
};

struct sim_port_counters {
	uint64_t sent, received; /* frames taken from the worker, given to it */
	uint64_t refused;        /* the transmit ring was full */
	uint64_t missed;         /* the receive ring was full */
	uint64_t arriving;       /* on their way to this port */
	uint64_t unknown;        /* nobody has that address */
	uint64_t copies;         /* of broadcasts, beyond the first */
};

void sim_net_reset(bool real_bytes);
/* The new port's number, which is its ethdev too. */
uint16_t sim_net_add(const struct sim_port_conf *conf);
uint16_t sim_net_ports(void);
struct sim_cable *sim_net_up(uint16_t port);
struct sim_cable *sim_net_down(uint16_t port);
const struct sim_port_counters *sim_net_counters(uint16_t port);
/* Link state: while it is down nothing is sent or received, and the transmit ring fills. */
void sim_net_link(uint16_t port, bool up);
/* What waits in the port's receive queues is gone: its host died. */
void sim_net_flush(uint16_t port);
/* The earliest arrival of a frame that waits or is on its way; UINT64_MAX: none. */
uint64_t sim_net_next_arrival(uint16_t port, uint16_t queue);

/* Sees every frame that a port sends (p is in one piece or has a tail). */
void sim_net_watch(void (*fn)(uint16_t port, const gw_packet *p));
/* Called when a frame gets an arrival time that may be earlier than what its queue's worker waits
 * for. */
void sim_net_wake(void (*fn)(uint16_t port, uint16_t queue, uint64_t at_ns));
