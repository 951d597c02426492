/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's memory files, mapped. A file may shrink under the mapping (named files cannot be
 * sealed): guard.h marks the RAM as broken then, so that one guest costs only its own session. */
#include "ram_internal.h"

#include "../base/secret.h"
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

#define OVERCOMMIT 4u

/* A page fault on a file of any other kind ends when a disk, a server or a FUSE process wants it
 * to, whatever the exporter says of the file. */
static bool in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC);
}

/* Where the file may have huge pages, they need the same place within one here. */
static void *map_file(const struct gw_ram_region *r, int fd, int prot)
{
	uint64_t room = r->size + GW_HUGE_PAGE_BYTES;
	uint8_t *base =
		mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t skip;
	void *at;

	if (base == MAP_FAILED)
		return base;
	skip = (r->file_offset - (uintptr_t)base) % GW_HUGE_PAGE_BYTES;
	at = mmap(base + skip, r->size, prot, MAP_SHARED | MAP_FIXED, fd, (off_t)r->file_offset);
	if (at == MAP_FAILED) { /* hugetlbfs with pages of 1 GiB wants a place of its own */
		munmap(base, room);
		return mmap(NULL, r->size, prot, MAP_SHARED, fd, (off_t)r->file_offset);
	}
	if (skip > 0)
		munmap(base, skip);
	munmap(base + skip + r->size, room - skip - r->size);
	return at;
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
	base = map_file(r, m->fd, ram->writable ? PROT_READ | PROT_WRITE : PROT_READ);
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
