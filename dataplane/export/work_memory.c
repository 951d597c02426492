/* SPDX-License-Identifier: BSD-3-Clause */
#include "work_memory.h"
#include "own_thread.h"

#include <inttypes.h>
#include <malloc.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEAP_MAX (256ull << 20)
/* A thread's heap, a ROM; not a stack of 8 MiB, most of which is never used. */
#define OTHER_MAX (4ull << 20)

/* As large as a disk's bounce buffer. */
#define MMAP_THRESHOLD (1 << 20)

/* For the thread that QEMU saves the state in, and one of its pool. */
#define HEAPS 2u

/* Of the process, as its memory is. */
static atomic_bool held;
static bool may_lock;

void gw_work_memory_reserve(void)
{
	mallopt(M_TOP_PAD, (int)GW_WORK_MEMORY_THREAD_HEAP);
	/* Setting one of these fixes them all at their defaults; by itself malloc() would raise
	 * the thresholds with the first larger buffers that are freed. */
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, 2 * MMAP_THRESHOLD);
}

static bool is_work_memory(const char *line, uint64_t *start, uint64_t *end)
{
	unsigned long inode;
	char perms[5];
	int name_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %lu %n", start, end, perms,
		    &inode, &name_at) < 4 ||
		strcmp(perms, "rw-p") != 0 || inode != 0)
		return false;
	if (strncmp(line + name_at, "[heap]", 6) == 0)
		return *end - *start <= HEAP_MAX;
	return (line[name_at] == '\0' || line[name_at] == '\n') && *end - *start <= OTHER_MAX;
}

static void each(void (*act)(void *start, size_t bytes))
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t start, end;
	char *line = NULL;
	size_t cap = 0;

	while (maps != NULL && getline(&line, &cap, maps) > 0)
		if (is_work_memory(line, &start, &end))
			act((void *)(uintptr_t)start, end - start);
	free(line);
	if (maps != NULL)
		fclose(maps);
}

/* One that does (QEMU's -overcommit mem-lock=on) would lose that by our unlocking. */
static bool locks_its_own(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "VmLck: %lu", &kib) == 1)
			break;
	if (status != NULL)
		fclose(status);
	return kib != 0;
}

/* The kernel takes nothing out of locked memory, also where it is told that it may. */
static void hold(void *start, size_t bytes)
{
	if (!may_lock || mlock2(start, bytes, 0) != 0)
		madvise(start, bytes, MADV_POPULATE_WRITE);
}

static void release(void *start, size_t bytes)
{
	munlock(start, bytes);
}

struct heap_making {
	sem_t made, all_made;
};

static void *leave_heap(void *arg)
{
	struct heap_making *m = arg;
	void *volatile block = malloc(1);

	sem_post(&m->made);
	sem_wait(&m->all_made);
	free(block);
	return NULL;
}

/* A thread that begins takes over the heap of one that has ended. */
static void leave_heaps(void)
{
	struct heap_making m;
	pthread_t thread[HEAPS];
	uint32_t n = 0;

	sem_init(&m.made, 0, 0);
	sem_init(&m.all_made, 0, 0);
	while (n < HEAPS && gw_own_thread_start(&thread[n], "godwit-heap", GW_OWN_THREAD_SMALL,
				    leave_heap, &m) == 0)
		n++;
	for (uint32_t i = 0; i < n; i++)
		sem_wait(&m.made);
	for (uint32_t i = 0; i < n; i++)
		sem_post(&m.all_made);
	for (uint32_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	sem_destroy(&m.made);
	sem_destroy(&m.all_made);
}

void gw_work_memory_hold(void)
{
	if (!atomic_exchange(&held, true)) {
		may_lock = !locks_its_own();
		leave_heaps();
	}
	each(hold);
}

bool gw_work_memory_held(void)
{
	return atomic_load(&held);
}

void gw_work_memory_release(void)
{
	if (atomic_exchange(&held, false) && may_lock)
		each(release);
}
