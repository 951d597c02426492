/* SPDX-License-Identifier: BSD-3-Clause */
/* An IPv4 address for people. */
#pragma once

#include <arpa/inet.h>
#include <stdint.h>

#define GW_IPV4_TEXT INET_ADDRSTRLEN

/* ip in host order; returns text. */
static inline const char *gw_ipv4_text(uint32_t ip, char text[GW_IPV4_TEXT])
{
	const struct in_addr in = {htonl(ip)};

	return inet_ntop(AF_INET, &in, text, GW_IPV4_TEXT);
}
