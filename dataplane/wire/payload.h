/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of a port's bits can be guest bytes: the theoretical payload that reports, godwit-bench
 * and scripts/bench compare with.
 *
 *	share = payload / (payload + packets * overhead)
 *
 * A packet costs, beside its payload: Ethernet 14, IPv4 20 or IPv6 40, UDP 8, godwit's DATA header
 * 32, a trailer (CRC32C 4, AES-GCM's tag 16; flags: enum gw_wire_flag), and at layer 1 frame check 4,
 * preamble 8 and gap 12 (IEEE 802.3). It carries as many whole pages as the MTU has room for, or a
 * page takes three of them. Pure.
 */
#pragma once

#include "wire.h"

#include <stdbool.h>
#include <stdint.h>

/* Layer-2 bytes of a packet beside its payload. */
static inline uint32_t gw_wire_l2_overhead(bool ipv6, uint8_t flags)
{
	return (ipv6 ? GW_WIRE_L2_TO_UDP_V6 : GW_WIRE_L2_TO_UDP) +
	       (uint32_t)sizeof(struct gw_wire_data) + gw_wire_trailer_bytes(flags);
}

/* Whole pages that a packet of an IP MTU carries; 0: a page takes GW_WIRE_FRAGMENTS packets. */
static inline uint32_t gw_wire_pages_per_packet(uint32_t mtu, bool ipv6, uint8_t flags)
{
	uint32_t header = gw_wire_l2_overhead(ipv6, flags) - 14;

	return mtu <= header ? 0 : (mtu - header) / GW_WIRE_PAGE_BYTES;
}

/* Whether a page's thirds are too large for the MTU: then it takes GW_WIRE_QUARTERS packets. */
static inline bool gw_wire_needs_quarters(uint32_t mtu, bool ipv6, uint8_t flags)
{
	return mtu < gw_wire_l2_overhead(ipv6, flags) - 14 + GW_WIRE_FRAGMENT_BYTES;
}

/* Layer-1 bytes of a packet beside its payload. */
static inline uint32_t gw_wire_overhead(bool ipv6, uint8_t flags)
{
	return gw_wire_l2_overhead(ipv6, flags) + GW_WIRE_L1_BYTES;
}

/* 0..1 */
static inline double gw_wire_payload_share(uint32_t mtu, bool ipv6, uint8_t flags)
{
	uint32_t pages = gw_wire_pages_per_packet(mtu, ipv6, flags);
	double payload = (double)GW_WIRE_PAGE_BYTES * (pages == 0 ? 1 : pages);

	return payload / (payload + (double)gw_wire_overhead(ipv6, flags) *
					    (pages == 0 ? GW_WIRE_FRAGMENTS : 1));
}
