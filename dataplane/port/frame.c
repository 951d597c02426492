/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include "../wire/bytes.h"
#include "../wire/wire.h"
#include "arp.h"
#include "checksum.h"

#include <string.h>

#define HOPS 64u
#define ECN_ECT0 2u
#define ECN_CE 3u
/* IPv6: the traffic class ends in the high half of the second byte. */
#define ECN_SHIFT_V6 4u

_Static_assert(GW_FRAME_HEADER_V4 == GW_WIRE_L2_TO_UDP, "as the payload's room has it");
_Static_assert(GW_FRAME_HEADER_V6 == GW_WIRE_L2_TO_UDP_V6, "as the payload's room has it");
_Static_assert(
	GW_FRAME_HEADER_V4 == GW_FRAME_ETHERNET + GW_FRAME_IPV4 + GW_FRAME_UDP_BYTES, "IPv4");
_Static_assert(
	GW_FRAME_HEADER_V6 == GW_FRAME_ETHERNET + GW_FRAME_IPV6 + GW_FRAME_UDP_BYTES, "IPv6");

static void put_ethernet(
	uint8_t *out, const uint8_t *from_mac, const uint8_t *to_mac, uint16_t type)
{
	memcpy(out, to_mac, 6);
	memcpy(out + 6, from_mac, 6);
	gw_put16(out + 12, type);
}

void gw_frame_put_ipv6(uint8_t *out, const uint8_t *from_mac, const uint8_t *to_mac,
	const struct gw_ip *from_ip, const struct gw_ip *to_ip)
{
	uint8_t *ip = out + GW_FRAME_ETHERNET;

	put_ethernet(out, from_mac, to_mac, GW_FRAME_TYPE_IPV6);
	ip[0] = 0x60;
	gw_ip_put(ip + 8, from_ip);
	gw_ip_put(ip + 24, to_ip);
}

static void template_v4(
	struct gw_frame_template *t, const struct gw_ip *from_ip, const struct gw_ip *to_ip)
{
	uint8_t *ip = t->bytes + GW_FRAME_ETHERNET;

	ip[0] = 0x45;
	gw_put16(ip + 6, 0x4000); /* DF: the path MTU is known, routers must not cut */
	ip[8] = HOPS;
	ip[9] = GW_FRAME_PROTO_UDP;
	gw_put32(ip + 12, gw_ip_v4(from_ip));
	gw_put32(ip + 16, gw_ip_v4(to_ip));
	t->ip_sum = gw_sum_words(ip, GW_FRAME_IPV4);
}

void gw_frame_template(struct gw_frame_template *t, const uint8_t *from_mac, const uint8_t *to_mac,
	const struct gw_ip *from_ip, const struct gw_ip *to_ip, uint16_t from_port,
	uint16_t to_port)
{
	uint8_t *udp;

	memset(t, 0, sizeof(*t));
	t->header = gw_frame_header(from_ip);
	if (gw_ip_is_v4(from_ip)) {
		put_ethernet(t->bytes, from_mac, to_mac, GW_FRAME_TYPE_IPV4);
		template_v4(t, from_ip, to_ip);
	} else {
		gw_frame_put_ipv6(t->bytes, from_mac, to_mac, from_ip, to_ip);
		t->bytes[GW_FRAME_ETHERNET + 6] = GW_FRAME_PROTO_UDP;
		t->bytes[GW_FRAME_ETHERNET + 7] = HOPS;
	}
	udp = t->bytes + t->header - GW_FRAME_UDP_BYTES;
	gw_put16(udp, from_port);
	gw_put16(udp + 2, to_port);
	/* The UDP checksum stays 0 (none, RFC 768 and 6935): CRC32C or a tag covers the payload. */
}

void gw_frame_template_ect(struct gw_frame_template *t)
{
	uint8_t *ip = t->bytes + GW_FRAME_ETHERNET;

	if (t->header == GW_FRAME_HEADER_V6) {
		ip[1] |= ECN_ECT0 << ECN_SHIFT_V6;
		return;
	}
	ip[1] |= ECN_ECT0;
	t->ip_sum = gw_sum_words(ip, GW_FRAME_IPV4);
}

void gw_frame_put(uint8_t *out, const struct gw_frame_template *t, uint32_t len)
{
	uint16_t udp_len = (uint16_t)(GW_FRAME_UDP_BYTES + len);
	uint16_t total = (uint16_t)(GW_FRAME_IPV4 + udp_len);

	/* Lengths that the compiler knows: each is a few vector moves. */
	if (t->header == GW_FRAME_HEADER_V6) {
		memcpy(out, t->bytes, GW_FRAME_HEADER_V6);
		gw_put16(out + GW_FRAME_ETHERNET + 4, udp_len);
		gw_put16(out + GW_FRAME_ETHERNET + GW_FRAME_IPV6 + 4, udp_len);
		return;
	}
	memcpy(out, t->bytes, GW_FRAME_HEADER_V4);
	gw_put16(out + GW_FRAME_ETHERNET + 2, total);
	gw_put16(out + GW_FRAME_ETHERNET + 10, (uint16_t)~gw_sum_fold(t->ip_sum + total));
	gw_put16(out + GW_FRAME_ETHERNET + GW_FRAME_IPV4 + 4, udp_len);
}

/* udp_len: as the IP header has it; the frame is as long at least. */
static inline enum gw_frame_kind parse_udp(
	const uint8_t *udp, uint32_t udp_len, struct gw_frame_in *in)
{
	if (gw_get16(udp + 4) != udp_len)
		return GW_FRAME_INVALID;
	in->from_port = gw_get16(udp);
	in->to_port = gw_get16(udp + 2);
	if (in->to_port != GW_WIRE_UDP_PORT &&
		(in->to_port < GW_WIRE_PATH_PORT_BASE ||
			in->to_port >= GW_WIRE_PATH_PORT_BASE + GW_WIRE_PATH_PORT_COUNT))
		return GW_FRAME_OTHER;
	in->payload = udp + GW_FRAME_UDP_BYTES;
	in->len = udp_len - GW_FRAME_UDP_BYTES;
	return GW_FRAME_UDP;
}

static enum gw_frame_kind parse_ipv4(
	const uint8_t *ip, size_t len, const struct gw_ip *own_ip, struct gw_frame_in *in)
{
	uint16_t total;

	if (len < GW_FRAME_IPV4 + GW_FRAME_UDP_BYTES || ip[0] != 0x45) /* options are never ours */
		return GW_FRAME_OTHER;
	total = gw_get16(ip + 2);
	if (ip[9] != GW_FRAME_PROTO_UDP || gw_get32(ip + 16) != gw_ip_v4(own_ip) ||
		(gw_get16(ip + 6) & 0x3fff) != 0)
		return GW_FRAME_OTHER;
	if (total > len || total < GW_FRAME_IPV4 + GW_FRAME_UDP_BYTES ||
		gw_sum_fold(gw_sum_words(ip, GW_FRAME_IPV4)) != 0xffff)
		return GW_FRAME_INVALID;
	in->header = GW_FRAME_HEADER_V4;
	in->ce = (ip[1] & ECN_CE) == ECN_CE;
	in->from_ip = gw_ip_from_v4(gw_get32(ip + 12));
	return parse_udp(ip + GW_FRAME_IPV4, total - GW_FRAME_IPV4, in);
}

static enum gw_frame_kind parse_ipv6(
	const uint8_t *ip, size_t len, const struct gw_ip *own_ip, struct gw_frame_in *in)
{
	struct gw_ip to;
	uint16_t bytes;

	if (len < GW_FRAME_IPV6 || ip[0] >> 4 != 6)
		return GW_FRAME_OTHER;
	if (ip[6] == GW_FRAME_PROTO_ICMPV6)
		return GW_FRAME_NDP_IN;
	to = gw_ip_get(ip + 24);
	if (ip[6] != GW_FRAME_PROTO_UDP || !gw_ip_equal(&to, own_ip))
		return GW_FRAME_OTHER;
	bytes = gw_get16(ip + 4);
	in->from_ip = gw_ip_get(ip + 8);
	/* An IPv4 address in there would pass for that of an IPv4 path's peer. */
	if (bytes > len - GW_FRAME_IPV6 || bytes < GW_FRAME_UDP_BYTES ||
		!gw_ip_is_v6_host(&in->from_ip))
		return GW_FRAME_INVALID;
	in->header = GW_FRAME_HEADER_V6;
	in->ce = (ip[1] >> ECN_SHIFT_V6 & ECN_CE) == ECN_CE;
	return parse_udp(ip + GW_FRAME_IPV6, bytes, in);
}

enum gw_frame_kind gw_frame_parse(
	const uint8_t *frame, size_t len, const struct gw_ip *ip, struct gw_frame_in *in)
{
	const uint8_t *inner = frame + GW_FRAME_ETHERNET;
	bool v4 = gw_ip_is_v4(ip);

	if (len < GW_FRAME_ETHERNET)
		return GW_FRAME_INVALID;
	switch (gw_get16(frame + 12)) {
	case GW_FRAME_TYPE_IPV4:
		return v4 ? parse_ipv4(inner, len - GW_FRAME_ETHERNET, ip, in) : GW_FRAME_OTHER;
	case GW_FRAME_TYPE_IPV6:
		return v4 ? GW_FRAME_OTHER : parse_ipv6(inner, len - GW_FRAME_ETHERNET, ip, in);
	case GW_FRAME_TYPE_ARP:
		return v4 && gw_arp_is_ours(frame, len) ? GW_FRAME_ARP_IN : GW_FRAME_OTHER;
	default:
		return GW_FRAME_OTHER;
	}
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t t[GW_IP_BYTES];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

void gw_frame_turn(uint8_t *frame, const uint8_t *own_mac, uint32_t len)
{
	bool v6 = gw_get16(frame + 12) == GW_FRAME_TYPE_IPV6;
	uint8_t *ip = frame + GW_FRAME_ETHERNET;
	uint8_t *udp = ip + (v6 ? GW_FRAME_IPV6 : GW_FRAME_IPV4);
	uint16_t udp_len = (uint16_t)(GW_FRAME_UDP_BYTES + len);

	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, own_mac, 6);
	swap(udp, udp + 2, 2);
	gw_put16(udp + 4, udp_len);
	gw_put16(udp + 6, 0);
	if (v6) {
		swap(ip + 8, ip + 24, GW_IP_BYTES);
		gw_put16(ip + 4, udp_len);
		ip[1] &= (uint8_t) ~(ECN_CE << ECN_SHIFT_V6);
		return;
	}
	swap(ip + 12, ip + 16, 4);
	gw_put16(ip + 2, (uint16_t)(GW_FRAME_IPV4 + udp_len));
	ip[1] &= (uint8_t)~ECN_CE;
	gw_put16(ip + 10, 0);
	gw_put16(ip + 10, (uint16_t)~gw_sum_fold(gw_sum_words(ip, GW_FRAME_IPV4)));
}
