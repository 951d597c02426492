/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator's side of dataplane/port/dpdk/packet.h: the same names over simulated buffers and
 * ports. */
#pragma once

#include "../../../dataplane/port/port.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define GW_PACKET_HEADROOM 128u
#define SIM_PACKET_ROOM 9856u /* a frame of MTU 9600 with its headroom */

typedef struct sim_packet {
	struct sim_packet *next;
	uint32_t start, bytes; /* bytes: of the whole frame */
	const uint8_t *tail;   /* the last tail_bytes of them are there, not in the buffer */
	uint32_t tail_bytes;
	uint64_t arrive_ns;
	uint8_t buffer[];
} gw_packet;

/* All buffers are of one kind; a worker's three pools are only told apart by name. */
typedef struct sim_pool {
	uint32_t unused;
} gw_packet_pool;

typedef struct sim_shared_ram {
	uint32_t unused;
} gw_packet_ram;

gw_packet *sim_packet_alloc(void);
void sim_packet_free(gw_packet *p);
/* False while measuring: payload is then neither copied nor looked at. */
bool sim_packet_real_bytes(void);

static inline gw_packet *gw_packet_alloc(gw_packet_pool *pool)
{
	(void)pool;
	return sim_packet_alloc();
}

static inline bool gw_packet_alloc_bulk(gw_packet_pool *pool, gw_packet **p, uint32_t n)
{
	(void)pool;
	for (uint32_t i = 0; i < n; i++)
		p[i] = sim_packet_alloc();
	return true;
}

static inline void gw_packet_free(gw_packet *p)
{
	sim_packet_free(p);
}

static inline void gw_packet_free_bulk(gw_packet **p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sim_packet_free(p[i]);
}

static inline uint8_t *gw_packet_data(const gw_packet *p)
{
	return (uint8_t *)(uintptr_t)p->buffer + p->start;
}

static inline uint32_t gw_packet_bytes(const gw_packet *p)
{
	return p->bytes;
}

static inline void gw_packet_set_bytes(gw_packet *p, uint32_t bytes)
{
	p->bytes = bytes;
}

/* Without real bytes there is no room for them. */
static inline void gw_packet_pad(gw_packet *p, uint32_t from, uint32_t n)
{
	static const uint8_t nothing[SIM_PACKET_ROOM];

	if (sim_packet_real_bytes()) {
		memset(gw_packet_data(p) + from, 0, n);
		return;
	}
	p->tail = nothing;
	p->tail_bytes = n;
}

static inline void gw_packet_set_start(gw_packet *p, uint16_t offset)
{
	p->start = offset;
}

static inline const uint8_t *gw_packet_whole(const gw_packet *p, uint8_t *scratch, uint32_t room)
{
	uint32_t head = p->bytes - p->tail_bytes;

	if (p->tail == NULL)
		return gw_packet_data(p);
	if (p->bytes > room)
		return NULL;
	memcpy(scratch, gw_packet_data(p), head);
	if (sim_packet_real_bytes())
		memcpy(scratch + head, p->tail, p->tail_bytes);
	return scratch;
}

static inline void gw_packet_prefetch(const gw_packet *p, uint32_t max)
{
	(void)p;
	(void)max;
}

static inline void gw_packet_own(gw_packet *p, const gw_packet *next)
{
	(void)p;
	(void)next;
}

static inline void gw_packet_attach_ram(
	gw_packet *p, gw_packet *tail, gw_packet_ram *ram, const uint8_t *data, uint16_t len)
{
	(void)ram;
	p->tail = data;
	p->tail_bytes = len;
	sim_packet_free(tail);
}

uint16_t sim_port_receive(uint16_t port, uint16_t queue, gw_packet **p, uint16_t n);
uint16_t sim_port_transmit(uint16_t port, uint16_t queue, gw_packet **p, uint16_t n);
bool sim_port_link(uint16_t port, bool *up, uint64_t *rate_bps);

static inline uint16_t gw_port_receive(
	const struct gw_port *port, uint16_t queue, gw_packet **p, uint16_t n)
{
	return sim_port_receive(port->ethdev, queue, p, n);
}

static inline uint16_t gw_port_transmit(
	const struct gw_port *port, uint16_t queue, gw_packet **p, uint16_t n)
{
	return sim_port_transmit(port->ethdev, queue, p, n);
}

static inline bool gw_port_link(const struct gw_port *port, bool *up, uint64_t *rate_bps)
{
	return sim_port_link(port->ethdev, up, rate_bps);
}
