/* SPDX-License-Identifier: BSD-3-Clause */
#include "touch.h"

#include "../base/huge_page.h"

#include <sys/mman.h>
#include <unistd.h>

/* One page stands for its 2 MiB. A hole is skipped: it would be filled. As if for writing, though
 * nothing is written: a hypervisor that shadows page tables maps a clean huge page in small ones,
 * to see the first write. */
static void touch_data(const uint8_t *base, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t next = ((uintptr_t)base + at) / GW_HUGE_PAGE_BYTES * GW_HUGE_PAGE_BYTES +
				GW_HUGE_PAGE_BYTES;

		/* The kernel looks whether it is mapped; a load of ours would be a SIGSEGV. */
		madvise((void *)(base + at), GW_SMALL_PAGE_BYTES, MADV_POPULATE_WRITE);
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
