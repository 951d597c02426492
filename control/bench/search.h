/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The highest rate without loss, as RFC 2544 section 26.1 looks for throughput: the full rate
 * first, then halving between the highest that lost nothing and the lowest that did. Pure.
 */
#pragma once

#include <stdbool.h>

struct search {
	double max, low,
		high;      /* low lost nothing (0: nobody tried), high did, or is not tried yet */
	double resolution; /* of max, at which it ends */
	bool tried_max;
};

static inline void search_begin(struct search *s, double max, double resolution)
{
	*s = (struct search){.max = max, .high = max, .resolution = resolution};
}

/* The next rate to try; false: s->low is the answer (0: even the lowest tried lost packets). */
static inline bool search_next(const struct search *s, double *rate)
{
	if (!s->tried_max)
		*rate = s->max;
	else if (s->high - s->low > s->resolution * s->max)
		*rate = (s->low + s->high) / 2;
	else
		return false;
	return true;
}

static inline void search_result(struct search *s, double rate, bool lossless)
{
	s->tried_max = true;
	if (lossless)
		s->low = rate;
	else
		s->high = rate;
}
