/* SPDX-License-Identifier: BSD-3-Clause */
#include "uffd_wp.h"
#include "kernel_names.h"
#include "uffd_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCAN_RUNS 512
#define PROTECT_STEP_BYTES (256ull << 20)

struct gw_uffd_source {
	int pagemap_fd;
	int uffd;     /* -1: tracking is off */
	bool leaving; /* atomic: the process ends */
	struct page_region run[SCAN_RUNS];
	uint32_t n_ranges;
	struct gw_uffd_range range[];
};

/* PAGEMAP_SCAN came with the same kernel as WP_ASYNC, but a sandbox may deny one of them. */
static int probe_scan(int pagemap_fd, const struct gw_uffd_range *r, struct gw_export_reason *why)
{
	struct pm_scan_arg arg = {
	        .size = sizeof(arg),
	        .start = (uintptr_t)r->addr,
	        .end = (uintptr_t)r->addr + 4096,
	        .category_mask = PAGE_IS_WRITTEN,
	        .return_mask = PAGE_IS_WRITTEN,
	};

	if (ioctl(pagemap_fd, PAGEMAP_SCAN, &arg) >= 0)
		return 0;
	if (errno == ENOTTY)
		return gw_export_why(
		        why, -EOPNOTSUPP, "the kernel lacks PAGEMAP_SCAN (6.7 or newer is needed)");
	return gw_export_why(why, -errno, "PAGEMAP_SCAN: %s", strerror(errno));
}

int gw_uffd_source_create(const struct gw_uffd_range *range, uint32_t n_ranges,
        struct gw_uffd_source **out, struct gw_export_reason *why)
{
	struct gw_uffd_source *s;
	int uffd, ret;

	if (n_ranges == 0 || n_ranges > GW_EXPORT_MAX_REGIONS)
		return gw_export_why(why, -EINVAL, "%u ranges, allowed are 1..%u", n_ranges,
		        GW_EXPORT_MAX_REGIONS);
	ret = gw_uffd_open(&uffd, why);
	if (ret < 0)
		return ret;
	close(uffd); /* only tried: while it is open the guest could pay for it */

	s = calloc(1, sizeof(*s) + n_ranges * sizeof(range[0]));
	if (s == NULL)
		return gw_export_why(why, -ENOMEM, "out of memory");
	s->uffd = -1;
	s->n_ranges = n_ranges;
	memcpy(s->range, range, n_ranges * sizeof(range[0]));
	s->pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (s->pagemap_fd < 0) {
		ret = gw_export_why(why, -errno, "/proc/self/pagemap: %s", strerror(errno));
		goto err;
	}
	ret = probe_scan(s->pagemap_fd, &s->range[0], why);
	if (ret < 0)
		goto err_pagemap;
	*out = s;
	return 0;

err_pagemap:
	close(s->pagemap_fd);
err:
	free(s);
	return ret;
}

void gw_uffd_source_free(struct gw_uffd_source **source)
{
	struct gw_uffd_source *s = *source;

	if (s == NULL)
		return;
	close(s->pagemap_fd);
	free(s);
	*source = NULL;
}

void gw_uffd_source_leave(struct gw_uffd_source *s)
{
	__atomic_store_n(&s->leaving, true, __ATOMIC_RELEASE);
}

static int protect(int uffd, const struct gw_uffd_range *r, struct gw_export_reason *why)
{
	struct uffdio_register reg = {
	        .range = {.start = (uintptr_t)r->addr, .len = r->size_bytes},
	        .mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (ioctl(uffd, UFFDIO_REGISTER, &reg) < 0) {
		if (errno == EBUSY)
			return gw_export_why(why, -EBUSY,
			        "region %u: another userfaultfd (postcopy, snapshot) holds it",
			        r->region);
		return gw_export_why(why, -errno,
		        "region %u: write protection of %p..+%#jx: %s (is it private memory, or a "
		        "file on "
		        "disk?)",
		        r->region, r->addr, (uintmax_t)r->size_bytes, strerror(errno));
	}
	/* In steps, so that a VMM's mmap() does not wait for a terabyte. */
	for (uint64_t at = 0; at < r->size_bytes; at += PROTECT_STEP_BYTES) {
		uint64_t left = r->size_bytes - at;
		struct uffdio_writeprotect wp = {
		        .range = {.start = (uintptr_t)r->addr + at,
		                .len = left < PROTECT_STEP_BYTES ? left : PROTECT_STEP_BYTES},
		        .mode = UFFDIO_WRITEPROTECT_MODE_WP,
		};

		while (ioctl(uffd, UFFDIO_WRITEPROTECT, &wp) < 0) {
			if (errno != EAGAIN)
				return gw_export_why(why, -errno, "region %u: write protection: %s",
				        r->region, strerror(errno));
		}
	}
	return 0;
}

static void uffd_stop(void *ctx)
{
	struct gw_uffd_source *s = ctx;

	if (s->uffd < 0 || __atomic_load_n(&s->leaving, __ATOMIC_ACQUIRE))
		return;
	/* Closing alone unregisters too, but only when no forked child holds a copy. */
	for (uint32_t i = 0; i < s->n_ranges; i++) {
		struct uffdio_range r = {
		        .start = (uintptr_t)s->range[i].addr, .len = s->range[i].size_bytes};

		ioctl(s->uffd, UFFDIO_UNREGISTER, &r);
	}
	close(s->uffd);
	s->uffd = -1;
}

static int uffd_start(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct gw_uffd_source *s = ctx;
	int ret;

	(void)sink; /* pages are pushed by harvests only */
	ret = gw_uffd_open(&s->uffd, why);
	for (uint32_t i = 0; ret == 0 && i < s->n_ranges; i++)
		ret = protect(s->uffd, &s->range[i], why);
	if (ret < 0)
		uffd_stop(s);
	return ret;
}

/* The ioctl reports written pages and protects them again in one step per page table, so a write
 * either is in this harvest or faults and is in the next one. */
static int harvest_range(struct gw_uffd_source *s, const struct gw_uffd_range *r,
        struct gw_export_sink *sink, struct gw_export_reason *why)
{
	uint64_t base = (uintptr_t)r->addr, end = base + r->size_bytes;
	struct pm_scan_arg arg = {
	        .size = sizeof(arg),
	        .flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
	        .end = end,
	        .vec = (uintptr_t)s->run,
	        .vec_len = SCAN_RUNS,
	        .category_mask = PAGE_IS_WRITTEN,
	        .return_mask = PAGE_IS_WRITTEN,
	};

	for (uint64_t at = base; at < end; at = arg.walk_end) {
		int n, ret;

		arg.start = at;
		n = ioctl(s->pagemap_fd, PAGEMAP_SCAN, &arg);
		if (n < 0)
			return gw_export_why(why, -errno, "region %u: PAGEMAP_SCAN: %s", r->region,
			        errno == EPERM ? "its mapping is not protected any more"
			                       : strerror(errno));
		for (int i = 0; i < n; i++) {
			ret = gw_export_push(sink, 0, r->region, (s->run[i].start - base) >> 12,
			        (s->run[i].end - s->run[i].start) >> 12);
			if (ret < 0)
				return ret;
		}
		if (n == 0 && arg.walk_end <= at)
			return gw_export_why(
			        why, -EIO, "region %u: PAGEMAP_SCAN stands still", r->region);
	}
	return 0;
}

static int uffd_harvest(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct gw_uffd_source *s = ctx;
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < s->n_ranges; i++)
		ret = harvest_range(s, &s->range[i], sink, why);
	return ret;
}

const struct gw_export_source_ops *gw_uffd_source_ops(void)
{
	static const struct gw_export_source_ops ops = {
	        .start = uffd_start,
	        .harvest = uffd_harvest,
	        .stop = uffd_stop,
	};

	return &ops;
}
