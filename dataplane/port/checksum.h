/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071): the sum of 16-bit words, folded, is 0xffff where it is right. */
#pragma once

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

static inline uint16_t gw_sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
