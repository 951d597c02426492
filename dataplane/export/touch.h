/* SPDX-License-Identifier: BSD-3-Clause */
/* First accesses of a process that is to run a guest soon: to guest memory that another one filled,
 * and to its own. */
#pragma once

#include "exporter.h"

/* Maps the 2 MiB pages that a region's file holds, and a few single ones where it has none of that
 * size. What is not mapped here any more, or has left the file, is left alone. */
void gw_touch_region(const void *base, uint64_t size_bytes, int fd, uint64_t file_offset);

/* Maps the memory that this process's allocator gave back to the kernel: loading a guest's device
 * state takes hundreds of pages of it while the guest stands (QEMU trims its heap whenever it has
 * nothing to do). */
void gw_touch_work_memory(void);
