/* SPDX-License-Identifier: BSD-3-Clause */
#include "ndp.h"

#include "checksum.h"

#include <string.h>

#define SOLICITATION 135u
#define ADVERTISEMENT 136u
#define OPTION_SOURCE_MAC 1u
#define OPTION_TARGET_MAC 2u
#define MESSAGE_BYTES 24u
#define OPTION_UNIT 8u
#define FLAG_SOLICITED 0x40u
#define FLAG_OVERRIDE 0x20u
/* No router lets a packet arrive with it: the sender is on this link. */
#define HOPS_LINK 255u

#define GROUP_HIGH UINT64_C(0xff02000000000000)
#define GROUP_LOW UINT64_C(0x00000001ff000000) /* then 24 bits of the address */
#define GROUP_BITS UINT64_C(0xffffff)

static const struct gw_ip all_nodes = {GROUP_HIGH, 1};

struct gw_ip gw_ndp_group(const struct gw_ip *ip)
{
	return (struct gw_ip){GROUP_HIGH, GROUP_LOW | (ip->low & GROUP_BITS)};
}

void gw_ndp_multicast_mac(const struct gw_ip *group, uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	gw_put32(mac + 2, (uint32_t)group->low);
}

static uint16_t ndp_sum(const uint8_t *ip, uint32_t bytes)
{
	return gw_sum_fold(gw_sum_upper(ip, GW_FRAME_PROTO_ICMPV6, ip + GW_FRAME_IPV6, bytes));
}

/* The MAC in the option of this type. False: an option is not valid. */
static bool read_options(const uint8_t *at, uint32_t bytes, uint8_t type, const uint8_t **mac)
{
	*mac = NULL;
	while (bytes != 0) {
		uint32_t len = OPTION_UNIT * at[1];

		if (len == 0 || len > bytes)
			return false;
		if (at[0] == type) {
			/* An Ethernet address, and one host's. */
			if (len != OPTION_UNIT || (at[2] & 1) != 0)
				return false;
			*mac = at + 2;
		}
		at += len;
		bytes -= len;
	}
	return true;
}

enum gw_frame_kind gw_ndp_parse(
	const uint8_t *frame, size_t len, const struct gw_ip *own_ip, struct gw_ndp_in *in)
{
	const uint8_t *ip = frame + GW_FRAME_ETHERNET, *message = ip + GW_FRAME_IPV6;
	struct gw_ip to, group = gw_ndp_group(own_ip);
	uint32_t bytes;

	if (len < GW_FRAME_ETHERNET + GW_FRAME_IPV6 + 1 ||
		(message[0] != SOLICITATION && message[0] != ADVERTISEMENT))
		return GW_FRAME_OTHER;
	bytes = gw_get16(ip + 4);
	/* Options have whole units. */
	if (bytes < MESSAGE_BYTES || bytes % OPTION_UNIT != 0 ||
		bytes > len - GW_FRAME_ETHERNET - GW_FRAME_IPV6)
		return GW_FRAME_INVALID;
	to = gw_ip_get(ip + 24);
	if (!gw_ip_equal(&to, own_ip) && !gw_ip_equal(&to, &group) && !gw_ip_equal(&to, &all_nodes))
		return GW_FRAME_OTHER;
	in->asks = message[0] == SOLICITATION;
	in->from = gw_ip_get(ip + 8);
	in->target = gw_ip_get(message + 8);
	if (ip[7] != HOPS_LINK || message[1] != 0 || ndp_sum(ip, bytes) != 0xffff ||
		!gw_ip_is_v6_host(&in->target) ||
		(gw_ip_is_set(&in->from) && !gw_ip_is_v6_host(&in->from)) ||
		!read_options(message + MESSAGE_BYTES, bytes - MESSAGE_BYTES,
			in->asks ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC, &in->mac))
		return GW_FRAME_INVALID;
	if (gw_ip_is_set(&in->from))
		return in->asks || gw_ip_equal(&to, own_ip) || (message[4] & FLAG_SOLICITED) == 0
			       ? GW_FRAME_NDP_IN
			       : GW_FRAME_INVALID;
	/* Who has no address yet asks all, and cannot tell. */
	return in->asks && in->mac == NULL && gw_ip_equal(&to, &group) ? GW_FRAME_NDP_IN
								       : GW_FRAME_INVALID;
}

static void put_ndp(uint8_t *out, const uint8_t *own_mac, const uint8_t *to_mac,
	const struct gw_ip *from, const struct gw_ip *to, uint8_t type, uint8_t flags,
	const struct gw_ip *target)
{
	uint8_t *ip = out + GW_FRAME_ETHERNET, *message = ip + GW_FRAME_IPV6;
	uint32_t bytes = MESSAGE_BYTES + OPTION_UNIT;

	memset(out, 0, GW_NDP_BYTES);
	gw_frame_put_ipv6(out, own_mac, to_mac, from, to);
	gw_put16(ip + 4, (uint16_t)bytes);
	ip[6] = GW_FRAME_PROTO_ICMPV6;
	ip[7] = HOPS_LINK;
	message[0] = type;
	message[4] = flags;
	gw_ip_put(message + 8, target);
	message[MESSAGE_BYTES] = type == SOLICITATION ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC;
	message[MESSAGE_BYTES + 1] = 1;
	memcpy(message + MESSAGE_BYTES + 2, own_mac, 6);
	gw_put16(message + 2, (uint16_t)~ndp_sum(ip, bytes));
}

void gw_ndp_solicit(
	uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip, const struct gw_ip *ip)
{
	struct gw_ip group = gw_ndp_group(ip);
	uint8_t mac[6];

	gw_ndp_multicast_mac(&group, mac);
	put_ndp(out, own_mac, mac, own_ip, &group, SOLICITATION, 0, ip);
}

void gw_ndp_answer(uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip,
	const struct gw_ndp_in *asked, const uint8_t *from_mac)
{
	uint8_t mac[6];

	if (gw_ip_is_set(&asked->from)) {
		put_ndp(out, own_mac, asked->mac != NULL ? asked->mac : from_mac, own_ip,
			&asked->from, ADVERTISEMENT, FLAG_SOLICITED | FLAG_OVERRIDE, own_ip);
		return;
	}
	gw_ndp_multicast_mac(&all_nodes, mac);
	put_ndp(out, own_mac, mac, own_ip, &all_nodes, ADVERTISEMENT, FLAG_OVERRIDE, own_ip);
}
