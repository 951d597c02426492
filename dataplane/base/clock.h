/* SPDX-License-Identifier: BSD-3-Clause */
/* The monotonic clock of control and helper threads. Poll paths take time as an argument. */
#pragma once

#include <stdint.h>
#include <time.h>

#define GW_NS_PER_S 1000000000ull
#define GW_NS_PER_MS 1000000ull
#define GW_NS_PER_US 1000ull

static inline uint64_t gw_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * GW_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* A time that another process tells: believed where it lies within from_ns and now_ns, else now. */
static inline uint64_t gw_told_ns(uint64_t told_ns, uint64_t from_ns, uint64_t now_ns)
{
	return told_ns >= from_ns && told_ns <= now_ns ? told_ns : now_ns;
}
