/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts of values in buckets that grow with the value: log-linear, as in HdrHistogram (G. Tene).
 * Each power of two is cut into GW_HISTOGRAM_STEPS equal buckets, so that a percentile is read with
 * an error of at most 1/GW_HISTOGRAM_STEPS. One thread writes, any reads; two snapshots are
 * subtracted to see what an interval held.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#define GW_HISTOGRAM_STEP_BITS 5u
#define GW_HISTOGRAM_STEPS (1u << GW_HISTOGRAM_STEP_BITS)
/* Values below 2^STEP_BITS have a bucket each, then every further bit of 32 has STEPS. */
#define GW_HISTOGRAM_BUCKETS ((32u - GW_HISTOGRAM_STEP_BITS + 1) * GW_HISTOGRAM_STEPS)

struct gw_histogram {
	uint32_t count[GW_HISTOGRAM_BUCKETS]; /* wraps; differences of snapshots stay right */
};

static inline uint32_t gw_histogram_bucket(uint32_t value)
{
	uint32_t shift;

	if (value < GW_HISTOGRAM_STEPS)
		return value;
	shift = 31u - (uint32_t)__builtin_clz(value) - GW_HISTOGRAM_STEP_BITS;
	return (shift << GW_HISTOGRAM_STEP_BITS) + (value >> shift);
}

/* The largest value that falls into a bucket. */
static inline uint32_t gw_histogram_value(uint32_t bucket)
{
	uint32_t shift = bucket >> GW_HISTOGRAM_STEP_BITS;

	if (shift <= 1)
		return bucket;
	shift--;
	return (((bucket - (shift << GW_HISTOGRAM_STEP_BITS)) + 1) << shift) - 1;
}

static inline void gw_histogram_add(struct gw_histogram *h, uint32_t value)
{
	uint32_t *c = &h->count[gw_histogram_bucket(value)];

	__atomic_store_n(c, *c + 1, __ATOMIC_RELAXED);
}

/* What one thread has so far; any thread. */
static inline void gw_histogram_read(const struct gw_histogram *h, struct gw_histogram *out)
{
	for (uint32_t i = 0; i < GW_HISTOGRAM_BUCKETS; i++)
		out->count[i] = __atomic_load_n(&h->count[i], __ATOMIC_RELAXED);
}

/* to += now - was */
static inline void gw_histogram_interval(
	struct gw_histogram *to, const struct gw_histogram *now, const struct gw_histogram *was)
{
	for (uint32_t i = 0; i < GW_HISTOGRAM_BUCKETS; i++)
		to->count[i] += now->count[i] - was->count[i];
}

static inline uint64_t gw_histogram_total(const struct gw_histogram *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < GW_HISTOGRAM_BUCKETS; i++)
		n += h->count[i];
	return n;
}

/* The value that a share (0..1) of all are not above: nearest rank. 0 where there are none. */
static inline uint32_t gw_histogram_percentile(const struct gw_histogram *h, double share)
{
	uint64_t total = gw_histogram_total(h), seen = 0, rank;

	if (total == 0)
		return 0;
	rank = (uint64_t)(share * (double)total);
	if ((double)rank < share * (double)total || rank == 0)
		rank++;
	for (uint32_t i = 0; i < GW_HISTOGRAM_BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= rank)
			return gw_histogram_value(i);
	}
	return gw_histogram_value(GW_HISTOGRAM_BUCKETS - 1);
}
