/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC32C as in RFC 3720, by ISA-L. */
#pragma once

#include <isa-l/crc.h>
#include <stddef.h>
#include <stdint.h>

static inline uint32_t gw_crc32c(const uint8_t *bytes, size_t len)
{
	/* ISA-L's prototype lacks const; it only reads. */
	return ~crc32_iscsi((unsigned char *)(uintptr_t)bytes, (int)len, 0xffffffffu);
}
