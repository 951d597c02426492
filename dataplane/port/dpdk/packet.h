/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers and port I/O as poll code sees them: thin names over DPDK's, so that the same
 * worker code also runs over the simulator's ports (tests/sim has its own header of this name; the
 * include path chooses). Everything here is inlined and costs nothing.
 *
 * gw_packet       a buffer with one frame; owned by whoever holds the pointer
 * gw_packet_pool  where buffers come from
 * gw_packet_ram   guest RAM that packets of one worker point into
 */
#pragma once

#include "../port.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct rte_mbuf gw_packet;
typedef struct rte_mempool gw_packet_pool;
typedef struct rte_mbuf_ext_shared_info gw_packet_ram;

/* Room in front of a received or new packet's first byte. */
#define GW_PACKET_HEADROOM RTE_PKTMBUF_HEADROOM

/* ---- buffers ---- */

/* All n, or none and false. */
static inline bool gw_packet_alloc_bulk(gw_packet_pool *pool, gw_packet **p, uint32_t n)
{
	return rte_pktmbuf_alloc_bulk(pool, p, n) == 0;
}

/* NULL: none is left. */
static inline gw_packet *gw_packet_alloc(gw_packet_pool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

static inline void gw_packet_free(gw_packet *p)
{
	rte_pktmbuf_free(p);
}

static inline void gw_packet_free_bulk(gw_packet **p, uint32_t n)
{
	rte_pktmbuf_free_bulk(p, n);
}

/* ---- one packet ---- */

/* Its first byte; gw_packet_bytes() of them follow where it is in one piece. */
static inline uint8_t *gw_packet_data(const gw_packet *p)
{
	return rte_pktmbuf_mtod(p, uint8_t *);
}

static inline uint32_t gw_packet_bytes(const gw_packet *p)
{
	return p->pkt_len;
}

/* A packet in one piece becomes `bytes` long. */
static inline void gw_packet_set_bytes(gw_packet *p, uint32_t bytes)
{
	p->data_len = (uint16_t)bytes;
	p->pkt_len = bytes;
}

/* Bytes [from, from + n) of the frame are zero. */
static inline void gw_packet_pad(gw_packet *p, uint32_t from, uint32_t n)
{
	memset(gw_packet_data(p) + from, 0, n);
}

/* Its first byte moves to `offset` from the buffer's begin; written before anything else. */
static inline void gw_packet_set_start(gw_packet *p, uint16_t offset)
{
	p->data_off = offset;
}

/* The whole frame in one piece: in place, or copied to scratch (room bytes). NULL: too large. */
static inline const uint8_t *gw_packet_whole(const gw_packet *p, uint8_t *scratch, uint32_t room)
{
	if (p->nb_segs == 1)
		return rte_pktmbuf_mtod(p, const uint8_t *);
	return p->pkt_len <= room ? rte_pktmbuf_read(p, 0, p->pkt_len, scratch) : NULL;
}

/* Its first bytes, at most max of them. */
static inline void gw_packet_prefetch(const gw_packet *p, uint32_t max)
{
	const uint8_t *data = rte_pktmbuf_mtod(p, const uint8_t *);
	uint32_t bytes = p->data_len < max ? p->data_len : max;

	for (uint32_t i = 0; i < bytes; i += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(data + i);
}

/* Takes the lines of a packet away from the core that wrote them, and asks for those of the one
 * that is looked at next. That core writes to this buffer again and again: a line that was only
 * read here is in both caches then, and its store waits until this one's is given up; a line that
 * was written here moves in one go. Halves the sender's cycles for a page over memif. */
static inline void gw_packet_own(gw_packet *p, const gw_packet *next)
{
	uint8_t *line = rte_pktmbuf_mtod(p, uint8_t *), *end = line + p->data_len;
	const uint8_t *ahead = rte_pktmbuf_mtod(next, const uint8_t *);

	for (; line < end; line += RTE_CACHE_LINE_SIZE, ahead += RTE_CACHE_LINE_SIZE) {
#ifdef RTE_ARCH_X86_64
		/* The compiler would choose it for newer CPUs only; older ones ignore it. */
		__asm__ volatile("prefetchw (%0)" : : "r"(ahead));
#else
		__builtin_prefetch(ahead, 1);
#endif
		*(volatile uint8_t *)line = *line;
	}
}

/* The last len bytes of p, which is in one piece, are not in its buffer but at data in guest RAM:
 * `tail`, from a pool without room, is chained behind it. The RAM is read when the driver takes the
 * packet. */
static inline void gw_packet_attach_ram(
	gw_packet *p, gw_packet *tail, gw_packet_ram *ram, const uint8_t *data, uint16_t len)
{
	rte_mbuf_ext_refcnt_update(ram, 1);
	rte_pktmbuf_attach_extbuf(tail, (void *)(uintptr_t)data, RTE_BAD_IOVA, len, ram);
	tail->data_len = len;
	p->data_len = (uint16_t)(p->data_len - len);
	p->next = tail;
	p->nb_segs = 2;
}

/* ---- ports ---- */

/* memif takes a ring's address before it looks whether its peer is there, and unmaps the ring when
 * the peer goes; the link is the first thing that it takes down then, and the last one that comes
 * up. With the wait that follows (grace.h) nobody is left in a ring that is gone. */
static inline bool gw_port_mapped(const struct gw_port *port)
{
	struct rte_eth_link link;

	return port->memif_rsize == 0 || (rte_eth_link_get_nowait(port->ethdev, &link) == 0 &&
						 link.link_status == RTE_ETH_LINK_UP);
}

/* Up to n received packets; the caller owns them. */
static inline uint16_t gw_port_receive(
	const struct gw_port *port, uint16_t queue, gw_packet **p, uint16_t n)
{
	return gw_port_mapped(port) ? rte_eth_rx_burst(port->ethdev, queue, p, n) : 0;
}

/* Gives up to n packets away; those that were taken, the first of them, are the driver's. */
static inline uint16_t gw_port_transmit(
	const struct gw_port *port, uint16_t queue, gw_packet **p, uint16_t n)
{
	return gw_port_mapped(port) ? rte_eth_tx_burst(port->ethdev, queue, p, n) : 0;
}

/* Whether the link is up, and its rate (layer 1; 0: it does not say). False: the port does not
 * know. */
static inline bool gw_port_link(const struct gw_port *port, bool *up, uint64_t *rate_bps)
{
	struct rte_eth_link link;

	if (rte_eth_link_get_nowait(port->ethdev, &link) != 0)
		return false;
	*up = link.link_status == RTE_ETH_LINK_UP;
	*rate_bps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN
			    ? 0
			    : (uint64_t)link.link_speed * 1000000;
	if (port->if_index != 0)
		*up = gw_port_carrier(port->if_index);
	return true;
}
