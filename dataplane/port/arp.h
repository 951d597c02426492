/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP (RFC 826), IPv4 over Ethernet: who has an address on a port's link. Pure. */
#pragma once

#include "../base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_ARP_BYTES 42u /* of a frame: Ethernet 14, ARP 28 */

/* Whether a frame of this ether type is whole, and of these kinds of addresses. */
bool gw_arp_is_ours(const uint8_t *frame, size_t len);
/* A request for ip, to all. */
void gw_arp_request(
	uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip, const struct gw_ip *ip);
/* Of a frame that is ours: whether it asks for own_ip; the answer to it, in place; who sent it. */
bool gw_arp_wants(const uint8_t *frame, const struct gw_ip *own_ip);
void gw_arp_answer(uint8_t *frame, const uint8_t *own_mac, const struct gw_ip *own_ip);
struct gw_ip gw_arp_sender(const uint8_t *frame, const uint8_t **mac);
