/* SPDX-License-Identifier: BSD-3-Clause */
#include "profile.h"

#include "../godwit_export.h"

#include <stddef.h>

#define RAM_MAX_BYTES (1ull << 42)

const char *guest_profile_error(const struct guest_profile *p)
{
	if (p->regions < 1 || p->regions > GW_EXPORT_MAX_REGIONS)
		return "regions: allowed are 1..16";
	if (p->ram_bytes < p->regions * (1ull << 20) || p->ram_bytes > RAM_MAX_BYTES)
		return "ram: allowed are 1 MiB per region up to 4 TiB";
	if (p->ram_bytes % (p->regions * 4096ull) != 0)
		return "ram: not a whole number of 4 KiB pages per region";
	if (p->holes_pct > 100 || p->zero_pct > 100 || p->holes_pct + p->zero_pct > 100)
		return "holes and zero: percentages that add up to at most 100";
	if (p->compressible_pct > 100)
		return "compressible: allowed are 0..100";
	if (p->hot_set_bytes > p->ram_bytes)
		return "hot-set: larger than the RAM";
	if (p->pattern > GUEST_HOT)
		return "pattern: allowed are seq, random, hot";
	if (p->threads < 1 || p->threads > GUEST_THREADS_MAX)
		return "threads: allowed are 1..15";
	return NULL;
}
