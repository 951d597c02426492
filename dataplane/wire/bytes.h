/* SPDX-License-Identifier: BSD-3-Clause */
/* Big-endian integers in unaligned bytes. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void gw_put16(uint8_t *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void gw_put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void gw_put48(uint8_t *p, uint64_t v)
{
	gw_put16(p, (uint16_t)(v >> 32));
	gw_put32(p + 2, (uint32_t)v);
}

static inline void gw_put64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t gw_get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t gw_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t gw_get48(const uint8_t *p)
{
	return (uint64_t)gw_get16(p) << 32 | gw_get32(p + 2);
}

static inline uint64_t gw_get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}
