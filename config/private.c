/* SPDX-License-Identifier: BSD-3-Clause */
#include "private.h"

#include <string.h>

bool gw_private_ipv4(uint32_t ip)
{
	return ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 || ip >> 24 == 127 ||
	       ip >> 16 == 0xa9fe;
}

bool gw_private_ipv6(const struct in6_addr *ip)
{
	uint32_t v4;

	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		memcpy(&v4, &ip->s6_addr[12], sizeof(v4));
		return gw_private_ipv4(ntohl(v4));
	}
	return IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_LINKLOCAL(ip) ||
	       (ip->s6_addr[0] & 0xfe) == 0xfc;
}

bool gw_private_ip(const struct gw_ip *ip)
{
	struct in6_addr in6;

	/* An IPv4 address is a mapped one in both forms. */
	gw_ip_put(in6.s6_addr, ip);
	return gw_private_ipv6(&in6);
}

bool gw_private_sockaddr(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		return gw_private_ipv4(ntohl(v4.sin_addr.s_addr));
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		return gw_private_ipv6(&v6.sin6_addr);
	default:
		return false;
	}
}
