/* SPDX-License-Identifier: BSD-3-Clause */
/* Page bitmaps that several threads share: words are only changed by atomic operations. */
#pragma once

#include "../base/prefault.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Zeroed and populated: poll cores take no first faults. NULL where there is no memory. */
static inline uint64_t *gw_bitmap_create(uint64_t words)
{
	void *m = mmap(NULL, words * 8, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	gw_prefault(m, words * 8);
	return m;
}

static inline void gw_bitmap_free(uint64_t *bits, uint64_t words)
{
	if (bits != NULL)
		munmap(bits, words * 8);
}

static inline bool gw_bitmap_get(const uint64_t *bits, uint64_t i)
{
	return __atomic_load_n(&bits[i / 64], __ATOMIC_RELAXED) >> (i % 64) & 1;
}

static inline void gw_bitmap_set(uint64_t *bits, uint64_t i)
{
	__atomic_fetch_or(&bits[i / 64], UINT64_C(1) << (i % 64), __ATOMIC_RELEASE);
}

/* Whether it was set before. */
static inline bool gw_bitmap_test_and_set(uint64_t *bits, uint64_t i)
{
	return __atomic_fetch_or(&bits[i / 64], UINT64_C(1) << (i % 64), __ATOMIC_ACQ_REL) >>
		       (i % 64) &
	       1;
}

static inline void gw_bitmap_clear(uint64_t *bits, uint64_t i)
{
	__atomic_fetch_and(&bits[i / 64], ~(UINT64_C(1) << (i % 64)), __ATOMIC_RELEASE);
}

/* The bits of [i, i + count) that fall into i's word, and how many they are. */
static inline uint64_t gw_bitmap_mask(uint64_t i, uint64_t count, uint64_t *taken)
{
	uint64_t room = 64 - i % 64;
	uint64_t n = count < room ? count : room;

	*taken = n;
	return (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << (i % 64);
}

static inline void gw_bitmap_set_range(uint64_t *bits, uint64_t i, uint64_t count)
{
	uint64_t n;

	for (; count != 0; i += n, count -= n)
		__atomic_fetch_or(&bits[i / 64], gw_bitmap_mask(i, count, &n), __ATOMIC_RELEASE);
}

static inline void gw_bitmap_clear_range(uint64_t *bits, uint64_t i, uint64_t count)
{
	uint64_t n;

	for (; count != 0; i += n, count -= n)
		__atomic_fetch_and(&bits[i / 64], ~gw_bitmap_mask(i, count, &n), __ATOMIC_RELEASE);
}

static inline uint64_t gw_bitmap_count(const uint64_t *bits, uint64_t words)
{
	uint64_t n = 0;

	for (uint64_t w = 0; w < words; w++)
		n += (uint64_t)__builtin_popcountll(__atomic_load_n(&bits[w], __ATOMIC_RELAXED));
	return n;
}

/* How many are set in bits and not in other. */
static inline uint64_t gw_bitmap_count_without(
	const uint64_t *bits, const uint64_t *other, uint64_t words)
{
	uint64_t n = 0;

	for (uint64_t w = 0; w < words; w++)
		n += (uint64_t)__builtin_popcountll(__atomic_load_n(&bits[w], __ATOMIC_RELAXED) &
						    ~__atomic_load_n(&other[w], __ATOMIC_RELAXED));
	return n;
}

static inline bool gw_bitmap_empty(const uint64_t *bits, uint64_t words)
{
	for (uint64_t w = 0; w < words; w++)
		if (__atomic_load_n(&bits[w], __ATOMIC_ACQUIRE) != 0)
			return false;
	return true;
}

/* The first bit of [i, end) that is set, or end. */
static inline uint64_t gw_bitmap_next(const uint64_t *bits, uint64_t i, uint64_t end)
{
	while (i < end) {
		uint64_t word = __atomic_load_n(&bits[i / 64], __ATOMIC_RELAXED) >> (i % 64);

		if (word != 0) {
			i += (uint64_t)__builtin_ctzll(word);
			break;
		}
		i += 64 - i % 64;
	}
	return i < end ? i : end;
}
