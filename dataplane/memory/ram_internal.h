/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's memory as ram.c maps it and ram_pages.c looks at it. */
#pragma once

#include "../base/huge_page.h"
#include "../dataplane.h"

#define PAGE_BYTES 4096u
#define GW_RAM_HUGE_PAGES ((uint32_t)(GW_HUGE_PAGE_BYTES / PAGE_BYTES))

struct mapping {
	uint8_t *base;
	uint64_t bytes, file_offset;
	int fd;
	uint8_t id;
};

struct gw_ram {
	uint32_t n;
	uint32_t broken; /* guard.c sets it */
	bool writable;
	bool no_huge; /* atomic: there are no huge pages to be had */
	struct mapping region[GW_DP_MAX_REGIONS];
};
