/* SPDX-License-Identifier: BSD-3-Clause */
/* Random input of tests: splitmix64 (Steele, Lea, Flood 2014). The seed is printed, so that a
 * failure can be played again: GW_SEED=<number> sets it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A number of [0, n). */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
	return (uint32_t)(random_next(r) >> 32) % n;
}

static inline bool random_chance(struct random *r, uint32_t percent)
{
	return random_below(r, 100) < percent;
}

static inline void random_fill(struct random *r, void *to, size_t len)
{
	uint8_t *p = to;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(random_next(r) >> 24);
}

/* Where a test's random input starts. */
static inline uint64_t random_seed(const char *what)
{
	const char *text = getenv("GW_SEED");
	struct timespec ts;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &ts);
	seed = text != NULL
		       ? strtoull(text, NULL, 0)
		       : ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec) % 1000000000u;
	printf("\n    %s: GW_SEED=%llu ", what, (unsigned long long)seed);
	fflush(stdout);
	return seed;
}
