/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of a port's bits can be guest bytes: the theoretical payload that reports, godwit-bench
 * and scripts/bench compare with.
 *
 *	share = payload / (payload + packets * overhead)
 *
 * A packet costs, beside its payload: Ethernet 14, IPv4 20, UDP 8, godwit's DATA header 32, a
 *trailer (CRC32C 4, AES-GCM's tag 16; flags: enum gw_wire_flag), and at layer 1 frame check 4,
 *preamble 8 and gap 12 (IEEE 802.3). It carries as many whole pages as the MTU has room for, or a
 *page takes three of them. Pure.
 */
#pragma once

#include "wire.h"

#include <stdbool.h>
#include <stdint.h>

/* Whole pages that a packet of an IP MTU carries; 0: a page takes GW_WIRE_FRAGMENTS packets. */
static inline uint32_t gw_wire_pages_per_packet(uint32_t mtu, uint8_t flags)
{
	uint32_t header = GW_WIRE_L2_TO_UDP - 14 + (uint32_t)sizeof(struct gw_wire_data) +
			  gw_wire_trailer_bytes(flags);

	return mtu <= header ? 0 : (mtu - header) / GW_WIRE_PAGE_BYTES;
}

/* Whether a page's thirds are too large for the MTU: then it takes GW_WIRE_QUARTERS packets. */
static inline bool gw_wire_needs_quarters(uint32_t mtu, uint8_t flags)
{
	return mtu < GW_WIRE_L2_TO_UDP - 14 + sizeof(struct gw_wire_data) + GW_WIRE_FRAGMENT_BYTES +
			     gw_wire_trailer_bytes(flags);
}

/* Layer-1 bytes of a packet beside its payload. */
static inline uint32_t gw_wire_overhead(uint8_t flags)
{
	return GW_WIRE_L2_TO_UDP + (uint32_t)sizeof(struct gw_wire_data) +
	       gw_wire_trailer_bytes(flags) + GW_WIRE_L1_BYTES;
}

/* 0..1 */
static inline double gw_wire_payload_share(uint32_t mtu, uint8_t flags)
{
	uint32_t pages = gw_wire_pages_per_packet(mtu, flags);
	double payload = (double)GW_WIRE_PAGE_BYTES * (pages == 0 ? 1 : pages);

	return payload /
	       (payload + (double)gw_wire_overhead(flags) * (pages == 0 ? GW_WIRE_FRAGMENTS : 1));
}
