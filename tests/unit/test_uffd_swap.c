/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export/uffd_wp.c on memory that is swapped out: a swap file of its own, and pages that
 * the kernel is asked to write there. */
#include "tracked.h"
#include "random.h"
#include "run.h"
#include "smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWAP_PAGES (2 * TRACKED_PAGES)
#define EPOCHS 20
#define THIRD (TRACKED_PAGES / 3)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static struct tracked ram;

static uint64_t swapped_pages(void)
{
	return smaps_kib(ram.ram, "Swap:") / 4;
}

/* Asks for it; the kernel may keep some. */
static int page_out(uint64_t page, uint64_t n)
{
	return madvise(ram.ram + page * 4096, n * 4096, MADV_PAGEOUT);
}

static void fill(void)
{
	for (uint64_t i = 0; i < TRACKED_PAGES; i++)
		tracked_write(&ram, i, i + 1);
}

static uint64_t named_in(uint64_t page, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = page; i < page + n; i++)
		sum += ram.named[i];
	return sum;
}

/* One third is written and then swapped out, one swapped out and then written, one only that. */
static void test_written_and_swapped(void)
{
	uint64_t before;

	fill();
	tracked_start(&ram);
	tracked_harvest(&ram);
	CU_ASSERT_EQUAL(ram.pages, 0);
	for (uint64_t i = 0; i < THIRD; i++)
		tracked_write(&ram, i, ~i);
	before = swapped_pages();
	CU_ASSERT_EQUAL(page_out(0, 3 * THIRD), 0);
	CU_ASSERT(swapped_pages() > before + 2 * THIRD);
	for (uint64_t i = THIRD; i < 2 * THIRD; i++)
		tracked_write(&ram, i, ~i);
	tracked_harvest(&ram);
	CU_ASSERT_EQUAL(named_in(0, THIRD), THIRD);
	CU_ASSERT_EQUAL(named_in(THIRD, THIRD), THIRD);
	CU_ASSERT_EQUAL(named_in(2 * THIRD, THIRD), 0);
	CU_ASSERT_TRUE(tracked_equal(&ram)); /* which reads what is out */
	tracked_harvest(&ram);
	CU_ASSERT_EQUAL(ram.pages, 0);
	tracked_stop(&ram);
}

static void test_swapped_before_tracking(void)
{
	fill();
	CU_ASSERT_EQUAL(page_out(0, TRACKED_PAGES), 0);
	CU_ASSERT(swapped_pages() > TRACKED_PAGES / 2);
	CU_ASSERT_EQUAL_FATAL(gw_uffd_source_ops()->start(ram.source, &ram.sink, &ram.why), 0);
	for (uint64_t i = 0; i < TRACKED_PAGES; i += 2)
		tracked_write(&ram, i, ~i);
	tracked_harvest(&ram);
	CU_ASSERT_EQUAL(ram.pages, TRACKED_PAGES / 2);
	for (uint64_t i = 0; i < TRACKED_PAGES; i++)
		CU_ASSERT_EQUAL_FATAL(ram.named[i], i % 2 == 0);
	tracked_stop(&ram);
}

static void test_random(void)
{
	struct random r = {random_seed("swap")};

	fill();
	tracked_start(&ram);
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		for (int part = 0; part < 4; part++) {
			uint32_t page = random_below(&r, TRACKED_PAGES);

			for (int i = 0; i < 200; i++)
				tracked_write(
					&ram, random_below(&r, TRACKED_PAGES), random_next(&r));
			CU_ASSERT_EQUAL(
				page_out(page, random_below(&r, TRACKED_PAGES - page) + 1), 0);
		}
		if (random_chance(&r, 70))
			tracked_harvest(&ram);
	}
	CU_ASSERT(swapped_pages() > 0);
	tracked_harvest(&ram);
	CU_ASSERT_TRUE(tracked_equal(&ram));
	tracked_harvest(&ram);
	CU_ASSERT_EQUAL(ram.pages, 0);
	tracked_stop(&ram);
}

/* mkswap(8) in short: the header of a swap area of version 1. */
static int make_swap(int fd)
{
	static uint8_t page[4096];
	uint32_t version = 1, last_page = SWAP_PAGES - 1;

	memcpy(page + 1024, &version, sizeof(version));
	memcpy(page + 1028, &last_page, sizeof(last_page));
	memcpy(page + sizeof(page) - 10, "SWAPSPACE2", 10);
	if (posix_fallocate(fd, 0, SWAP_PAGES * 4096ll) != 0 ||
		pwrite(fd, page, sizeof(page), 0) != sizeof(page))
		return -1;
	return fsync(fd);
}

static int run_tests(void)
{
	CU_TestInfo tests[] = {
		{"written and swapped out", test_written_and_swapped},
		{"swapped out before tracking", test_swapped_before_tracking},
		{"random", test_random},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"uffd, swap", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed, fd = memfd_create("ram", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, TRACKED_BYTES) < 0)
		return 2;
	ram.ram = mmap(NULL, TRACKED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ram.ram == MAP_FAILED)
		return 2;
	if (tracked_open(&ram, ram.ram) < 0) {
		printf("skipped: %s\n", ram.why.text);
		return 77;
	}
	fill();
	if (page_out(0, TRACKED_PAGES) < 0 || swapped_pages() == 0) {
		printf("skipped: the kernel swaps no shared memory out\n");
		return 77;
	}
	failed = run_suites(suites);
	tracked_close(&ram);
	close(fd);
	return failed;
}

/* In a process of its own, so that the swap file goes however the tests end. */
static int run_apart(void)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0)
		exit(run_tests());
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	char path[] = "/var/tmp/godwit-test-swap.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	int ret = 77;

	if (fd < 0 || make_swap(fd) < 0 || swapon(path, 0) < 0) {
		printf("skipped: a swap file %s: %s\n", path, strerror(errno));
	} else {
		ret = run_apart();
		swapoff(path);
	}
	unlink(path);
	return ret;
}
