/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses that do not leave a network of one's own: RFC 1918 and 4193 (unique local), loopback,
 * link-local. The unspecified address is not one: it stands for all of a host's addresses. */
#pragma once

#include "../dataplane/base/ip.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

bool gw_private_ipv4(uint32_t ip); /* host byte order */
bool gw_private_ipv6(const struct in6_addr *ip);
bool gw_private_ip(const struct gw_ip *ip);
bool gw_private_sockaddr(const struct sockaddr *sa);
