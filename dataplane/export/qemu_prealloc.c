/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_prealloc.h"
#include "../base/huge_page.h"
#include "own_thread.h"
#include "qemu_args.h"
#include "qemu_ram.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US 50000u /* between looks for memory that QEMU begins to take */
#define LOOKS_MAX 600u /* in vain: half a minute */

static atomic_bool stopped;

/* QEMU binds memory to its nodes first and takes it then: a page of ours must not be the first. */
static bool is_begun(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_blocks != 0;
}

/* False: no further region either. */
static bool gather_region(const struct gw_uffd_range *range)
{
	const uintptr_t huge = GW_HUGE_PAGE_BYTES;
	uintptr_t first = ((uintptr_t)range->addr + huge - 1) / huge * huge;
	uintptr_t end = ((uintptr_t)range->addr + range->size_bytes) / huge * huge;

	for (; end > first && !atomic_load(&stopped); end -= huge) {
		int ret = gw_huge_page_gather((uint8_t *)end - huge);

		if (ret == -ENOMEM || ret == -EINVAL)
			return false;
	}
	return !atomic_load(&stopped);
}

struct search {
	struct gw_qemu_args args;
	unsigned int wanted;                       /* regions that are still to come */
	uintptr_t gathered[GW_EXPORT_MAX_REGIONS]; /* their addresses */
	uint32_t n_gathered;
};

/* Whether this region is one that QEMU has begun to take since the last look. */
static bool is_next(struct search *s, const struct gw_qemu_ram *ram, uint32_t i)
{
	uintptr_t addr = (uintptr_t)ram->range[i].addr;

	for (uint32_t k = 0; k < s->n_gathered; k++)
		if (s->gathered[k] == addr)
			return false;
	return s->n_gathered < GW_EXPORT_MAX_REGIONS && is_begun(ram->fd[i]) &&
	       gw_qemu_args_preallocated(&s->args, ram->region[i].name) != 0;
}

/* True: there was something new. */
static bool look(struct search *s)
{
	struct gw_export_reason why;
	struct gw_qemu_ram ram;
	bool found = false;

	if (gw_qemu_ram_find(&ram, &why) < 0)
		return false;
	for (uint32_t i = 0; i < ram.n_regions && s->wanted != 0; i++) {
		if (!is_next(s, &ram, i))
			continue;
		found = true;
		s->gathered[s->n_gathered++] = (uintptr_t)ram.range[i].addr;
		s->wanted = gather_region(&ram.range[i]) ? s->wanted - 1 : 0;
	}
	gw_qemu_ram_close(&ram);
	return found;
}

/* Backends come one after the other, each when the one before is complete. */
static void *search_main(void *arg)
{
	struct search *s = arg;

	for (uint32_t looks = 0; s->wanted != 0 && looks < LOOKS_MAX && !atomic_load(&stopped);
		looks++) {
		if (look(s))
			looks = 0;
		usleep(LOOK_US);
	}
	gw_qemu_args_free(&s->args);
	free(s);
	return NULL;
}

void gw_qemu_prealloc_start(void)
{
	struct search *s = calloc(1, sizeof(*s));
	pthread_t thread;

	if (s == NULL)
		return;
	gw_qemu_args_read(&s->args);
	s->wanted = gw_qemu_args_preallocated(&s->args, NULL);
	if (s->wanted != 0 && gw_own_thread_start(&thread, "godwit-huge", 0, search_main, s) == 0) {
		pthread_detach(thread);
		return;
	}
	gw_qemu_args_free(&s->args);
	free(s);
}

void gw_qemu_prealloc_stop(void)
{
	atomic_store(&stopped, true);
}
