/* SPDX-License-Identifier: BSD-3-Clause */
#include "digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define PAGE 4096u

/* Goes through a region's data in ascending order, chunk by chunk. */
struct walk {
	const uint8_t *base;
	uint64_t pages;
	uint64_t first, end;      /* the pages wanted */
	struct gw_digest128 *out; /* per chunk, or NULL */
	uint64_t page[GW_DIGEST_CHUNK_PAGES];
	uint64_t zero;  /* digest of a zero page */
	uint64_t chunk; /* the one that is being collected */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

static uint64_t zero_digest(void)
{
	static const uint8_t zeros[PAGE];

	return XXH3_64bits(zeros, PAGE);
}

static void begin_chunk(struct walk *w, uint64_t chunk)
{
	w->chunk = chunk;
	for (uint32_t i = 0; i < GW_DIGEST_CHUNK_PAGES; i++)
		w->page[i] = w->zero;
}

static void end_chunk(struct walk *w)
{
	uint64_t left = w->pages - w->chunk * GW_DIGEST_CHUNK_PAGES;
	uint64_t n = left < GW_DIGEST_CHUNK_PAGES ? left : GW_DIGEST_CHUNK_PAGES;
	XXH128_hash_t h;

	if (w->out == NULL)
		return;
	h = XXH3_128bits(w->page, n * sizeof(w->page[0]));
	w->out[w->chunk] = (struct gw_digest128){.low = h.low64, .high = h.high64};
}

static int extent(void *ctx, uint64_t first, uint64_t count)
{
	struct walk *w = ctx;
	uint64_t end = first + count < w->end ? first + count : w->end;

	if (first >= w->end)
		return 1;
	for (uint64_t p = first > w->first ? first : w->first; p < end; p++) {
		while (p / GW_DIGEST_CHUNK_PAGES > w->chunk) {
			if (w->cancelled != NULL && w->cancelled(w->ctx))
				return -ECANCELED;
			end_chunk(w);
			begin_chunk(w, w->chunk + 1);
		}
		w->page[p % GW_DIGEST_CHUNK_PAGES] = XXH3_64bits(w->base + p * PAGE, PAGE);
	}
	return 0;
}

int gw_digest_region(const struct gw_ram *ram, uint32_t n, struct gw_digest128 *out,
	bool (*cancelled)(void *ctx), void *ctx)
{
	struct walk w = {.out = out, .zero = zero_digest(), .cancelled = cancelled, .ctx = ctx};
	uint8_t id;
	int rc;

	w.base = gw_ram_region(ram, n, &id, &w.pages);
	w.end = w.pages;
	begin_chunk(&w, 0);
	rc = gw_ram_extents(ram, n, 0, UINT64_MAX, extent, &w);
	if (rc < 0)
		return rc;
	for (end_chunk(&w); w.chunk + 1 < gw_digest_chunks(w.pages);) {
		begin_chunk(&w, w.chunk + 1);
		end_chunk(&w);
	}
	return gw_ram_broken(ram) ? -EFAULT : 0;
}

int gw_digest_pages(
	const struct gw_ram *ram, uint32_t n, uint64_t chunk, uint64_t out[GW_DIGEST_CHUNK_PAGES])
{
	struct walk w = {.zero = zero_digest()};
	uint64_t left;
	uint8_t id;
	int rc;

	w.base = gw_ram_region(ram, n, &id, &w.pages);
	if (chunk >= gw_digest_chunks(w.pages))
		return -ERANGE;
	w.first = chunk * GW_DIGEST_CHUNK_PAGES;
	left = w.pages - w.first;
	w.end = w.first + (left < GW_DIGEST_CHUNK_PAGES ? left : GW_DIGEST_CHUNK_PAGES);
	begin_chunk(&w, chunk);
	rc = gw_ram_extents(ram, n, 0, UINT64_MAX, extent, &w);
	if (rc < 0)
		return rc;
	memcpy(out, w.page, sizeof(w.page));
	return (int)(w.end - w.first);
}

struct gw_digest128 gw_digest_bytes(const void *bytes, uint64_t size)
{
	XXH128_hash_t h = XXH3_128bits(bytes, size);

	return (struct gw_digest128){.low = h.low64, .high = h.high64};
}

void gw_digest_print(struct gw_digest128 d, char out[GW_DIGEST_TEXT])
{
	snprintf(out, GW_DIGEST_TEXT, "%016llx%016llx", (unsigned long long)d.high,
		(unsigned long long)d.low);
}

int gw_digest_parse(const char *text, struct gw_digest128 *out)
{
	uint64_t half[2] = {0, 0};

	for (int i = 0; i < 32; i++) {
		char c = text[i];
		unsigned int v;

		if (c >= '0' && c <= '9')
			v = (unsigned int)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = (unsigned int)(c - 'a') + 10;
		else
			return -EPROTO;
		half[i / 16] = half[i / 16] << 4 | v;
	}
	if (text[32] != '\0')
		return -EPROTO;
	*out = (struct gw_digest128){.high = half[0], .low = half[1]};
	return 0;
}
