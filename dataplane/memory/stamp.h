/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Newest wins: what was applied to a page last. 32 bits: epoch label 16, "data was stored here" 1,
 * fragment mask 15. Owned by the page's owner core.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_STAMP_ALL 0x7fffu  /* every fragment */
#define GW_STAMP_DATA 0x8000u /* the page was stored to: zeros must be written, not assumed */

enum gw_stamp_verdict { GW_STAMP_APPLY, GW_STAMP_DUPLICATE, GW_STAMP_SUPERSEDED };

static inline uint16_t gw_stamp_epoch(uint32_t stamp)
{
	return (uint16_t)(stamp >> 16);
}

/* What to do with these fragments of epoch; advances *stamp where they are to be applied. data: the
 * caller stores bytes (as opposed to a zero or hole run over a page that nobody stored to). */
static inline enum gw_stamp_verdict gw_stamp_take(
	uint32_t *stamp, uint16_t epoch, uint32_t fragments, bool data)
{
	uint32_t s = *stamp;

	if (gw_stamp_epoch(s) > epoch)
		return GW_STAMP_SUPERSEDED;
	if (gw_stamp_epoch(s) < epoch)
		s = (uint32_t)epoch << 16 | (s & GW_STAMP_DATA);
	else if ((s & fragments) == fragments)
		return GW_STAMP_DUPLICATE;
	*stamp = s | fragments | (data ? GW_STAMP_DATA : 0);
	return GW_STAMP_APPLY;
}
