/* SPDX-License-Identifier: BSD-3-Clause */
/* export/work_memory.c: what stays while it is held, and is as it was afterwards. */
#include "../../dataplane/export/work_memory.c"
#include "run.h"
#include "smaps.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define WORK (1u << 20)
#define STACK (8u << 20)

/* Private memory between two pages without access: no part of another mapping. */
static uint8_t *map(size_t bytes)
{
	uint8_t *m = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CU_ASSERT_FATAL(m != MAP_FAILED);
	CU_ASSERT_EQUAL_FATAL(mprotect(m + PAGE, bytes, PROT_READ | PROT_WRITE), 0);
	return m + PAGE;
}

static void unmap(uint8_t *m, size_t bytes)
{
	munmap(m - PAGE, bytes + 2 * PAGE);
}

static bool is_there(const uint8_t *page)
{
	unsigned char v = 0;

	return mincore((void *)(uintptr_t)page, PAGE, &v) == 0 && (v & 1);
}

static void test_hold(void)
{
	uint8_t *work = map(WORK), *stack = map(STACK);

	work[0] = 1;
	gw_work_memory_hold();
	CU_ASSERT(gw_work_memory_held());
	CU_ASSERT(is_there(work + WORK - PAGE));
	CU_ASSERT(!is_there(stack + STACK - PAGE));
	/* What malloc_trim() does. */
	madvise(work, WORK, MADV_DONTNEED);
	CU_ASSERT(work[0] == 1 && is_there(work + WORK - PAGE));
	/* Once more, with what was added. */
	uint8_t *more = map(WORK);
	gw_work_memory_hold();
	CU_ASSERT(smaps_has_flag(work, "lo") && smaps_has_flag(more, "lo"));
	gw_work_memory_release();
	CU_ASSERT(!gw_work_memory_held());
#ifndef __SANITIZE_ADDRESS__ /* which lets no munlock() through */
	CU_ASSERT(!smaps_has_flag(work, "lo") && !smaps_has_flag(more, "lo"));
	madvise(work, WORK, MADV_DONTNEED);
	CU_ASSERT(work[0] == 0);
#endif
	unmap(more, WORK);
	unmap(stack, STACK);
	unmap(work, WORK);
}

/* A process that locks memory itself keeps what it locked. */
static void test_locks_its_own(void)
{
	uint8_t *work = map(WORK), *its = map(WORK);

	CU_ASSERT_EQUAL_FATAL(mlock2(its, WORK, 0), 0);
	gw_work_memory_hold();
	CU_ASSERT(is_there(work + WORK - PAGE));
	CU_ASSERT(!smaps_has_flag(work, "lo"));
	gw_work_memory_release();
	CU_ASSERT(smaps_has_flag(its, "lo"));
	unmap(its, WORK);
	unmap(work, WORK);
}

static void *allocate(void *arg)
{
	(void)arg;
	return malloc(PAGE);
}

/* Where a new thread's heap begins. */
static void test_reserve(void)
{
	pthread_t thread;
	void *p = NULL;

	gw_work_memory_reserve();
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, allocate, NULL), 0);
	pthread_join(thread, &p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
#ifndef __SANITIZE_ADDRESS__ /* which has an allocator of its own */
	uintptr_t beginning = (uintptr_t)p / PAGE * PAGE;
	const uint8_t *end = (uint8_t *)beginning + GW_WORK_MEMORY_THREAD_HEAP - PAGE;

	CU_ASSERT(!is_there(end));
	gw_work_memory_hold();
	CU_ASSERT(is_there(end));
	gw_work_memory_release();
#endif
	free(p);
}

static bool heap_is_left(void)
{
	pthread_t thread;
	uint8_t *p = NULL;
	bool there = true;

	gw_work_memory_reserve();
	gw_work_memory_hold();
	if (pthread_create(&thread, NULL, allocate, NULL) != 0 ||
		pthread_join(thread, (void **)&p) != 0 || p == NULL)
		return false;
#ifndef __SANITIZE_ADDRESS__
	for (size_t at = 0; at < GW_WORK_MEMORY_THREAD_HEAP / 2; at += PAGE)
		there = there && is_there((uint8_t *)((uintptr_t)p / PAGE * PAGE) + at);
#endif
	free(p);
	return there;
}

/* What QEMU's thread that saves the state finds: it begins when all is held already. In a process
 * that no other thread has left a heap in. */
static void test_heap_is_left(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(!heap_is_left());
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {{"a heap is left", test_heap_is_left}, {"reserve", test_reserve},
		{"hold", test_hold}, {"locks its own", test_locks_its_own}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {
		{"work memory", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
