/* SPDX-License-Identifier: BSD-3-Clause */
#include "secret.h"

#include "prefault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

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

int gw_secret_file_open(struct gw_secret_file *f, const char *name, size_t bytes)
{
	int rc;

	*f = (struct gw_secret_file){.bytes = bytes > 0 ? bytes : 1};
	f->fd = memfd_create(name, MFD_CLOEXEC);
	if (f->fd < 0)
		return -errno;
	/* Memory that is missing is found out here, not by a signal when it is written. */
	do
		rc = fallocate(f->fd, 0, 0, (off_t)f->bytes);
	while (rc != 0 && errno == EINTR);
	if (rc == 0)
		f->at = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (f->at == NULL || f->at == MAP_FAILED) {
		rc = -errno;
		close(f->fd);
		f->at = NULL;
		return rc;
	}
	gw_secret_mark(f->at, f->bytes);
	/* All of it at once: it need not be touched here. As far as RLIMIT_MEMLOCK goes. */
	mlock2(f->at, f->bytes, 0);
	return 0;
}

void gw_secret_file_close(struct gw_secret_file *f)
{
	if (f->at == NULL)
		return;
	munmap(f->at, f->bytes);
	close(f->fd);
	f->at = NULL;
}
