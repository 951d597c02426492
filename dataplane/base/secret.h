/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for what is the guest's (pages, device state): in no core dump, not written to swap where
 * that can be had, and the kernel's again when it is freed, not the heap's. */
#pragma once

#include <stddef.h>

/* Whole pages of zeros, page-aligned, populated as they are touched. NULL: no memory. */
void *gw_secret_alloc(size_t bytes);

/* Moves it into one of bytes; NULL: no memory, and p is as it was. p NULL: as gw_secret_alloc(). */
void *gw_secret_grow(void *p, size_t bytes);

/* Its first bytes take no faults later. Where the kernel cannot: nothing. */
void gw_secret_populate(void *p, size_t bytes);

void gw_secret_free(void *p); /* NULL is allowed */

/* Keeps memory that is somebody else's (a mapped file, packet buffers) out of core dumps. Whole
 * pages. */
void gw_secret_mark(void *base, size_t bytes);
