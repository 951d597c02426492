/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071): the sum of 16-bit words, folded, is 0xffff where it is right. */
#pragma once

#include "../base/ip.h"
#include "../wire/bytes.h"

#include <stddef.h>
#include <stdint.h>

/* len is even; the sum of up to 128 KiB does not overflow. */
static inline uint32_t gw_sum_words(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += gw_get16(p + i);
	return sum;
}

/* Of a message of protocol in a packet whose IPv6 header is at ip: over the addresses, length and
 * protocol, then the message (RFC 8200, 8.1). */
static inline uint32_t gw_sum_upper(
	const uint8_t *ip, uint8_t protocol, const uint8_t *message, uint32_t bytes)
{
	return gw_sum_words(ip + 8, 2 * GW_IP_BYTES) + bytes + protocol +
	       gw_sum_words(message, bytes);
}

static inline uint16_t gw_sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
