/* SPDX-License-Identifier: BSD-3-Clause */
#include "secret.h"

#include "prefault.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE 4096u

/* In the page before the memory. */
struct head {
	size_t mapped;
};

static size_t whole(size_t bytes)
{
	return (bytes + 2 * PAGE - 1) / PAGE * PAGE; /* and the head's page */
}

void gw_secret_mark(void *base, size_t bytes)
{
	/* A kernel that refuses this has no core dumps. */
	madvise(base, bytes, MADV_DONTDUMP);
}

static void *settle(void *m, size_t bytes)
{
	struct head *h = m;

	gw_secret_mark(m, bytes);
	/* As far as RLIMIT_MEMLOCK goes: without it swap is the host's matter. */
	mlock2(m, bytes, MLOCK_ONFAULT);
	h->mapped = bytes;
	return (uint8_t *)m + PAGE;
}

void *gw_secret_alloc(size_t bytes)
{
	size_t mapped = whole(bytes);
	void *m;

	if (mapped < bytes)
		return NULL;
	m = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	return m == MAP_FAILED ? NULL : settle(m, mapped);
}

void *gw_secret_grow(void *p, size_t bytes)
{
	struct head *h = p == NULL ? NULL : (void *)((uint8_t *)p - PAGE);
	size_t mapped = whole(bytes);
	void *m;

	if (h == NULL)
		return gw_secret_alloc(bytes);
	if (mapped < bytes)
		return NULL;
	if (mapped <= h->mapped)
		return p;
	m = mremap(h, h->mapped, mapped, MREMAP_MAYMOVE);
	/* What is locked cannot grow beyond RLIMIT_MEMLOCK. */
	if (m == MAP_FAILED && munlock(h, h->mapped) == 0)
		m = mremap(h, h->mapped, mapped, MREMAP_MAYMOVE);
	return m == MAP_FAILED ? NULL : settle(m, mapped);
}

void gw_secret_populate(void *p, size_t bytes)
{
	if (madvise(p, bytes, MADV_POPULATE_WRITE) == 0)
		gw_prefault(p, bytes);
}

void gw_secret_free(void *p)
{
	struct head *h = p == NULL ? NULL : (void *)((uint8_t *)p - PAGE);

	if (h != NULL)
		munmap(h, h->mapped);
}
