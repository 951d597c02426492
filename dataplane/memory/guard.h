/* SPDX-License-Identifier: BSD-3-Clause */
/* Mappings of files that others may cut off: the SIGBUS of a page that is gone puts anonymous
 * memory in the whole mapping's place, on whatever thread it comes, poll cores too. */
#pragma once

#include "../dataplane.h"

#define GW_GUARDS (GW_DP_MAX_STREAMS * 2 * GW_DP_MAX_REGIONS)

/* *broken is set to 1 (atomically) when that happens; it must live until the guard is removed.
 * -ENOSPC: GW_GUARDS are in use. */
int gw_guard_add(void *base, uint64_t bytes, uint32_t *broken);
/* Before munmap(). */
void gw_guard_remove(const void *base);
