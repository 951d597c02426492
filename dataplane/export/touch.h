/* SPDX-License-Identifier: BSD-3-Clause */
/* First accesses of a process that is to run a guest soon, to memory that another one filled. */
#pragma once

#include "exporter.h"

/* Maps the 2 MiB pages that a region's file holds, and a few single ones where it has none of that
 * size. What is not mapped here any more, or has left the file, is left alone. */
void gw_touch_region(const void *base, uint64_t size_bytes, int fd, uint64_t file_offset);
