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

/* A memory file by which another process is given something; it is locked as the rest is for as
 * long as it is open here, whatever that process does with it. */
struct gw_secret_file {
	int fd;
	void *at; /* all of it; NULL: not open */
	size_t bytes;
};

/* Of at least bytes, zeros that are there already. 0 or a negative errno. */
int gw_secret_file_open(struct gw_secret_file *f, const char *name, size_t bytes);
void gw_secret_file_close(struct gw_secret_file *f); /* one that is not open is allowed */

/* Keeps memory that is somebody else's (a mapped file, packet buffers) out of core dumps. Whole
 * pages. */
void gw_secret_mark(void *base, size_t bytes);
