/* SPDX-License-Identifier: BSD-3-Clause */
/* What the network is to learn of a guest: the Ethernet addresses of its NICs and, where they are
 * known, the IP addresses behind each. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define GW_ANNOUNCE_NICS 8u
#define GW_ANNOUNCE_IPS 4u        /* of each kind, of a NIC */
#define GW_ANNOUNCE_NIC_TEXT 288u /* of the longest NIC as text, with its NUL */

struct gw_announce_nic {
	uint8_t mac[6];
	uint32_t n_ipv4, n_ipv6;
	uint8_t ipv4[GW_ANNOUNCE_IPS][4], ipv6[GW_ANNOUNCE_IPS][16];
};

struct gw_announce_nics {
	uint32_t n;
	struct gw_announce_nic nic[GW_ANNOUNCE_NICS];
};

/* "52:54:00:12:34:56" or "52:54:00:12:34:56,192.0.2.7,2001:db8::7": of one station each, no group
 * and no zeros. 0, or -EINVAL and *out is as it was. */
int gw_announce_parse(const char *text, struct gw_announce_nic *out);
void gw_announce_print(const struct gw_announce_nic *nic, char out[GW_ANNOUNCE_NIC_TEXT]);

/* A list of such texts. NULL is an empty one; -EINVAL where it is none, or too long. */
int gw_announce_from_json(const json_t *list, struct gw_announce_nics *out);
json_t *gw_announce_to_json(const struct gw_announce_nics *nics);
