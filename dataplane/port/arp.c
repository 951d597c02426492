/* SPDX-License-Identifier: BSD-3-Clause */
#include "arp.h"

#include "../wire/bytes.h"
#include "frame.h"

#include <string.h>

#define REQUEST 1u
#define ANSWER 2u

bool gw_arp_is_ours(const uint8_t *frame, size_t len)
{
	const uint8_t *arp = frame + GW_FRAME_ETHERNET;

	return len >= GW_ARP_BYTES && gw_get16(arp) == 1 &&
	       gw_get16(arp + 2) == GW_FRAME_TYPE_IPV4 && arp[4] == 6 && arp[5] == 4;
}

static void put_arp(uint8_t *out, uint16_t op, const uint8_t *own_mac, uint32_t own_ip,
	const uint8_t *to_mac, uint32_t to_ip)
{
	uint8_t *arp = out + GW_FRAME_ETHERNET;

	gw_put16(out + 12, GW_FRAME_TYPE_ARP);
	memcpy(out + 6, own_mac, 6);
	gw_put16(arp, 1);
	gw_put16(arp + 2, GW_FRAME_TYPE_IPV4);
	arp[4] = 6;
	arp[5] = 4;
	gw_put16(arp + 6, op);
	memcpy(arp + 8, own_mac, 6);
	gw_put32(arp + 14, own_ip);
	memcpy(arp + 18, to_mac, 6);
	gw_put32(arp + 24, to_ip);
}

void gw_arp_request(
	uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip, const struct gw_ip *ip)
{
	static const uint8_t nobody[6];

	memset(out, 0xff, 6);
	put_arp(out, REQUEST, own_mac, gw_ip_v4(own_ip), nobody, gw_ip_v4(ip));
}

bool gw_arp_wants(const uint8_t *frame, const struct gw_ip *own_ip)
{
	const uint8_t *arp = frame + GW_FRAME_ETHERNET;

	return gw_get16(arp + 6) == REQUEST && gw_get32(arp + 24) == gw_ip_v4(own_ip);
}

void gw_arp_answer(uint8_t *frame, const uint8_t *own_mac, const struct gw_ip *own_ip)
{
	uint8_t to_mac[6];
	uint32_t to_ip = gw_get32(frame + GW_FRAME_ETHERNET + 14);

	memcpy(to_mac, frame + GW_FRAME_ETHERNET + 8, 6);
	memcpy(frame, to_mac, 6);
	put_arp(frame, ANSWER, own_mac, gw_ip_v4(own_ip), to_mac, to_ip);
}

struct gw_ip gw_arp_sender(const uint8_t *frame, const uint8_t **mac)
{
	*mac = frame + GW_FRAME_ETHERNET + 8;
	return gw_ip_from_v4(gw_get32(frame + GW_FRAME_ETHERNET + 14));
}
