/* SPDX-License-Identifier: BSD-3-Clause */
/* One Ethernet port under any DPDK driver: found by its device string, configured, started. */
#pragma once

#include "../base/error.h"
#include "../dataplane.h"
#include "../path/pacer.h"
#include "neighbor.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

/* Why a port carries nothing. */
enum {
	GW_PORT_LINK_DOWN = 1, /* says the device */
	GW_PORT_STOPPED = 2,   /* taken out of service: it does not receive either */
};

struct gw_port {
	uint16_t ethdev;
	uint32_t if_index; /* kernel interface that is the device, of drivers that do not follow its
			      link themselves; 0: none */
	char name[32], device[GW_DP_DEVICE_BYTES], driver[32];
	uint8_t mac[6];
	int group_fd; /* group.c; -1: none */
	struct gw_ip ip, gateway; /* of one family; gateway may be none */
	uint8_t prefix;
	uint32_t mtu;
	uint64_t rate_bps;
	uint16_t queues;
	uint16_t rx_descriptors, tx_descriptors;
	bool started;
	bool fast_free, rss;  /* asked of the driver */
	bool loop_back;       /* its own loopback is wanted; without one a reflector may be there */
	bool standby;         /* carries pages only while no other port does */
	uint32_t memif_rsize; /* log2 of its rings, where it is a memif; else 0 */
	bool zero_copy; /* transmit straight from guest RAM: the driver is known to be safe for it
			 */
	bool owns_lines; /* packets are taken away from the core that wrote them: gw_packet_own() */
	struct gw_neighbors neighbors;
	_Alignas(64) struct gw_pacer pacer;
	uint32_t down; /* enum above, ORed; control writes, workers read */
};

/* Finds the device and reads what it can do; nothing is started. */
int gw_port_open(struct gw_port *p, const struct gw_dp_port_conf *conf, uint32_t n_workers,
	struct gw_err *err);
/* Bytes of data room that a frame of this port needs in an mbuf, headroom included. */
uint32_t gw_port_room(const struct gw_port *p);
/* mbufs that one queue's driver holds at most of the pool that feeds it. */
uint32_t gw_port_rx_buffers(const struct gw_port *p);
/* mbufs that one queue's driver holds at most of those that were sent. */
uint32_t gw_port_tx_buffers(const struct gw_port *p);
/* Configures and starts; rx_pool[q] feeds queue q. */
int gw_port_start(struct gw_port *p, struct rte_mempool *const *rx_pool, struct gw_err *err);
void gw_port_stop(struct gw_port *p);
/* Whether a kernel interface has a carrier. Control thread: it asks the kernel. */
bool gw_port_carrier(uint32_t if_index);

/* Whether ip is on this port's subnet; otherwise it is reached through the gateway, if there is
 * one. */
static inline bool gw_port_on_link(const struct gw_port *p, const struct gw_ip *ip)
{
	return gw_ip_same_subnet(&p->ip, ip, p->prefix);
}
