/* SPDX-License-Identifier: BSD-3-Clause */
/* Which pages of a guest's memory there are, and making them be there or not. */
#include "ram_internal.h"

#include "../base/huge_page.h"
#include "../base/prefault.h"
#include "../export/kernel_names.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN_RUNS 256u
#define POPULATE_PAGES \
	GW_RAM_HUGE_PAGES /* at a time: accessed while the page tables are in the cache */

/* Whether the file has all its pages: to find that out hole by hole, the kernel walks all of it. */
static bool is_full(const struct mapping *m)
{
	struct stat st;

	return fstat(m->fd, &st) == 0 && (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size &&
	       (uint64_t)st.st_size >= m->file_offset + m->bytes;
}

int gw_ram_extents(const struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count,
	int (*fn)(void *ctx, uint64_t first, uint64_t count), void *ctx)
{
	const struct mapping *m = &ram->region[n];
	uint64_t left = m->bytes / PAGE_BYTES - first;
	off_t at = (off_t)(m->file_offset + first * PAGE_BYTES);
	off_t end = at + (off_t)((count < left ? count : left) * PAGE_BYTES);

	if (at < end && is_full(m))
		return fn(ctx, first, count < left ? count : left);
	while (at < end) {
		off_t data = lseek(m->fd, at, SEEK_DATA);
		off_t hole;
		int ret;

		if (data < 0 && errno == ENXIO)
			return 0; /* no data behind `at` */
		if (data < 0)
			return -errno;
		if (data >= end)
			return 0;
		hole = lseek(m->fd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		if (hole > end)
			hole = end;
		/* Whole pages: an extent may begin or end inside one on some file systems. */
		data = data / PAGE_BYTES * PAGE_BYTES;
		at = (hole + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
		ret = fn(ctx, ((uint64_t)data - m->file_offset) / PAGE_BYTES,
			(uint64_t)(at - data) / PAGE_BYTES);
		if (ret != 0)
			return ret;
	}
	return 0;
}

int gw_ram_unmapped(const struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count,
	int (*fn)(void *ctx, uint64_t first, uint64_t count), void *ctx)
{
	const struct mapping *m = &ram->region[n];
	uint64_t base = (uintptr_t)m->base, left = m->bytes / PAGE_BYTES - first;
	uint64_t end = first + (count < left ? count : left);
	struct page_region run[SCAN_RUNS];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.start = base + first * PAGE_BYTES,
		.end = base + end * PAGE_BYTES,
		.vec = (uintptr_t)run,
		.vec_len = SCAN_RUNS,
		.category_mask = PAGE_IS_PRESENT,
		.category_inverted = PAGE_IS_PRESENT,
		.return_mask = PAGE_IS_PRESENT,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	while (ret == 0 && arg.start < arg.end) {
		int found = ioctl(fd, PAGEMAP_SCAN, &arg);

		if (found < 0 && (errno == ENOTTY || errno == EINVAL)) {
			first = (arg.start - base) / PAGE_BYTES;
			ret = fn(ctx, first, end - first);
			break;
		}
		if (found < 0)
			ret = -errno;
		else if (found == 0 && arg.walk_end <= arg.start)
			ret = -EIO;
		for (int i = 0; i < found && ret == 0; i++)
			ret = fn(ctx, (run[i].start - base) / PAGE_BYTES,
				(run[i].end - run[i].start) / PAGE_BYTES);
		arg.start = arg.walk_end;
	}
	close(fd);
	return ret;
}

bool gw_ram_empty(const struct gw_ram *ram)
{
	for (uint32_t i = 0; i < ram->n; i++) {
		const struct mapping *m = &ram->region[i];
		off_t data = lseek(m->fd, (off_t)m->file_offset, SEEK_DATA);

		if (data >= 0 ? (uint64_t)data < m->file_offset + m->bytes : errno != ENXIO)
			return false;
	}
	return true;
}

int gw_ram_punch(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count)
{
	const struct mapping *m = &ram->region[n];

	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)(m->file_offset + first * PAGE_BYTES), (off_t)(count * PAGE_BYTES)) != 0)
		return -errno;
	return 0;
}

int gw_ram_punch_all(struct gw_ram *ram)
{
	int ret = 0, rc;

	for (uint32_t i = 0; i < ram->n; i++) {
		rc = gw_ram_punch(ram, i, 0, ram->region[i].bytes / PAGE_BYTES);
		if (rc != 0)
			ret = rc;
	}
	return ret;
}

static void access_first(const struct mapping *m, uint64_t first, uint64_t end)
{
	gw_prefault(m->base + first * PAGE_BYTES, (end - first) * PAGE_BYTES);
}

void gw_ram_small_pages(struct gw_ram *ram)
{
	__atomic_store_n(&ram->no_huge, true, __ATOMIC_RELAXED);
}

/* Of a destination's memory: the huge page that begins at `page`, and its first access. False where
 * that is not possible. */
static bool gather(struct gw_ram *ram, const struct mapping *m, uint64_t page, uint64_t end)
{
	int ret;

	if (!ram->writable || __atomic_load_n(&ram->no_huge, __ATOMIC_RELAXED) ||
		end - page < GW_RAM_HUGE_PAGES || m->file_offset % GW_HUGE_PAGE_BYTES != 0 ||
		page % GW_RAM_HUGE_PAGES != 0)
		return false;
	ret = gw_huge_page_gather(m->base + page * PAGE_BYTES);
	if (ret == 0)
		access_first(m, page, page + 1);
	else if (ret == -ENOMEM || ret == -EINVAL)
		gw_ram_small_pages(ram);
	return ret == 0;
}

static int populate(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count, int advice)
{
	const struct mapping *m = &ram->region[n];
	uint64_t end = first + count, next;
	bool gathered;

	for (; first < end; first = next) {
		next = first + POPULATE_PAGES - first % POPULATE_PAGES;
		if (next > end)
			next = end;
		gathered = gather(ram, m, first, end);
		if (gw_ram_broken(ram))
			return -EFAULT;
		if (gathered)
			continue;
		if (madvise(m->base + first * PAGE_BYTES, (next - first) * PAGE_BYTES, advice) !=
			0) {
			/* madvise(2): an access would have been a SIGBUS. */
			if (errno == EFAULT)
				__atomic_store_n(&ram->broken, 1, __ATOMIC_RELEASE);
			return -errno;
		}
		access_first(m, first, next);
	}
	return 0;
}

int gw_ram_populate(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count)
{
	return populate(
		ram, n, first, count, ram->writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

/* Reading maps what is there; in a shared mapping of tmpfs, which wants to know of no write, it may
 * be written at once. */
int gw_ram_populate_data(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count)
{
	return populate(ram, n, first, count, MADV_POPULATE_READ);
}
