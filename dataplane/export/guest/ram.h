/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest RAM: regions of equal size, pages numbered through. Page 0 is the header that observers
 * look for, then comes the table of generations, then the pages that are written and verified.
 */
#pragma once

#include "../exporter.h"
#include "content.h"

#define GUEST_HEADER_MAGIC "GODWIT-OBSERVE-1" /* 16 bytes, no NUL */

struct guest_header {
	char magic[16];
	uint64_t counter;
	uint64_t work; /* pages written */
	uint64_t errors;
	uint64_t full_checks;
};

struct guest_ram {
	uint32_t n_regions;
	uint64_t region_pages;
	uint64_t n_pages;
	uint64_t first_data_page;
	uint32_t page_size; /* of the backing */
	uint32_t region_flags;
	int fd[GW_EXPORT_MAX_REGIONS];
	uint8_t *base[GW_EXPORT_MAX_REGIONS];
};

/* mem_path: NULL for memfds, a directory for unnamed files, or a file's name (with more than one
 * region: .0, .1, ... appended). 0 or -errno with why. */
int guest_ram_create(const struct guest_profile *p, const char *mem_path, struct guest_ram *ram,
	struct gw_export_reason *why);
void guest_ram_free(struct guest_ram *ram);

static inline void *guest_ram_page(const struct guest_ram *ram, uint64_t page_idx)
{
	return ram->base[page_idx / ram->region_pages] +
	       page_idx % ram->region_pages * GUEST_PAGE_BYTES;
}

static inline struct guest_header *guest_ram_header(const struct guest_ram *ram)
{
	return (struct guest_header *)ram->base[0];
}

/* The page that holds the generation of page_idx; always in region 0. */
static inline uint64_t guest_ram_generation_page(uint64_t page_idx)
{
	return 1 + page_idx * sizeof(uint32_t) / GUEST_PAGE_BYTES;
}

static inline uint32_t *guest_ram_generation(const struct guest_ram *ram, uint64_t page_idx)
{
	return (uint32_t *)(ram->base[0] + GUEST_PAGE_BYTES) + page_idx;
}
