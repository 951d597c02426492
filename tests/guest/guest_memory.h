/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that knows what it must hold: the content of a page is a function of its number and its
 * generation, and generations are kept beside it. One thread writes and checks.
 */
#pragma once

#include <stdint.h>

struct guest_memory;

/* Maps and fills `bytes` (generation 1). hot_percent > 0: nine of ten writes go to that share of
 * the pages. NULL when there is not that much memory. */
struct guest_memory *guest_memory_create(uint64_t bytes, uint32_t hot_percent);

/* Checks a randomly chosen page, then gives it its next generation. Returns errors found. */
uint64_t guest_memory_write(struct guest_memory *m);

/* Checks the next page of the pass. Returns errors found; *pass grows when a pass is complete. */
uint64_t guest_memory_check(struct guest_memory *m, uint64_t *pass);

uint64_t guest_memory_pages(const struct guest_memory *m);

/* Fills `bytes` of fresh memory with non-zero pages that nobody looks at again; release gives them
 * back to the guest's kernel, dirty. Returns 0, or -1 when there is not that much memory. */
int guest_memory_touch(uint64_t bytes, int release);
