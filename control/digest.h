/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digests of guest memory for verify mode: XXH3 64-bit of each 4 KiB page, XXH3 128-bit of each
 * chunk's 512 page digests (a region's last chunk may have fewer). A hole counts as a zero page and
 * is not read, since reading makes it data. For helper threads, on memory that nobody writes.
 */
#pragma once

#include "../dataplane/dataplane.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_DIGEST_CHUNK_PAGES 512u

struct gw_digest128 {
	uint64_t low, high;
};

static inline uint64_t gw_digest_chunks(uint64_t pages)
{
	return (pages + GW_DIGEST_CHUNK_PAGES - 1) / GW_DIGEST_CHUNK_PAGES;
}

/* Digests region n into out[gw_digest_chunks(pages)]. cancelled (or NULL) is asked now and then.
 * 0, -ECANCELED, or a negative errno. */
int gw_digest_region(const struct gw_ram *ram, uint32_t n, struct gw_digest128 *out,
	bool (*cancelled)(void *ctx), void *ctx);
/* The page digests of one chunk; returns how many, or a negative errno. */
int gw_digest_pages(
	const struct gw_ram *ram, uint32_t n, uint64_t chunk, uint64_t out[GW_DIGEST_CHUNK_PAGES]);

struct gw_digest128 gw_digest_bytes(const void *bytes, uint64_t size);

/* Hexadecimal, 32 digits and a NUL. Reading takes exactly 32 lower-case digits: 0 or -EPROTO. */
#define GW_DIGEST_TEXT 33u
void gw_digest_print(struct gw_digest128 d, char out[GW_DIGEST_TEXT]);
int gw_digest_parse(const char *text, struct gw_digest128 *out);
