/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk that knows what it must hold: blocks are written, read back, and read again later. */
#pragma once

#include <stdint.h>

struct guest_disk;

/* Opens the block device at path past the page cache. NULL: there is none, or it is too small. */
struct guest_disk *guest_disk_open(const char *path);

/* Writes the next block, reads it back, and reads one written earlier. Returns errors found. */
uint64_t guest_disk_step(struct guest_disk *d);
