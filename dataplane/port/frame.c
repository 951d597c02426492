/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include "../wire/bytes.h"
#include "../wire/wire.h"

#include <string.h>

#define UDP_BYTES 8u
#define TYPE_IPV4 0x0800u
#define TYPE_ARP 0x0806u
#define PROTO_UDP 17u
#define ECN_ECT0 2u
#define ECN_CE 3u

static uint32_t sum_words(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += gw_get16(p + i);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void gw_frame_template(struct gw_frame_template *t, const uint8_t *from_mac, const uint8_t *to_mac,
	uint32_t from_ip, uint32_t to_ip, uint16_t from_port, uint16_t to_port)
{
	uint8_t *eth = t->bytes, *ip = eth + GW_FRAME_ETHERNET, *udp = ip + GW_FRAME_IPV4;

	memset(t, 0, sizeof(*t));
	memcpy(eth, to_mac, 6);
	memcpy(eth + 6, from_mac, 6);
	gw_put16(eth + 12, TYPE_IPV4);
	ip[0] = 0x45;
	gw_put16(ip + 6, 0x4000); /* DF: the path MTU is known, routers must not cut */
	ip[8] = 64;
	ip[9] = PROTO_UDP;
	gw_put32(ip + 12, from_ip);
	gw_put32(ip + 16, to_ip);
	gw_put16(udp, from_port);
	gw_put16(udp + 2, to_port);
	/* The UDP checksum stays 0 (none, RFC 768): CRC32C or a tag covers the payload. */
	t->ip_sum = sum_words(ip, GW_FRAME_IPV4);
}

void gw_frame_template_ect(struct gw_frame_template *t)
{
	t->bytes[GW_FRAME_ETHERNET + 1] |= ECN_ECT0;
	t->ip_sum = sum_words(t->bytes + GW_FRAME_ETHERNET, GW_FRAME_IPV4);
}

void gw_frame_put(uint8_t *out, const struct gw_frame_template *t, uint32_t len)
{
	uint16_t total = (uint16_t)(GW_FRAME_IPV4 + UDP_BYTES + len);

	memcpy(out, t->bytes, GW_FRAME_HEADER);
	gw_put16(out + GW_FRAME_ETHERNET + 2, total);
	gw_put16(out + GW_FRAME_ETHERNET + 10, (uint16_t)~fold(t->ip_sum + total));
	gw_put16(out + GW_FRAME_ETHERNET + GW_FRAME_IPV4 + 4, (uint16_t)(UDP_BYTES + len));
}

static enum gw_frame_kind parse_ipv4(
	const uint8_t *ip, size_t len, uint32_t own_ip, struct gw_frame_in *in)
{
	const uint8_t *udp = ip + GW_FRAME_IPV4;
	uint16_t total, udp_len;

	if (len < GW_FRAME_IPV4 + UDP_BYTES || ip[0] != 0x45) /* options are never ours */
		return GW_FRAME_OTHER;
	total = gw_get16(ip + 2);
	if (ip[9] != PROTO_UDP || gw_get32(ip + 16) != own_ip || (gw_get16(ip + 6) & 0x3fff) != 0)
		return GW_FRAME_OTHER;
	if (total > len || total < GW_FRAME_IPV4 + UDP_BYTES ||
		fold(sum_words(ip, GW_FRAME_IPV4)) != 0xffff)
		return GW_FRAME_INVALID;
	udp_len = gw_get16(udp + 4);
	if (udp_len < UDP_BYTES || udp_len != total - GW_FRAME_IPV4)
		return GW_FRAME_INVALID;
	in->ce = (ip[1] & ECN_CE) == ECN_CE;
	in->from_ip = gw_get32(ip + 12);
	in->from_port = gw_get16(udp);
	in->to_port = gw_get16(udp + 2);
	if (in->to_port != GW_WIRE_UDP_PORT &&
		(in->to_port < GW_WIRE_PATH_PORT_BASE ||
			in->to_port >= GW_WIRE_PATH_PORT_BASE + GW_WIRE_PATH_PORT_COUNT))
		return GW_FRAME_OTHER;
	in->payload = udp + UDP_BYTES;
	in->len = udp_len - UDP_BYTES;
	return GW_FRAME_UDP;
}

enum gw_frame_kind gw_frame_parse(
	const uint8_t *frame, size_t len, uint32_t ip, struct gw_frame_in *in)
{
	const uint8_t *arp = frame + GW_FRAME_ETHERNET;

	if (len < GW_FRAME_ETHERNET)
		return GW_FRAME_INVALID;
	switch (gw_get16(frame + 12)) {
	case TYPE_IPV4:
		return parse_ipv4(frame + GW_FRAME_ETHERNET, len - GW_FRAME_ETHERNET, ip, in);
	case TYPE_ARP:
		if (len < GW_FRAME_ARP || gw_get16(arp) != 1 || gw_get16(arp + 2) != TYPE_IPV4 ||
			arp[4] != 6 || arp[5] != 4)
			return GW_FRAME_OTHER;
		return GW_FRAME_ARP_IN;
	default:
		return GW_FRAME_OTHER;
	}
}

void gw_frame_turn(uint8_t *frame, const uint8_t *own_mac, uint32_t len)
{
	uint8_t *ip = frame + GW_FRAME_ETHERNET, *udp = ip + GW_FRAME_IPV4, t[4];

	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, own_mac, 6);
	memcpy(t, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, t, 4);
	memcpy(t, udp, 2);
	memcpy(udp, udp + 2, 2);
	memcpy(udp + 2, t, 2);
	gw_put16(ip + 2, (uint16_t)(GW_FRAME_IPV4 + UDP_BYTES + len));
	gw_put16(udp + 4, (uint16_t)(UDP_BYTES + len));
	ip[1] &= (uint8_t)~ECN_CE;
	gw_put16(ip + 10, 0);
	gw_put16(ip + 10, (uint16_t)~fold(sum_words(ip, GW_FRAME_IPV4)));
}

static void put_arp(uint8_t *out, uint16_t op, const uint8_t *own_mac, uint32_t own_ip,
	const uint8_t *to_mac, uint32_t to_ip)
{
	uint8_t *arp = out + GW_FRAME_ETHERNET;

	gw_put16(out + 12, TYPE_ARP);
	memcpy(out + 6, own_mac, 6);
	gw_put16(arp, 1);
	gw_put16(arp + 2, TYPE_IPV4);
	arp[4] = 6;
	arp[5] = 4;
	gw_put16(arp + 6, op);
	memcpy(arp + 8, own_mac, 6);
	gw_put32(arp + 14, own_ip);
	memcpy(arp + 18, to_mac, 6);
	gw_put32(arp + 24, to_ip);
}

void gw_frame_arp_request(uint8_t *out, const uint8_t *own_mac, uint32_t own_ip, uint32_t ip)
{
	static const uint8_t nobody[6];

	memset(out, 0xff, 6);
	put_arp(out, 1, own_mac, own_ip, nobody, ip);
}

bool gw_frame_arp_wants(const uint8_t *frame, uint32_t own_ip)
{
	const uint8_t *arp = frame + GW_FRAME_ETHERNET;

	return gw_get16(arp + 6) == 1 && gw_get32(arp + 24) == own_ip;
}

void gw_frame_arp_answer(uint8_t *frame, const uint8_t *own_mac, uint32_t own_ip)
{
	uint8_t to_mac[6];
	uint32_t to_ip = gw_get32(frame + GW_FRAME_ETHERNET + 14);

	memcpy(to_mac, frame + GW_FRAME_ETHERNET + 8, 6);
	memcpy(frame, to_mac, 6);
	put_arp(frame, 2, own_mac, own_ip, to_mac, to_ip);
}

uint32_t gw_frame_arp_sender(const uint8_t *frame, const uint8_t **mac)
{
	*mac = frame + GW_FRAME_ETHERNET + 8;
	return gw_get32(frame + GW_FRAME_ETHERNET + 14);
}
