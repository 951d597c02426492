/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared, writable file mappings of a process, as /proc/PID/maps tells them. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define GW_MAPPING_PATH_MAX 512

struct gw_mapping {
	uint64_t start, end; /* addresses */
	uint64_t file_offset;
	dev_t dev;
	ino_t ino;
	char path[GW_MAPPING_PATH_MAX]; /* with " (deleted)" where the kernel adds it; cut if longer
	                                 */
};

/* Reads maps to its end into out, neighbours of one file merged (mbind and madvise split them),
 * mappings smaller than min_bytes left out. Returns how many, or -E2BIG when they are more than
 * cap. */
int gw_maps_read(FILE *maps, uint64_t min_bytes, struct gw_mapping *out, int cap);
