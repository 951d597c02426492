/* SPDX-License-Identifier: BSD-3-Clause */
/* An IP address of either family, as a value. An IPv4 address is kept as IPv4-mapped, ::ffff:a.b.c.d
 * (RFC 4291, 2.5.5.2), which is nobody's IPv6 address. All zero: none. */
#pragma once

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define GW_IP_TEXT INET6_ADDRSTRLEN
#define GW_IP_BYTES 16u

struct gw_ip {
	uint64_t high, low; /* the first eight bytes, the last eight; host order */
};
_Static_assert(sizeof(struct gw_ip) == GW_IP_BYTES, "nothing in between: it is compared as bytes");

/* ip in host order. */
static inline struct gw_ip gw_ip_from_v4(uint32_t ip)
{
	return (struct gw_ip){0, UINT64_C(0xffff) << 32 | ip};
}

static inline bool gw_ip_is_v4(const struct gw_ip *ip)
{
	return ip->high == 0 && ip->low >> 32 == 0xffff;
}

/* Of an IPv4 address, host order. */
static inline uint32_t gw_ip_v4(const struct gw_ip *ip)
{
	return (uint32_t)ip->low;
}

static inline bool gw_ip_is_set(const struct gw_ip *ip)
{
	return (ip->high | ip->low) != 0;
}

static inline bool gw_ip_equal(const struct gw_ip *a, const struct gw_ip *b)
{
	return a->high == b->high && a->low == b->low;
}

/* The 16 bytes of an IPv6 address, as in a packet. */
static inline struct gw_ip gw_ip_get(const uint8_t *bytes)
{
	uint64_t half[2];

	memcpy(half, bytes, sizeof(half));
	return (struct gw_ip){be64toh(half[0]), be64toh(half[1])};
}

static inline void gw_ip_put(uint8_t *bytes, const struct gw_ip *ip)
{
	const uint64_t half[2] = {htobe64(ip->high), htobe64(ip->low)};

	memcpy(bytes, half, sizeof(half));
}

static inline uint32_t gw_ip_prefix_max(const struct gw_ip *ip)
{
	return gw_ip_is_v4(ip) ? 32 : 128;
}

/* Without its first `prefix` bits, which are counted in its own family: which host of the subnet. */
static inline struct gw_ip gw_ip_host_part(const struct gw_ip *ip, uint32_t prefix)
{
	uint32_t bits = prefix + (gw_ip_is_v4(ip) ? 96 : 0);

	if (bits >= 64)
		return (struct gw_ip){0, bits >= 128 ? 0 : ip->low & UINT64_MAX >> (bits - 64)};
	return (struct gw_ip){ip->high & UINT64_MAX >> bits, ip->low};
}

/* Addresses of two families share none. */
static inline bool gw_ip_same_subnet(const struct gw_ip *a, const struct gw_ip *b, uint32_t prefix)
{
	struct gw_ip host_a = gw_ip_host_part(a, prefix), host_b = gw_ip_host_part(b, prefix);

	return gw_ip_is_v4(a) == gw_ip_is_v4(b) &&
	       (a->high ^ host_a.high) == (b->high ^ host_b.high) &&
	       (a->low ^ host_a.low) == (b->low ^ host_b.low);
}

/* Of IPv6 only. */
static inline bool gw_ip_is_multicast(const struct gw_ip *ip)
{
	return ip->high >> 56 == 0xff;
}

static inline bool gw_ip_is_link_local(const struct gw_ip *ip)
{
	return ip->high >> 54 == 0xfe80 >> 6;
}

/* Whether an IPv6 address can be a host's on a link: not unspecified, loopback, multicast, or an
 * IPv4 address in disguise (mapped, or the old ::a.b.c.d). */
static inline bool gw_ip_is_v6_host(const struct gw_ip *ip)
{
	return !gw_ip_is_multicast(ip) && !(ip->high == 0 && ip->low >> 48 == 0);
}

/* Returns text. */
static inline const char *gw_ip_text(const struct gw_ip *ip, char text[GW_IP_TEXT])
{
	uint8_t bytes[GW_IP_BYTES];

	gw_ip_put(bytes, ip);
	return gw_ip_is_v4(ip) ? inet_ntop(AF_INET, bytes + 12, text, GW_IP_TEXT)
			       : inet_ntop(AF_INET6, bytes, text, GW_IP_TEXT);
}

/* Either family's usual text; an IPv4 address written as an IPv6 one is refused: it would have two
 * spellings that mean different things on a wire. */
static inline bool gw_ip_from_text(const char *text, struct gw_ip *ip)
{
	uint8_t bytes[GW_IP_BYTES];
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ip = gw_ip_from_v4(ntohl(v4.s_addr));
		return true;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	*ip = gw_ip_get(bytes);
	return !gw_ip_is_v4(ip);
}
