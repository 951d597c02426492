/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this process's allocator works with: [heap], the heaps of threads, small tables. Saving and
 * loading a guest's device state takes hundreds of pages of it while the guest stands, and QEMU
 * gives them back to the kernel (malloc_trim) whenever it has nothing to do for 10 ms.
 */
#pragma once

#include <stdbool.h>

/* Before the process has threads: the heap of each one that comes begins with THREAD_HEAP bytes that
 * hold() finds, where malloc() would else ask the kernel for each page that a vCPU's thread needs in
 * its first milliseconds here. Nothing is mapped or locked by this. */
#define GW_WORK_MEMORY_THREAD_HEAP (1u << 20)
void gw_work_memory_reserve(void);

/* Maps all of it, and keeps it where the limit of locked memory allows: what the allocator gives
 * back meanwhile stays. Threads that it starts and ends leave two heaps first, which the next ones of
 * the process take over. */
void gw_work_memory_hold(void);
bool gw_work_memory_held(void);
void gw_work_memory_release(void);
