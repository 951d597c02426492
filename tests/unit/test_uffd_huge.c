/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export/uffd_wp.c on transparent huge pages of shared memory: no write is lost, and
 * pages are named one by one. */
#include "run.h"
#include "tracked.h"
#include "random.h"
#include "smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#define HUGE (2u << 20)
#define EPOCHS 40
#define EPOCH_WRITES 500

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static struct tracked huge;
static int ram_fd = -1;

/* As long as nothing was written one by one since, all of it is mapped huge again. */
static bool map_huge(void)
{
	madvise(huge.ram, TRACKED_BYTES, MADV_DONTNEED);
	for (uint64_t at = 0; at < TRACKED_BYTES; at += HUGE)
		((volatile uint8_t *)huge.ram)[at] += 1;
	return smaps_kib(huge.ram, "ShmemPmdMapped:") == TRACKED_BYTES >> 10;
}

static void test_no_write_lost(void)
{
	struct tracked_writer writer = {.memory = &huge};
	pthread_t thread;

	CU_ASSERT_TRUE_FATAL(map_huge());
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, tracked_writer_main, &writer), 0);
	tracked_start(&huge);
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		uint64_t had = __atomic_load_n(&writer.written, __ATOMIC_ACQUIRE);

		while (__atomic_load_n(&writer.written, __ATOMIC_ACQUIRE) < had + EPOCH_WRITES)
			usleep(100);
		tracked_harvest(&huge);
		CU_ASSERT(huge.pages > 0);
	}
	__atomic_store_n(&writer.quit, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	tracked_harvest(&huge);
	CU_ASSERT_TRUE(tracked_equal(&huge));
	tracked_harvest(&huge);
	CU_ASSERT_EQUAL(huge.pages, 0);
	tracked_stop(&huge);
}

static void test_one_write_names_one_page(void)
{
	volatile uint8_t *ram = huge.ram;
	uint64_t sum = 0;

	CU_ASSERT_TRUE_FATAL(map_huge());
	tracked_start(&huge);
	for (uint64_t page = 0; page < TRACKED_PAGES; page++)
		sum += ram[page * 4096];
	CU_ASSERT(sum > 0);
	tracked_harvest(&huge); /* reading is no writing */
	CU_ASSERT_EQUAL(huge.pages, 0);
	tracked_write(&huge, 1000, 1);
	tracked_harvest(&huge);
	CU_ASSERT_EQUAL(huge.pages, 1);
	CU_ASSERT_EQUAL(huge.named[1000], 1);
	tracked_stop(&huge);
}

/* The kernel makes huge pages of small ones in the background; here it is asked to, or let go. */
static void test_collapse_and_unmap(void)
{
	struct random r = {random_seed("collapse")};

	CU_ASSERT_TRUE_FATAL(map_huge());
	tracked_start(&huge);
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		uint8_t *part = huge.ram + random_below(&r, TRACKED_BYTES / HUGE) * HUGE;

		for (int i = 0; i < 50; i++)
			tracked_write(&huge, random_below(&r, TRACKED_PAGES), random_next(&r));
		if (random_chance(&r, 50))
			madvise(part, HUGE, MADV_COLLAPSE); /* refused or not, nothing is lost */
		else
			madvise(part, HUGE, MADV_DONTNEED); /* the file still has it */
		for (int i = 0; i < 50; i++)
			tracked_write(&huge, random_below(&r, TRACKED_PAGES), random_next(&r));
		if (random_chance(&r, 50))
			tracked_harvest(&huge);
	}
	tracked_harvest(&huge);
	CU_ASSERT_TRUE(tracked_equal(&huge));
	tracked_stop(&huge);
}

/* A file system of this process's own, where all files are of huge pages. NULL, or why not. */
static const char *open_ram(void)
{
	static char why[128];
	char dir[] = "/tmp/godwit-test-huge.XXXXXX";
	const char *step = "a mount namespace of its own";
	uint8_t *at;

	if (unshare(CLONE_NEWNS) < 0)
		goto failed;
	step = "a private mount";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mkdtemp(dir) == NULL)
		goto failed;
	step = "tmpfs with huge=always";
	if (mount("godwit-test", dir, "tmpfs", 0, "huge=always,size=64M") < 0) {
		rmdir(dir);
		goto failed;
	}
	ram_fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	step = "a file of huge pages";
	if (ram_fd < 0 || ftruncate(ram_fd, TRACKED_BYTES) < 0)
		goto failed;
	/* A huge page can be mapped as one only where address and offset agree. */
	at = mmap(NULL, TRACKED_BYTES + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at += HUGE - (uintptr_t)at % HUGE;
	huge.ram =
		mmap(at, TRACKED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_fd, 0);
	if (huge.ram == MAP_FAILED)
		goto failed;
	return map_huge() ? NULL : "the kernel maps no huge pages of shared memory";
failed:
	snprintf(why, sizeof(why), "%s: %s", step, strerror(errno));
	return why;
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"no write lost", test_no_write_lost},
		{"one write names one page", test_one_write_names_one_page},
		{"collapse and unmap", test_collapse_and_unmap},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"uffd, huge pages", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	const char *why = open_ram();
	int failed;

	if (why == NULL && tracked_open(&huge, huge.ram) < 0)
		why = huge.why.text;
	if (why != NULL) {
		printf("skipped: %s\n", why);
		return 77;
	}
	failed = run_suites(suites);
	tracked_close(&huge);
	close(ram_fd);
	return failed;
}
