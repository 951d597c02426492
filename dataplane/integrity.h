/* SPDX-License-Identifier: BSD-3-Clause */
/* What protects the packets of a link: agreed by both hosts, named in every output. */
#pragma once

#include "wire/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum gw_dp_integrity {
	GW_DP_CRC32C,
	GW_DP_INTEGRITY_NONE,
	GW_DP_AES_128_GCM, /* encrypted */
	GW_DP_AES_256_GCM,
	GW_DP_INTEGRITIES
};

static inline const char *gw_integrity_name(enum gw_dp_integrity integrity)
{
	static const char *const names[GW_DP_INTEGRITIES] = {
		[GW_DP_CRC32C] = "crc32c",
		[GW_DP_INTEGRITY_NONE] = "none",
		[GW_DP_AES_128_GCM] = "aes-128-gcm",
		[GW_DP_AES_256_GCM] = "aes-256-gcm",
	};

	return integrity < GW_DP_INTEGRITIES ? names[integrity] : "?";
}

/* False: no such name. */
static inline bool gw_integrity_find(const char *name, enum gw_dp_integrity *out)
{
	for (unsigned int i = 0; i < GW_DP_INTEGRITIES; i++) {
		if (strcmp(name, gw_integrity_name((enum gw_dp_integrity)i)) != 0)
			continue;
		*out = (enum gw_dp_integrity)i;
		return true;
	}
	return false;
}

static inline bool gw_integrity_encrypts(enum gw_dp_integrity integrity)
{
	return integrity == GW_DP_AES_128_GCM || integrity == GW_DP_AES_256_GCM;
}

/* As its packets say, enum gw_wire_flag. */
static inline uint8_t gw_integrity_flags(enum gw_dp_integrity integrity)
{
	if (gw_integrity_encrypts(integrity))
		return GW_WIRE_AEAD;
	return integrity == GW_DP_CRC32C ? GW_WIRE_CRC32C : 0;
}
