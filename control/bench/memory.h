/* SPDX-License-Identifier: BSD-3-Clause */
/* Synthetic guest memory of one end: a file in memory, mapped as a guest's would be. */
#pragma once

#include "options.h"

struct bench_memory {
	int fd;
	struct gw_ram *ram;
	uint64_t bytes, pages;
};

/* Nothing is populated. */
int bench_memory_create(uint64_t bytes, struct bench_memory *m, struct gw_err *err);
void bench_memory_free(struct bench_memory *m);

/* Helper threads: what is to be sent, by the options' pattern; and page tables for what is to come.
 */
void bench_memory_fill(struct bench_memory *m, uint32_t zero_pct, uint32_t compressible_pct);
int bench_memory_populate(struct bench_memory *m);
/* Helper thread: a plain loop that stores into each page of fresh memory of this size, and how long
 * that took. A negative errno where there is no memory. */
int64_t bench_memory_plain_ns(uint64_t bytes);
