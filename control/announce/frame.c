/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <string.h>

#define HEADER 14u
#define SHORTEST 60u
#define NA_BYTES 32u /* ICMPv6: 24 and one option */

static uint8_t *put_16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *bytes, size_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

static uint8_t *put_header(uint8_t *p, const uint8_t to[6], const uint8_t from[6], uint32_t type)
{
	p = put_bytes(p, to, 6);
	p = put_bytes(p, from, 6);
	return put_16(p, type);
}

/* RFC 826's layout, which RARP has too. */
static size_t arp(uint32_t type, uint32_t operation, const uint8_t mac[6], const uint8_t ip[4],
	const uint8_t target[6], uint8_t *out)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t *p = put_header(out, broadcast, mac, type);

	p = put_16(p, 1);      /* Ethernet */
	p = put_16(p, 0x0800); /* IPv4 */
	*p++ = 6;
	*p++ = 4;
	p = put_16(p, operation);
	p = put_bytes(p, mac, 6);
	p = put_bytes(p, ip, 4);
	p = put_bytes(p, target, 6);
	p = put_bytes(p, ip, 4);
	memset(p, 0, SHORTEST - (size_t)(p - out));
	return SHORTEST;
}

size_t gw_announce_rarp(const uint8_t mac[6], uint8_t *out)
{
	static const uint8_t unknown[4];

	return arp(0x8035, 3, mac, unknown, mac, out);
}

size_t gw_announce_arp(const uint8_t mac[6], const uint8_t ipv4[4], uint8_t *out)
{
	static const uint8_t ignored[6];

	return arp(0x0806, 1, mac, ipv4, ignored, out);
}

static uint32_t sum_16(uint32_t sum, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

/* RFC 4443, section 2.3; the pseudo header of RFC 8200, section 8.1. */
static uint32_t checksum(const uint8_t *addresses, const uint8_t *message, size_t n)
{
	uint32_t sum = sum_16(58 + (uint32_t)n, addresses, 32);

	sum = sum_16(sum, message, n);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

size_t gw_announce_na(const uint8_t mac[6], const uint8_t ipv6[16], uint8_t *out)
{
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t override[4] = {0x20};
	uint8_t *p = put_header(out, all_nodes_mac, mac, 0x86dd), *addresses, *message;

	*p++ = 0x60;
	memset(p, 0, 3);
	p = put_16(p + 3, NA_BYTES);
	*p++ = 58;  /* ICMPv6 */
	*p++ = 255; /* hop limit: it comes from this link */
	addresses = p;
	p = put_bytes(p, ipv6, 16);
	p = put_bytes(p, all_nodes, 16);
	message = p;
	*p++ = 136;
	*p++ = 0;
	p = put_16(p, 0);
	p = put_bytes(p, override, 4);
	p = put_bytes(p, ipv6, 16);
	*p++ = 2; /* target link-layer address, in units of 8 bytes */
	*p++ = 1;
	p = put_bytes(p, mac, 6);
	put_16(message + 2, checksum(addresses, message, NA_BYTES));
	return (size_t)(p - out);
}
