/* SPDX-License-Identifier: BSD-3-Clause */
#include "touch.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES (2ull << 20)
#define PAGE_BYTES 4096u
#define HEAP_MAX (256ull << 20)
/* A thread's heap, a ROM; not a stack of 8 MiB, most of which is never used. */
#define OTHER_MAX (4ull << 20)

/* One page stands for its 2 MiB. A hole is skipped: it would be filled. As if for writing, though
 * nothing is written: a hypervisor that shadows page tables maps a clean huge page in small ones,
 * to see the first write. */
static void touch_data(const uint8_t *base, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t next = ((uintptr_t)base + at) / HUGE_BYTES * HUGE_BYTES + HUGE_BYTES;

		/* The kernel looks whether it is mapped; a load of ours would be a SIGSEGV. */
		madvise((void *)(base + at), PAGE_BYTES, MADV_POPULATE_WRITE);
		at = next - (uintptr_t)base;
	}
}

void gw_touch_region(const void *base, uint64_t size_bytes, int fd, uint64_t file_offset)
{
	uint64_t end = file_offset + size_bytes;
	off_t at = (off_t)file_offset;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (uint64_t)at < end) {
		off_t hole = lseek(fd, at, SEEK_HOLE);
		uint64_t until = hole < 0 || (uint64_t)hole > end ? end : (uint64_t)hole;

		touch_data(base, (uint64_t)at - file_offset, until - file_offset);
		at = (off_t)until;
	}
}

/* What malloc() works with, and small tables. */
static bool is_work_memory(const char *line, uint64_t *start, uint64_t *end)
{
	unsigned long inode;
	char perms[5];
	int name_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %lu %n", start, end, perms,
		    &inode, &name_at) < 4 ||
		strcmp(perms, "rw-p") != 0 || inode != 0)
		return false;
	if (strncmp(line + name_at, "[heap]", 6) == 0)
		return *end - *start <= HEAP_MAX;
	return (line[name_at] == '\0' || line[name_at] == '\n') && *end - *start <= OTHER_MAX;
}

void gw_touch_work_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t start, end;
	char *line = NULL;
	size_t cap = 0;

	while (maps != NULL && getline(&line, &cap, maps) > 0)
		if (is_work_memory(line, &start, &end))
			madvise((void *)(uintptr_t)start, end - start, MADV_POPULATE_WRITE);
	free(line);
	if (maps != NULL)
		fclose(maps);
}
