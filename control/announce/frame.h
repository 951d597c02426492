/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames by which switches and neighbours learn where an Ethernet address is now. Pure. out holds
 * GW_ANNOUNCE_FRAME bytes; the frame's length is returned, without checksum, padded to what
 * Ethernet asks for.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define GW_ANNOUNCE_FRAME 96u

/* A reverse ARP request (RFC 903) for its own address: it needs no IP address, switches learn from
 * its source, and nobody answers. */
size_t gw_announce_rarp(const uint8_t mac[6], uint8_t *out);
/* An ARP announcement (RFC 5227, section 3): a request whose sender and target address are the
 * same. */
size_t gw_announce_arp(const uint8_t mac[6], const uint8_t ipv4[4], uint8_t *out);
/* An unsolicited neighbour advertisement (RFC 4861, sections 4.4 and 7.2.6) that overrides, to all
 * nodes. */
size_t gw_announce_na(const uint8_t mac[6], const uint8_t ipv6[16], uint8_t *out);
