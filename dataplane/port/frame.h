/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet, IPv4 or IPv6, and UDP around godwit's packets: templates that are copied in front of
 * each, and the checks of what comes in. Pure.
 *
 * Over IPv6 the UDP checksum is 0 too, which RFC 6935 and 6936 allow a tunnel whose payload brings
 * its own integrity: CRC32C or a tag covers every packet (with integrity `none` only Ethernet's frame
 * check does, over either family), the destination is compared with the port's own address, the source
 * with the path's. As over IPv4 a checksum that another sender puts there is not looked at. Packets
 * are never fragmented on the way: IPv4 says so by DF, IPv6 always (RFC 8200). Extension headers are
 * never ours. */
#pragma once

#include "../base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_FRAME_ETHERNET 14u
#define GW_FRAME_IPV4 20u /* without options */
#define GW_FRAME_IPV6 40u
#define GW_FRAME_UDP_BYTES 8u
/* In front of a packet, all together. */
#define GW_FRAME_HEADER_V4 42u
#define GW_FRAME_HEADER_V6 62u
#define GW_FRAME_HEADER_MAX GW_FRAME_HEADER_V6

#define GW_FRAME_TYPE_IPV4 0x0800u
#define GW_FRAME_TYPE_ARP 0x0806u
#define GW_FRAME_TYPE_IPV6 0x86ddu
#define GW_FRAME_PROTO_UDP 17u
#define GW_FRAME_PROTO_ICMPV6 58u

/* What packets between ports of the address's family have in front. */
static inline uint32_t gw_frame_header(const struct gw_ip *ip)
{
	return gw_ip_is_v4(ip) ? GW_FRAME_HEADER_V4 : GW_FRAME_HEADER_V6;
}

struct gw_frame_template {
	uint32_t header; /* bytes */
	uint32_t ip_sum; /* of the IPv4 header's words without the total length */
	uint8_t bytes[GW_FRAME_HEADER_MAX];
};

/* Both addresses are of one family. */
void gw_frame_template(struct gw_frame_template *t, const uint8_t *from_mac, const uint8_t *to_mac,
	const struct gw_ip *from_ip, const struct gw_ip *to_ip, uint16_t from_port,
	uint16_t to_port);

/* Writes what every Ethernet and IPv6 header of ours begins with over zeroes: lengths, next header
 * and hops are the caller's. */
void gw_frame_put_ipv6(uint8_t *out, const uint8_t *from_mac, const uint8_t *to_mac,
	const struct gw_ip *from_ip, const struct gw_ip *to_ip);

/* Makes its packets ECN-capable: ECT(0), RFC 3168. For the frames that a rate model answers for. */
void gw_frame_template_ect(struct gw_frame_template *t);

/* Writes the headers for a UDP payload of len bytes. */
void gw_frame_put(uint8_t *out, const struct gw_frame_template *t, uint32_t len);

enum gw_frame_kind {
	GW_FRAME_UDP,     /* ours: payload and len are set */
	GW_FRAME_ARP_IN,  /* ARP, IPv4 over Ethernet: arp.h */
	GW_FRAME_NDP_IN,  /* ICMPv6, which may be neighbour discovery: ndp.h judges it */
	GW_FRAME_OTHER,   /* not for us */
	GW_FRAME_INVALID, /* lengths or header checksum are wrong */
};
struct gw_frame_in {
	const uint8_t *payload;
	uint32_t len;
	uint32_t header; /* bytes in front of it */
	struct gw_ip from_ip;
	uint16_t from_port, to_port;
	bool ce; /* a queue on the way was long: ECN's congestion experienced */
};
/* Checks a frame of len bytes that came in on the port with address ip: what is of the other family
 * is not for us. */
enum gw_frame_kind gw_frame_parse(
	const uint8_t *frame, size_t len, const struct gw_ip *ip, struct gw_frame_in *in);

/* Turns a received UDP frame around in place: addresses and ports swap, the UDP payload has len
 * bytes, ECN says nothing. */
void gw_frame_turn(uint8_t *frame, const uint8_t *own_mac, uint32_t len);
