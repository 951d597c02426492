/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 neighbour discovery (RFC 4861), as much of it as ARP is for IPv4: solicitations and
 * advertisements of neighbours over Ethernet. Addresses and routers are configured: no router
 * discovery, no redirects, and no search for a duplicate of an own address, though another host's
 * search is answered (RFC 4862). Pure. */
#pragma once

#include "frame.h"

/* A frame that is written here: Ethernet 14, IPv6 40, a message of 24, the option with a MAC 8. */
#define GW_NDP_BYTES 86u
/* One that is looked at, at most: others send further options. */
#define GW_NDP_ROOM 256u

struct gw_ndp_in {
	bool asks;          /* for target; otherwise it tells where that is */
	struct gw_ip from;  /* none: a host that wants target for itself */
	struct gw_ip target;
	const uint8_t *mac; /* of the host that sent it; NULL: not said */
};

/* A frame that gw_frame_parse() called GW_FRAME_NDP_IN: the same, or GW_FRAME_OTHER (a message of
 * another kind, or to another host), or GW_FRAME_INVALID (RFC 4861, 7.1: then it means nothing). */
enum gw_frame_kind gw_ndp_parse(
	const uint8_t *frame, size_t len, const struct gw_ip *own_ip, struct gw_ndp_in *in);

/* The group in which a host with this address is asked for (solicited-node, RFC 4291, 2.7.1). */
struct gw_ip gw_ndp_group(const struct gw_ip *ip);
/* Where a multicast address is on Ethernet (RFC 2464, 7). */
void gw_ndp_multicast_mac(const struct gw_ip *group, uint8_t mac[6]);

/* GW_NDP_BYTES to all who might have ip. */
void gw_ndp_solicit(
	uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip, const struct gw_ip *ip);
/* GW_NDP_BYTES that answer a solicitation for own_ip which came from from_mac. */
void gw_ndp_answer(uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip,
	const struct gw_ndp_in *asked, const uint8_t *from_mac);
