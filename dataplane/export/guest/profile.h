/* SPDX-License-Identifier: BSD-3-Clause */
/* What the synthetic guest does with its memory. It moves with the guest, so it holds no pointers.
 */
#pragma once

#include <stdint.h>

#define GUEST_THREADS_MAX 15u /* one ring each, and one for the ticker */
#define GUEST_RATE_MAX UINT64_MAX

enum guest_pattern { GUEST_SEQ, GUEST_RANDOM, GUEST_HOT };

struct guest_profile {
	uint64_t ram_bytes;
	uint64_t hot_set_bytes; /* 0: everything */
	uint64_t write_rate;    /* pages per second, all threads; GUEST_RATE_MAX: no limit */
	uint64_t check_rate;    /* the same, for pages verified */
	uint64_t seed;
	uint32_t regions;
	uint32_t holes_pct;        /* of pages, never touched */
	uint32_t zero_pct;         /* of pages, zero in every other generation */
	uint32_t compressible_pct; /* of the remaining pages */
	uint32_t pattern;          /* enum guest_pattern */
	uint32_t threads;
	uint32_t counter; /* 1: bump the counter each millisecond */
	uint32_t reserved;
};

/* NULL, or what is wrong with it. */
const char *guest_profile_error(const struct guest_profile *p);
