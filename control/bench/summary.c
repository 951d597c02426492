/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <stdlib.h>

/* The machine's own speed changes from one second to the next: neighbours in time are compared, and
 * the median of these quotients tells more than the quotient of two medians. */
static double median_ratio(const double *over, const double *under, uint32_t n)
{
	double *q = calloc(n + 1, sizeof(*q));
	uint32_t used = 0;
	double median;

	if (q == NULL)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (under[i] > 0)
			q[used++] = over[i] / under[i];
	median = used == 0 ? 0 : result_median_of(q, used);
	free(q);
	return median;
}

static double *rates(const struct bench_series *s)
{
	double *v = calloc(s->n + 1, sizeof(*v));

	for (uint32_t i = 0; v != NULL && i < s->n; i++)
		v[i] = s->r[i].payload_bps;
	return v;
}

double bench_bound_ratio(const struct bench *b)
{
	uint32_t n = b->protocol.n < b->bound.n ? b->protocol.n : b->bound.n;
	double *over = rates(&b->protocol), *under = rates(&b->bound);
	double ratio = over == NULL || under == NULL ? 0 : median_ratio(over, under, n);

	free(over);
	free(under);
	return ratio;
}

double bench_fresh_ratio(const struct bench *b)
{
	double *over = rates(&b->fresh);
	double ratio = over == NULL ? 0 : median_ratio(over, b->plain_bps, b->fresh.n);

	free(over);
	return ratio;
}

double bench_plain_bps(const struct bench *b)
{
	return b->fresh.n == 0 ? 0 : result_median_of(b->plain_bps, b->fresh.n);
}
