/* SPDX-License-Identifier: BSD-3-Clause */
#include "memory.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/export/guest/content.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED 0x676f64776974ull

/* A peer says how much: it must not take this host down. */
static int check_available(uint64_t bytes, struct gw_err *err)
{
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	if (kib == 0 || bytes / 1024 <= kib / 4 * 3)
		return 0;
	return gw_err(err, -ENOMEM,
		"%llu MiB of memory wanted, three quarters of %llu MiB available are allowed "
		"(--ram)",
		(unsigned long long)(bytes >> 20), kib >> 10);
}

int bench_memory_create(uint64_t bytes, struct bench_memory *m, struct gw_err *err)
{
	struct gw_ram_region region = {.id = 1, .size = bytes};
	int rc;

	memset(m, 0, sizeof(*m));
	m->fd = -1;
	rc = check_available(bytes, err);
	if (rc != 0)
		return rc;
	m->fd = memfd_create("godwit-bench", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, (off_t)bytes) != 0) {
		rc = gw_err(err, -errno, "%llu MiB of memory: %s",
			(unsigned long long)(bytes >> 20), strerror(errno));
		goto fail;
	}
	region.fd = m->fd;
	rc = gw_ram_map(&region, 1, true, &m->ram, err);
	if (rc != 0)
		goto fail;
	m->bytes = bytes;
	m->pages = bytes / GUEST_PAGE_BYTES;
	return 0;
fail:
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	return rc;
}

void bench_memory_free(struct bench_memory *m)
{
	if (m->ram == NULL)
		return;
	gw_ram_free(&m->ram);
	close(m->fd);
}

void bench_memory_fill(struct bench_memory *m, uint32_t zero_pct, uint32_t compressible_pct)
{
	/* The profile draws compressible pages among those that are not zero. */
	struct guest_profile p = {.seed = SEED,
		.zero_pct = zero_pct,
		.compressible_pct =
			zero_pct == 100 ? 0 : compressible_pct * 100 / (100 - zero_pct)};
	uint8_t *base = gw_ram_region(m->ram, 0, NULL, NULL);

	for (uint64_t i = 0; i < m->pages; i++)
		guest_page_fill(&p, i, 0, (uint64_t *)(void *)(base + i * GUEST_PAGE_BYTES));
}

int bench_memory_populate(struct bench_memory *m)
{
	return gw_ram_populate(m->ram, 0, 0, m->pages);
}

int64_t bench_memory_plain_ns(uint64_t bytes)
{
	struct gw_err err;
	int fd = check_available(bytes, &err) != 0 ? -1 : memfd_create("godwit-bench", MFD_CLOEXEC);
	uint64_t start_ns;
	uint8_t *base;
	int64_t ns;

	if (fd < 0)
		return -ENOMEM;
	if (ftruncate(fd, (off_t)bytes) != 0) {
		ns = -errno;
		close(fd);
		return ns;
	}
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		ns = -errno;
		close(fd);
		return ns;
	}
	start_ns = gw_now_ns();
	for (uint64_t at = 0; at < bytes; at += GUEST_PAGE_BYTES)
		memset(base + at, 0x5a, GUEST_PAGE_BYTES);
	ns = (int64_t)(gw_now_ns() - start_ns);
	munmap(base, bytes);
	close(fd);
	return ns;
}
