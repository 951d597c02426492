/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's memory files, mapped. A file may shrink under the mapping (named files cannot be
 * sealed): guard.h marks the RAM as broken then, so that one guest costs only its own session. */
#include "../dataplane.h"
#include "../base/secret.h"
#include "../export/kernel_names.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define OVERCOMMIT 4u
#define SCAN_RUNS 256u

struct mapping {
	uint8_t *base;
	uint64_t bytes, file_offset;
	int fd;
	uint8_t id;
};

struct gw_ram {
	uint32_t n;
	uint32_t broken; /* guard.c sets it */
	bool writable;
	struct mapping region[GW_DP_MAX_REGIONS];
};

/* A page fault on a file of any other kind ends when a disk, a server or a FUSE process wants it
 * to, whatever the exporter says of the file. */
static bool in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC);
}

static int map_one(struct gw_ram *ram, const struct gw_ram_region *r, struct gw_err *err)
{
	struct mapping *m = &ram->region[ram->n];
	struct stat st;
	void *base;
	int ret;

	if (r->size == 0 || r->size % PAGE_BYTES != 0 || r->file_offset % PAGE_BYTES != 0 ||
		r->size >> 44 != 0)
		return gw_err(err, -EINVAL,
			"region %u: %llu bytes at %llu: whole pages below 16 TiB are allowed",
			r->id, (unsigned long long)r->size, (unsigned long long)r->file_offset);
	if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return gw_err(err, -EINVAL, "region %u: its descriptor is no file", r->id);
	if ((uint64_t)st.st_size < r->file_offset + r->size)
		return gw_err(err, -EINVAL,
			"region %u: its file is smaller than the region of %llu bytes", r->id,
			(unsigned long long)r->size);
	if (!in_memory(r->fd))
		return gw_err(err, -EINVAL,
			"region %u: its file is on neither tmpfs nor hugetlbfs: poll cores would "
			"wait for its pages",
			r->id);
	m->fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
	if (m->fd < 0)
		return gw_err(err, -errno, "region %u: %s", r->id, strerror(errno));
	base = mmap(NULL, r->size, ram->writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		m->fd, (off_t)r->file_offset);
	if (base == MAP_FAILED) {
		ret = gw_err(
			err, -errno, "region %u: cannot be mapped: %s", r->id, strerror(errno));
		close(m->fd);
		return ret;
	}
	gw_secret_mark(base, r->size);
	m->base = base;
	m->bytes = r->size;
	m->file_offset = r->file_offset;
	m->id = r->id;
	ram->n++;
	if (gw_guard_add(m->base, m->bytes, &ram->broken) != 0)
		return gw_err(err, -ENOSPC, "region %u: too many regions are mapped at once (%u)",
			r->id, GW_GUARDS);
	return 0;
}

int gw_ram_map(const struct gw_ram_region *region, uint32_t n, bool writable, struct gw_ram **out,
	struct gw_err *err)
{
	uint64_t host_mib =
		(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
	uint64_t total = 0;
	struct gw_ram *ram;
	int ret = 0;

	if (n == 0 || n > GW_DP_MAX_REGIONS)
		return gw_err(
			err, -EINVAL, "%u memory regions: 1..%u are allowed", n, GW_DP_MAX_REGIONS);
	ram = calloc(1, sizeof(*ram));
	if (ram == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	ram->writable = writable;
	/* What is said of its size makes page books of a five-hundredth of it: a lie must not take
	 * the host down. */
	for (uint32_t i = 0; i < n; i++)
		total += region[i].size >> 20;
	if (total > host_mib * OVERCOMMIT) {
		gw_ram_free(&ram);
		return gw_err(err, -ENOMEM,
			"guest memory of %llu MiB: at most %u times this host's %llu MiB is "
			"allowed",
			(unsigned long long)total, OVERCOMMIT, (unsigned long long)host_mib);
	}
	for (uint32_t i = 0; i < n && ret == 0; i++)
		ret = map_one(ram, &region[i], err);
	if (ret != 0) {
		gw_ram_free(&ram);
		return ret;
	}
	*out = ram;
	return 0;
}

void gw_ram_free(struct gw_ram **ram)
{
	struct gw_ram *r = *ram;

	if (r == NULL)
		return;
	for (uint32_t i = 0; i < r->n; i++) {
		gw_guard_remove(r->region[i].base);
		munmap(r->region[i].base, r->region[i].bytes);
		close(r->region[i].fd);
	}
	free(r);
	*ram = NULL;
}

bool gw_ram_broken(const struct gw_ram *ram)
{
	return __atomic_load_n(&ram->broken, __ATOMIC_ACQUIRE) != 0;
}

uint32_t gw_ram_regions(const struct gw_ram *ram)
{
	return ram->n;
}

void *gw_ram_region(const struct gw_ram *ram, uint32_t n, uint8_t *id, uint64_t *pages)
{
	if (n >= ram->n)
		return NULL;
	if (id != NULL)
		*id = ram->region[n].id;
	if (pages != NULL)
		*pages = ram->region[n].bytes / PAGE_BYTES;
	return ram->region[n].base;
}

int gw_ram_extents(const struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count,
	int (*fn)(void *ctx, uint64_t first, uint64_t count), void *ctx)
{
	const struct mapping *m = &ram->region[n];
	uint64_t left = m->bytes / PAGE_BYTES - first;
	off_t at = (off_t)(m->file_offset + first * PAGE_BYTES);
	off_t end = at + (off_t)((count < left ? count : left) * PAGE_BYTES);

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

int gw_ram_unmapped(const struct gw_ram *ram, uint32_t n,
	int (*fn)(void *ctx, uint64_t first, uint64_t count), void *ctx)
{
	const struct mapping *m = &ram->region[n];
	uint64_t base = (uintptr_t)m->base;
	struct page_region run[SCAN_RUNS];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.start = base,
		.end = base + m->bytes,
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

int gw_ram_punch(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count)
{
	const struct mapping *m = &ram->region[n];

	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)(m->file_offset + first * PAGE_BYTES), (off_t)(count * PAGE_BYTES)) != 0)
		return -errno;
	return 0;
}

int gw_ram_populate(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count)
{
	const struct mapping *m = &ram->region[n];

	if (madvise(m->base + first * PAGE_BYTES, count * PAGE_BYTES,
		    ram->writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0)
		return 0;
	/* madvise(2): an access would have been a SIGBUS. */
	if (errno == EFAULT)
		__atomic_store_n(&ram->broken, 1, __ATOMIC_RELEASE);
	return -errno;
}
