/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's memory files, mapped. A file may shrink under the mapping (named files cannot be
 * sealed): the SIGBUS handler puts anonymous memory in its place and marks the RAM as broken, so
 * that one guest costs only its own session. */
#include "../dataplane.h"
#include "../base/secret.h"
#include "../export/kernel_names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define OVERCOMMIT 4u
#define SCAN_RUNS 256u
#define GUARDS (GW_DP_MAX_STREAMS * 2 * GW_DP_MAX_REGIONS)

struct mapping {
	uint8_t *base;
	uint64_t bytes, file_offset;
	int fd;
	uint8_t id;
};

struct gw_ram {
	uint32_t n;
	uint32_t broken; /* the signal handler sets it */
	bool writable;
	struct mapping region[GW_DP_MAX_REGIONS];
};

/* What the handler looks through: it may run on any thread at any time, so entries are atomic and
 * never move. */
static struct guard {
	uintptr_t base; /* 0: free; written last */
	uint64_t bytes;
	struct gw_ram *ram;
} guards[GUARDS];
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)context;
	for (uint32_t i = 0; i < GUARDS; i++) {
		uintptr_t base = __atomic_load_n(&guards[i].base, __ATOMIC_ACQUIRE);

		if (base == 0 || at < base || at - base >= guards[i].bytes)
			continue;
		__atomic_store_n(&guards[i].ram->broken, 1, __ATOMIC_RELEASE);
		/* The whole region at once: one fault, not one per page. mmap is a plain system
		 * call here. */
		if (mmap((void *)base, guards[i].bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
			    0) != MAP_FAILED) {
			gw_secret_mark((void *)base, guards[i].bytes);
			return;
		}
	}
	/* Not ours: fault again with whatever was there before. */
	sigaction(signo, &previous, NULL);
}

static void install_handler(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &previous);
}

static int guard(struct gw_ram *ram, const struct mapping *m)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int ret = -ENOSPC;

	pthread_once(&once, install_handler);
	pthread_mutex_lock(&guards_lock);
	for (uint32_t i = 0; i < GUARDS && ret != 0; i++) {
		if (guards[i].base != 0)
			continue;
		guards[i].bytes = m->bytes;
		guards[i].ram = ram;
		__atomic_store_n(&guards[i].base, (uintptr_t)m->base, __ATOMIC_RELEASE);
		ret = 0;
	}
	pthread_mutex_unlock(&guards_lock);
	return ret;
}

static void unguard(const struct mapping *m)
{
	pthread_mutex_lock(&guards_lock);
	for (uint32_t i = 0; i < GUARDS; i++)
		if (guards[i].base == (uintptr_t)m->base)
			__atomic_store_n(&guards[i].base, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&guards_lock);
}

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
	if (guard(ram, m) != 0)
		return gw_err(err, -ENOSPC, "region %u: too many regions are mapped at once (%u)",
			r->id, GUARDS);
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
		unguard(&r->region[i]);
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
		    ram->writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) != 0)
		return -errno;
	return 0;
}
