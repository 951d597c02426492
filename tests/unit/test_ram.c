/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/memory/ram.c, ram_pages.c, guard.c: which pages there are, and files of guests that do
 * not mean well. */
#include "../../dataplane/memory/ram.c"

#include "../../dataplane/memory/guard.c"
#include "../../dataplane/memory/ram_pages.c"

#include "run.h"
#include "smaps.h"

#include <sys/syscall.h>
#include <sys/vfs.h>

#define PAGES 1024u
#define BYTES (PAGES * 4096ull)

static int memfd(uint64_t bytes)
{
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static struct gw_ram *map_of(int fd, bool writable)
{
	struct gw_ram_region r = {.id = 3, .size = BYTES, .fd = fd};
	struct gw_ram *ram = NULL;
	struct gw_err err = {""};

	CU_ASSERT_EQUAL_FATAL(gw_ram_map(&r, 1, writable, &ram, &err), 0);
	return ram;
}

static void test_not_dumped(void)
{
	int fd = memfd(BYTES);
	struct gw_ram *ram = map_of(fd, true);
	uint8_t *base = gw_ram_region(ram, 0, NULL, NULL);

	CU_ASSERT_TRUE(smaps_has_flag(base, "dd"));
	CU_ASSERT_TRUE(smaps_has_flag(base + BYTES - 1, "dd"));
	/* What takes the place of a file that shrank holds pages too. */
	CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
	__atomic_store_n(base + 5 * 4096, 1, __ATOMIC_RELAXED);
	CU_ASSERT_TRUE(gw_ram_broken(ram));
	CU_ASSERT_TRUE(smaps_has_flag(base, "dd"));
	gw_ram_free(&ram);
	close(fd);
}

/* One guest's file shrinks while threads read and write both: the other is not touched by it. */
struct toucher {
	uint8_t *base;
	bool writes;
	uint32_t rounds; /* atomic */
};

static uint32_t cut; /* atomic: 1 when the file has shrunk */

static void *touch(void *arg)
{
	struct toucher *t = arg;

	/* Until all of it was touched after the cut. */
	for (uint32_t after = 0; after < 2; after += __atomic_load_n(&cut, __ATOMIC_ACQUIRE)) {
		for (uint32_t page = 0; page < PAGES; page += 7) {
			uint8_t *at = t->base + page * 4096ull;

			if (t->writes)
				__atomic_store_n(at, 1, __ATOMIC_RELAXED);
			else
				(void)__atomic_load_n(at, __ATOMIC_RELAXED);
		}
		__atomic_add_fetch(&t->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_shrinks_under_threads(void)
{
	int bad_fd = memfd(BYTES), good_fd = memfd(BYTES);
	struct gw_ram *bad = map_of(bad_fd, true), *good = map_of(good_fd, true);
	struct toucher t[4] = {{gw_ram_region(bad, 0, NULL, NULL), true, 0},
		{gw_ram_region(bad, 0, NULL, NULL), false, 0},
		{gw_ram_region(good, 0, NULL, NULL), true, 0},
		{gw_ram_region(good, 0, NULL, NULL), false, 0}};
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, touch, &t[i]), 0);
	while (__atomic_load_n(&t[0].rounds, __ATOMIC_RELAXED) < 3)
		sched_yield();
	CU_ASSERT_EQUAL(ftruncate(bad_fd, BYTES / 2), 0);
	__atomic_store_n(&cut, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	CU_ASSERT_TRUE(gw_ram_broken(bad));
	CU_ASSERT_FALSE(gw_ram_broken(good));
	gw_ram_free(&bad);
	/* Grown again and mapped anew it is memory like any other. */
	CU_ASSERT_EQUAL(ftruncate(bad_fd, BYTES), 0);
	bad = map_of(bad_fd, true);
	CU_ASSERT_FALSE(gw_ram_broken(bad));
	gw_ram_free(&bad);
	gw_ram_free(&good);
	close(bad_fd);
	close(good_fd);
}

static int count(void *ctx, uint64_t first, uint64_t n)
{
	(void)first;
	*(uint64_t *)ctx += n;
	return 0;
}

static void write_pages(int fd, uint64_t first, uint64_t n)
{
	uint8_t page[4096];

	memset(page, 0xee, sizeof(page));
	for (uint64_t i = first; i < first + n; i++)
		CU_ASSERT_EQUAL(pwrite(fd, page, sizeof(page), (off_t)(i * 4096)), 4096);
}

static uint64_t count_extents(const struct gw_ram *ram, uint64_t first, uint64_t n)
{
	uint64_t pages = 0;

	CU_ASSERT_EQUAL(gw_ram_extents(ram, 0, first, n, count, &pages), 0);
	return pages;
}

static uint64_t count_unmapped(const struct gw_ram *ram, uint64_t first, uint64_t n)
{
	uint64_t pages = 0;

	CU_ASSERT_EQUAL(gw_ram_unmapped(ram, 0, first, n, count, &pages), 0);
	return pages;
}

static bool can_scan(void)
{
	struct pm_scan_arg arg = {.size = sizeof(arg)};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool can = fd >= 0 && ioctl(fd, PAGEMAP_SCAN, &arg) >= 0;

	close(fd);
	return can;
}

static void test_data(void)
{
	int fd = memfd(BYTES);
	struct gw_ram *ram = map_of(fd, true);

	CU_ASSERT_TRUE(gw_ram_empty(ram));
	CU_ASSERT_EQUAL(count_extents(ram, 0, UINT64_MAX), 0);
	write_pages(fd, PAGES - 1, 1);
	CU_ASSERT_FALSE(gw_ram_empty(ram));
	CU_ASSERT_EQUAL(count_extents(ram, 0, UINT64_MAX), 1);
	CU_ASSERT_EQUAL(count_extents(ram, 0, PAGES - 1), 0);
	/* A file that has all of its pages is not searched; one page less, and it is. */
	write_pages(fd, 0, PAGES);
	CU_ASSERT_EQUAL(count_extents(ram, 0, UINT64_MAX), PAGES);
	CU_ASSERT_EQUAL(count_extents(ram, 100, 50), 50);
	CU_ASSERT_EQUAL(count_extents(ram, PAGES, 50), 0);
	CU_ASSERT_EQUAL(gw_ram_punch(ram, 0, 120, 1), 0);
	CU_ASSERT_EQUAL(count_extents(ram, 0, UINT64_MAX), PAGES - 1);
	CU_ASSERT_EQUAL(count_extents(ram, 100, 50), 49);
	CU_ASSERT_EQUAL(gw_ram_punch_all(ram), 0);
	CU_ASSERT_TRUE(gw_ram_empty(ram));
	gw_ram_free(&ram);
	close(fd);
}

/* Of half a file that is data in every other stretch: all is mapped, holes become data, and the
 * rest of the file stays as it is. */
static void test_populate_data(void)
{
	int fd = memfd(BYTES);
	struct gw_ram *ram;
	uint8_t *base;

	for (uint64_t first = 0; first < PAGES; first += 100)
		write_pages(fd, first, first + 50 < PAGES ? 50 : PAGES - first);
	ram = map_of(fd, true);
	base = gw_ram_region(ram, 0, NULL, NULL);
	CU_ASSERT_EQUAL(gw_ram_populate_data(ram, 0, 7, PAGES / 2), 0);
	CU_ASSERT_EQUAL(count_extents(ram, 7, PAGES / 2), PAGES / 2);
	CU_ASSERT_EQUAL(count_extents(ram, 551, 49), 0);
	if (can_scan()) {
		CU_ASSERT_EQUAL(count_unmapped(ram, 7, PAGES / 2), 0);
		CU_ASSERT_EQUAL(count_unmapped(ram, 600, 100), 100);
	} else {
		CU_ASSERT_EQUAL(count_unmapped(ram, 7, PAGES / 2), PAGES / 2);
	}
	CU_ASSERT_EQUAL(base[10 * 4096], 0xee);
	CU_ASSERT_EQUAL(base[60 * 4096], 0);
	base[60 * 4096] = 1;
	gw_ram_free(&ram);
	close(fd);
}

/* What a destination populates whole is gathered, with what it holds; the rest stays small. */
static void test_gather(void)
{
	int fd = memfd(BYTES);
	struct gw_ram *ram = map_of(fd, true), *reader = map_of(fd, false);
	uint8_t *base = gw_ram_region(ram, 0, NULL, NULL);
	uint8_t *theirs = gw_ram_region(reader, 0, NULL, NULL);
	uint64_t kib;

	CU_ASSERT_EQUAL((uintptr_t)base % GW_HUGE_PAGE_BYTES, 0);
	base[5 * 4096] = 7;
	/* A page of the second half is left out: that half has a hole. */
	CU_ASSERT_EQUAL(gw_ram_populate(ram, 0, 0, PAGES - 1), 0);
	kib = smaps_kib(base, "ShmemPmdMapped:");
	if (!ram->no_huge)
		CU_ASSERT_EQUAL(kib, GW_HUGE_PAGE_BYTES >> 10);
	CU_ASSERT_EQUAL(theirs[5 * 4096], 7);
	CU_ASSERT_EQUAL(theirs[6 * 4096], 0);
	CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_HOLE), (off_t)(BYTES - 4096));
	/* To read does not gather, nor does it where it is not wanted. */
	gw_ram_free(&ram);
	gw_ram_free(&reader);
	close(fd);

	fd = memfd(BYTES);
	ram = map_of(fd, true);
	gw_ram_small_pages(ram);
	CU_ASSERT_EQUAL(gw_ram_populate(ram, 0, 0, PAGES), 0);
	reader = map_of(fd, false);
	CU_ASSERT_EQUAL(gw_ram_populate_data(reader, 0, 0, PAGES), 0);
	CU_ASSERT_EQUAL(smaps_kib(gw_ram_region(ram, 0, NULL, NULL), "ShmemPmdMapped:"), 0);
	gw_ram_free(&reader);
	gw_ram_free(&ram);

	/* Small pages with data, as a hypervisor that preallocates leaves them. */
	ram = map_of(fd, true);
	base = gw_ram_region(ram, 0, NULL, NULL);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, (GW_RAM_HUGE_PAGES + 3) * 4096), 1);
	CU_ASSERT_EQUAL(gw_ram_populate_data(ram, 0, GW_RAM_HUGE_PAGES, GW_RAM_HUGE_PAGES), 0);
	kib = smaps_kib(base, "ShmemPmdMapped:");
	if (!ram->no_huge)
		CU_ASSERT_EQUAL(kib, GW_HUGE_PAGE_BYTES >> 10);
	CU_ASSERT_EQUAL(base[(GW_RAM_HUGE_PAGES + 3) * 4096], 'x');
	/* A huge page gives back a small one. */
	CU_ASSERT_EQUAL(gw_ram_punch(ram, 0, GW_RAM_HUGE_PAGES + 3, 1), 0);
	CU_ASSERT_EQUAL(base[(GW_RAM_HUGE_PAGES + 3) * 4096], 0);
	gw_ram_free(&ram);
	close(fd);
}

/* What goes by system calls gets an error, or finds nothing, but no signal. */
static void test_shrinks_under_calls(void)
{
	int fd = memfd(BYTES);
	struct gw_ram *ram = map_of(fd, true);
	uint64_t pages = 0;

	CU_ASSERT_EQUAL(ftruncate(fd, 4096), 0);
	CU_ASSERT_EQUAL(gw_ram_extents(ram, 0, 0, PAGES, count, &pages), 0);
	CU_ASSERT_EQUAL(pages, 0);
	CU_ASSERT_FALSE(gw_ram_broken(ram));
	CU_ASSERT_EQUAL(gw_ram_populate(ram, 0, PAGES / 2, 16), -EFAULT);
	CU_ASSERT_TRUE(gw_ram_broken(ram));
	CU_ASSERT_EQUAL(gw_ram_punch(ram, 0, 0, PAGES), 0);
	gw_ram_free(&ram);
	/* Touching does the same. */
	CU_ASSERT_EQUAL(ftruncate(fd, BYTES), 0);
	ram = map_of(fd, true);
	CU_ASSERT_EQUAL(ftruncate(fd, 4096), 0);
	CU_ASSERT_EQUAL(gw_ram_populate_data(ram, 0, PAGES / 2, 16), -EFAULT);
	CU_ASSERT_TRUE(gw_ram_broken(ram));
	gw_ram_free(&ram);
	close(fd);
}

static void refused(int fd, uint64_t size, bool writable, const char *says)
{
	struct gw_ram_region r = {.id = 3, .size = size, .fd = fd};
	struct gw_ram *ram = NULL;
	struct gw_err err = {""};
	int rc = gw_ram_map(&r, 1, writable, &ram, &err);

	if (rc >= 0 || strstr(err.text, says) == NULL)
		fprintf(stderr, "rc %d, got '%s', wanted '%s'\n", rc, err.text, says);
	CU_ASSERT(rc < 0);
	CU_ASSERT_PTR_NULL(ram);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, says));
	close(fd);
}

static void test_wrong_descriptors(void)
{
	struct statfs fs;
	int fds[2], fd;

	refused(memfd(BYTES - 4096), BYTES, true, "smaller than the region");
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	close(fds[1]);
	refused(fds[0], BYTES, true, "is no file");
	refused(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), BYTES, false, "is no file");
	refused(open("/dev/zero", O_RDWR | O_CLOEXEC), BYTES, true, "is no file");
	fd = memfd(BYTES);
	CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	refused(fd, BYTES, true, "cannot be mapped");
	/* A page of it may come from a disk, a network, or a FUSE process that lets it wait. */
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(fstatfs(fd, &fs), 0);
	if (fs.f_type == TMPFS_MAGIC)
		close(fd);
	else
		refused(fd, 4096, false, "neither tmpfs nor hugetlbfs");
}

int main(void)
{
	CU_TestInfo tests[] = {{"not dumped", test_not_dumped}, {"data and holes", test_data},
		{"populate data", test_populate_data}, {"huge pages", test_gather},
		{"shrinks under threads", test_shrinks_under_threads},
		{"shrinks under system calls", test_shrinks_under_calls},
		{"wrong descriptors", test_wrong_descriptors}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"ram", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
