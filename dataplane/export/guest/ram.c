/* SPDX-License-Identifier: BSD-3-Clause */
#include "ram.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static int open_backing(const char *mem_path, uint32_t idx, uint32_t n_regions)
{
	char name[512];
	struct stat st;
	int fd;

	if (mem_path == NULL) {
		snprintf(name, sizeof(name), "godwit-guest-%u", idx);
		return memfd_create(name, MFD_CLOEXEC);
	}
	if (stat(mem_path, &st) == 0 && S_ISDIR(st.st_mode)) {
		fd = open(mem_path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EOPNOTSUPP)
			return fd;
		snprintf(name, sizeof(name), "%s/godwit-guest.XXXXXX", mem_path);
		fd = mkostemp(name, O_CLOEXEC); /* hugetlbfs of older kernels */
		if (fd >= 0)
			unlink(name);
		return fd;
	}
	if (n_regions > 1)
		snprintf(name, sizeof(name), "%s.%u", mem_path, idx);
	else
		snprintf(name, sizeof(name), "%s", mem_path);
	return open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void note_backing(struct guest_ram *ram)
{
	struct statfs fs;

	ram->page_size = GUEST_PAGE_BYTES;
	if (fstatfs(ram->fd[0], &fs) < 0)
		return;
	if (fs.f_type == TMPFS_MAGIC)
		ram->region_flags = GW_EXPORT_REGION_TMPFS;
	if (fs.f_type == HUGETLBFS_MAGIC) {
		ram->region_flags = GW_EXPORT_REGION_HUGETLB;
		ram->page_size = (uint32_t)fs.f_bsize;
	}
}

int guest_ram_create(const struct guest_profile *p, const char *mem_path, struct guest_ram *ram,
	struct gw_export_reason *why)
{
	uint64_t region_bytes = p->ram_bytes / p->regions;
	const char *from = mem_path != NULL ? mem_path : "memfd";
	int ret;

	*ram = (struct guest_ram){
		.region_pages = region_bytes / GUEST_PAGE_BYTES,
		.n_pages = p->ram_bytes / GUEST_PAGE_BYTES,
	};
	ram->first_data_page = guest_ram_generation_page(ram->n_pages - 1) + 1;
	for (uint32_t i = 0; i < p->regions; i++) {
		void *base;
		int fd = open_backing(mem_path, i, p->regions);

		if (fd < 0) {
			ret = gw_export_why(why, -errno, "%s: %s", from, strerror(errno));
			goto err;
		}
		if (ftruncate(fd, (off_t)region_bytes) < 0) {
			ret = gw_export_why(why, -errno, "%s: %ju bytes: %s", from,
				(uintmax_t)region_bytes, strerror(errno));
			close(fd);
			goto err;
		}
		base = mmap(NULL, region_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (base == MAP_FAILED) {
			ret = gw_export_why(why, -errno, "%s: mmap of %ju bytes: %s", from,
				(uintmax_t)region_bytes, strerror(errno));
			close(fd);
			goto err;
		}
		ram->fd[i] = fd;
		ram->base[i] = base;
		ram->n_regions = i + 1;
	}
	note_backing(ram);
	return 0;
err:
	guest_ram_free(ram);
	return ret;
}

void guest_ram_free(struct guest_ram *ram)
{
	for (uint32_t i = 0; i < ram->n_regions; i++) {
		munmap(ram->base[i], ram->region_pages * GUEST_PAGE_BYTES);
		close(ram->fd[i]);
	}
	ram->n_regions = 0;
}
