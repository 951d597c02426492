/* SPDX-License-Identifier: BSD-3-Clause */
/* Zero test of a page: the first cache line decides for most pages, so it is looked at alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool gw_zero_line(const uint8_t *line)
{
	uint64_t v[8];

	memcpy(v, line, sizeof(v));
	return (v[0] | v[1] | v[2] | v[3] | v[4] | v[5] | v[6] | v[7]) == 0;
}

static inline bool gw_zero_page(const uint8_t *page)
{
	for (unsigned int i = 0; i < 4096; i += 64)
		if (!gw_zero_line(page + i))
			return false;
	return true;
}
