/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies of guest pages, which lie in no cache and are not needed in one: what bounds them is how
 * many lines a core waits for at a time. Pure.
 */
#pragma once

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define GW_COPY_LINE 64u

/* Asks for the n bytes at data. */
static inline void gw_copy_fetch(const uint8_t *data, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += GW_COPY_LINE)
		__builtin_prefetch(data + i, 0, 2);
}

/* Guest pages into a packet. As many bytes at next, which come after them, are asked for line by
 * line meanwhile (NULL: none are known): all at once the core would wait for them before it copies.
 */
static inline void gw_copy_out(uint8_t *to, const uint8_t *from, uint32_t n, const uint8_t *next)
{
	uint32_t i = 0;

#ifdef __SSE2__
	for (; next != NULL && i + GW_COPY_LINE <= n; i += GW_COPY_LINE) {
		const __m128i *line = (const __m128i *)(from + i);
		__m128i a = _mm_loadu_si128(line), b = _mm_loadu_si128(line + 1);
		__m128i c = _mm_loadu_si128(line + 2), d = _mm_loadu_si128(line + 3);
		__m128i *out = (__m128i *)(to + i);

		__builtin_prefetch(next + i, 0, 2);
		_mm_storeu_si128(out, a);
		_mm_storeu_si128(out + 1, b);
		_mm_storeu_si128(out + 2, c);
		_mm_storeu_si128(out + 3, d);
	}
#else
	if (next != NULL)
		gw_copy_fetch(next, n);
#endif
	memcpy(to + i, from + i, n - i);
}

/* A received page or part of one into guest memory: whole lines past the caches, so that what was
 * there is not read first. Others see it for sure only after gw_copy_in_end() of this core. */
static inline void gw_copy_in(uint8_t *to, const uint8_t *from, uint32_t n)
{
	uint32_t i = 0;

#ifdef __SSE2__
	i = -(uint32_t)(uintptr_t)to % GW_COPY_LINE;
	i = i < n ? i : n;
	memcpy(to, from, i);
	for (; i + GW_COPY_LINE <= n; i += GW_COPY_LINE) {
		const __m128i *line = (const __m128i *)(from + i);
		__m128i a = _mm_loadu_si128(line), b = _mm_loadu_si128(line + 1);
		__m128i c = _mm_loadu_si128(line + 2), d = _mm_loadu_si128(line + 3);
		__m128i *out = (__m128i *)(to + i);

		_mm_stream_si128(out, a);
		_mm_stream_si128(out + 1, b);
		_mm_stream_si128(out + 2, c);
		_mm_stream_si128(out + 3, d);
	}
#endif
	memcpy(to + i, from + i, n - i);
}

/* Once for a burst of them, before anything is said of it. */
static inline void gw_copy_in_end(void)
{
#ifdef __SSE2__
	_mm_sfence();
#endif
}
