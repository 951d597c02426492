/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_ram.h"
#include "maps.h"
#include "qemu_args.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MIN_BYTES (1u << 20)
#define MAX_MAPPINGS 64
#define DELETED " (deleted)"
#define DIRECTORY_FILE \
	"qemu_back_mem." /* mem-path=DIRECTORY makes DIRECTORY/qemu_back_mem.ID.XXXXXX */

struct block {
	struct gw_mapping m;
	int qemu_fd; /* QEMU's own descriptor, INT_MAX: none found */
	int fd;
	char name[GW_EXPORT_NAME_MAX];
};

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Backends whose files are all named alike, or after the process: the n-th file is the n-th object.
 */
static const char *const counted[][2] = {
	{"/memfd:memory-backend-memfd*", "memory-backend-memfd"},
	{"/dev/shm/qemu-*-shm-*" DELETED, "memory-backend-shm"},
};
#define N_COUNTED (sizeof(counted) / sizeof(counted[0]))

static size_t counted_type(const struct gw_mapping *m)
{
	size_t i = 0;

	while (i < N_COUNTED && fnmatch(counted[i][0], m->path, 0) != 0)
		i++;
	return i;
}

/* The kernel shows shared memory without a file by these names. */
static bool is_guest_ram(const struct gw_mapping *m)
{
	static const char *const other[] = {
		"/memfd:", "/SYSV", "/dev/zero", "/anon_hugepage", "/["};

	if (counted_type(m) < N_COUNTED)
		return true;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		if (starts_with(m->path, other[i]))
			return false;
	}
	return true;
}

/* QEMU keeps a backend's descriptor open. Its number tells the order of creation. */
static void find_qemu_fd(struct block *b)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	struct stat st;

	b->qemu_fd = INT_MAX;
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] != '.' && fd < b->qemu_fd && fstat(fd, &st) == 0 &&
			st.st_dev == b->m.dev && st.st_ino == b->m.ino)
			b->qemu_fd = fd;
	}
	if (dir != NULL)
		closedir(dir);
}

static int open_file(struct block *b)
{
	char path[64];

	if (b->qemu_fd != INT_MAX) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", b->qemu_fd);
		b->fd = open(path, O_RDWR | O_CLOEXEC);
		if (b->fd < 0) /* no right to open it again: share QEMU's */
			b->fd = fcntl(b->qemu_fd, F_DUPFD_CLOEXEC, 0);
	}
	if (b->fd < 0) {
		snprintf(path, sizeof(path), "/proc/self/map_files/%llx-%llx",
			(unsigned long long)b->m.start, (unsigned long long)b->m.end);
		b->fd = open(path, O_RDWR | O_CLOEXEC);
	}
	return b->fd < 0 ? -errno : 0;
}

/* The part of a file's name that does not change from host to host. */
static void name_from_path(struct block *b)
{
	size_t len = strlen(b->m.path);
	const char *base;

	if (len > strlen(DELETED) && strcmp(b->m.path + len - strlen(DELETED), DELETED) == 0)
		len -= strlen(DELETED);
	base = memrchr(b->m.path, '/', len);
	base = base != NULL ? base + 1 : b->m.path;
	len -= (size_t)(base - b->m.path);
	if (starts_with(base, DIRECTORY_FILE) && len > strlen(DIRECTORY_FILE) + 7) {
		base += strlen(DIRECTORY_FILE);
		len -= strlen(DIRECTORY_FILE) + 7; /* ".XXXXXX" */
	}
	snprintf(b->name, sizeof(b->name), "%.*s", (int)len, base);
}

static int by_qemu_fd(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return (x->qemu_fd > y->qemu_fd) - (x->qemu_fd < y->qemu_fd);
}

static int by_name(const void *a, const void *b)
{
	const struct block *x = a, *y = b;
	uint64_t xs = x->m.end - x->m.start, ys = y->m.end - y->m.start;
	int c = strcmp(x->name, y->name);

	if (c == 0)
		c = (xs > ys) - (xs < ys);
	return c != 0 ? c : by_qemu_fd(a, b);
}

static void name_blocks(struct block *b, int n)
{
	unsigned int seen[N_COUNTED] = {0};
	struct gw_qemu_args args;

	gw_qemu_args_read(&args);
	qsort(b, (size_t)n, sizeof(*b), by_qemu_fd);
	for (int i = 0; i < n; i++) {
		size_t type = counted_type(&b[i].m);

		if (type == N_COUNTED) {
			if (!gw_qemu_args_file_id(&args, b[i].m.path, b[i].name, sizeof(b[i].name)))
				name_from_path(&b[i]);
			continue;
		}
		if (!gw_qemu_args_nth_id(
			    &args, counted[type][1], seen[type], b[i].name, sizeof(b[i].name)))
			snprintf(b[i].name, sizeof(b[i].name), "%s.%u", counted[type][1],
				seen[type]);
		seen[type]++;
	}
	qsort(b, (size_t)n, sizeof(*b), by_name);
	gw_qemu_args_free(&args);
}

/* Of the policy only: asking for the page's node would fault the page in, and turn a hole into
 * data. */
static int32_t numa_node(uint64_t addr)
{
	unsigned long mask[16] = {0};
	int32_t node = -1;
	int mode = 0;

	if (syscall(SYS_get_mempolicy, &mode, mask, sizeof(mask) * 8, addr, MPOL_F_ADDR) < 0 ||
		(mode != MPOL_BIND && mode != MPOL_PREFERRED))
		return -1;
	for (int32_t i = 0; i < (int32_t)(sizeof(mask) * 8); i++) {
		if (!(mask[i / 64] >> i % 64 & 1))
			continue;
		if (node >= 0)
			return -1;
		node = i;
	}
	return node;
}

static void describe_block(const struct block *b, uint8_t id, struct gw_export_region *r)
{
	struct statfs fs;

	*r = (struct gw_export_region){
		.size = b->m.end - b->m.start,
		.file_offset = b->m.file_offset,
		.page_size = 4096,
		.numa_node = numa_node(b->m.start),
		.id = id,
	};
	memcpy(r->name, b->name, sizeof(r->name));
	if (fstatfs(b->fd, &fs) < 0)
		return;
	if (fs.f_type == TMPFS_MAGIC)
		r->flags = GW_EXPORT_REGION_TMPFS;
	if (fs.f_type == HUGETLBFS_MAGIC) {
		r->flags = GW_EXPORT_REGION_HUGETLB;
		r->page_size = (uint32_t)fs.f_bsize;
	}
}

/* A write through a second mapping of the same bytes would go unnoticed. */
static void check_aliases(const struct block *b, int n, struct gw_qemu_ram *ram)
{
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < i; j++) {
			const struct gw_mapping *x = &b[i].m, *y = &b[j].m;

			if (x->dev == y->dev && x->ino == y->ino &&
				x->file_offset < y->file_offset + (y->end - y->start) &&
				y->file_offset < x->file_offset + (x->end - x->start))
				snprintf(ram->track_error, sizeof(ram->track_error),
					"%.200s is mapped twice in QEMU", x->path);
		}
	}
}

static int read_mappings(struct block *b, struct gw_export_reason *why)
{
	struct gw_mapping *m = calloc(MAX_MAPPINGS, sizeof(*m));
	FILE *maps = fopen("/proc/self/maps", "re");
	int n = -ENOMEM, kept = 0;

	if (m != NULL && maps != NULL)
		n = gw_maps_read(maps, MIN_BYTES, m, MAX_MAPPINGS);
	for (int i = 0; i < n && kept >= 0; i++) {
		if (!is_guest_ram(&m[i]))
			continue;
		if (kept == (int)GW_EXPORT_MAX_REGIONS)
			n = -E2BIG;
		else
			b[kept++] = (struct block){.m = m[i], .fd = -1};
	}
	if (maps != NULL)
		fclose(maps);
	free(m);
	if (n < 0)
		return gw_export_why(why, n,
			"more than %u guest RAM mappings, or /proc/self/maps: %s",
			GW_EXPORT_MAX_REGIONS, strerror(-n));
	if (kept == 0)
		return gw_export_why(why, -EAGAIN,
			"QEMU has no shared guest RAM (yet): use memory-backend-file or -memfd, "
			"share=on");
	return kept;
}

int gw_qemu_ram_find(struct gw_qemu_ram *ram, struct gw_export_reason *why)
{
	struct block *b = calloc(GW_EXPORT_MAX_REGIONS, sizeof(*b));
	int n, ret = 0;

	memset(ram, 0, sizeof(*ram));
	if (b == NULL)
		return gw_export_why(why, -ENOMEM, "out of memory");
	n = read_mappings(b, why);
	for (int i = 0; i < n; i++)
		find_qemu_fd(&b[i]);
	if (n > 0)
		name_blocks(b, n);
	for (int i = 0; i < n; i++) {
		if (open_file(&b[i]) < 0) {
			ret = gw_export_why(why, -EBADF, "%.200s: cannot be opened", b[i].m.path);
			break;
		}
		describe_block(&b[i], (uint8_t)i, &ram->region[i]);
		ram->fd[i] = b[i].fd;
		ram->range[i] = (struct gw_uffd_range){
			.addr = (void *)(uintptr_t)b[i].m.start,
			.size_bytes = ram->region[i].size,
			.region = (uint8_t)i,
		};
		ram->n_regions = (uint32_t)i + 1;
	}
	if (n < 0)
		ret = n;
	if (ret < 0)
		gw_qemu_ram_close(ram);
	else
		check_aliases(b, n, ram);
	free(b);
	return ret;
}

void gw_qemu_ram_close(struct gw_qemu_ram *ram)
{
	for (uint32_t i = 0; i < ram->n_regions; i++)
		close(ram->fd[i]);
	ram->n_regions = 0;
}
