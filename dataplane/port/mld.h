/* SPDX-License-Identifier: BSD-3-Clause */
/* Multicast listener discovery, version 2 (RFC 3810), as much of it as a port needs: the word that it
 * listens to its solicited-node group, without which switches that snoop on such reports keep
 * neighbours' questions from it. It is repeated without being asked. Pure. */
#pragma once

#include "../base/ip.h"

/* Ethernet 14, IPv6 40, router alert 8, report 8, one record 20. */
#define GW_MLD_BYTES 90u

/* GW_MLD_BYTES that report the group of own_ip. They come from the MAC's link-local address (RFC 4291,
 * appendix A), as RFC 3810 wants it: nobody is asked or told more about that. */
void gw_mld_report(uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip);
