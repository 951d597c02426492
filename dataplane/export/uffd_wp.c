/* SPDX-License-Identifier: BSD-3-Clause */
#include "uffd_wp.h"
#include "uffd_last.h"
#include "uffd_open.h"
#include "uffd_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A guest's write to a protected page waits for a page table that a step goes through, and for all
 * of a step that locks the mapping against faults (unregistering) or the guest's view of its range
 * (KVM, for a scan that protects). So steps are of a fixed size, whatever the guest's. Each ends
 * with a flush of TLBs: smaller ones take longer in all than they spare. Registering alone looks at
 * no page, and is done in one go.
 */
#define STEP_BYTES (4ull << 20)
#define LOOK_BYTES (64ull << 20) /* by a scan that changes nothing */
#define LIFT_BYTES (16ull << 20) /* the breaths are a fifth of the whole */
#define BREATH_US 50u

struct gw_uffd_source {
	struct gw_uffd_scan scan;
	int uffd;     /* -1: tracking is off */
	bool leaving; /* atomic: the process ends */
	uint32_t n_ranges, n_registered;
	struct gw_uffd_range range[];
};

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
	s->scan.pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (s->scan.pagemap_fd < 0) {
		ret = gw_export_why(why, -errno, "/proc/self/pagemap: %s", strerror(errno));
		goto err;
	}
	ret = gw_uffd_scan_probe(&s->scan, &s->range[0], why);
	if (ret < 0)
		goto err_pagemap;
	*out = s;
	return 0;

err_pagemap:
	close(s->scan.pagemap_fd);
err:
	free(s);
	return ret;
}

void gw_uffd_source_free(struct gw_uffd_source **source)
{
	struct gw_uffd_source *s = *source;

	if (s == NULL)
		return;
	close(s->scan.pagemap_fd);
	free(s);
	*source = NULL;
}

void gw_uffd_source_leave(struct gw_uffd_source *s)
{
	__atomic_store_n(&s->leaving, true, __ATOMIC_RELEASE);
}

/* Steps end at multiples of their size, so that none shares a page table with its neighbour. */
static uint64_t step_end(uint64_t at, uint64_t end, uint64_t step_bytes)
{
	uint64_t next = (at / step_bytes + 1) * step_bytes;

	return next < end ? next : end;
}

static int enlist(int uffd, const struct gw_uffd_range *r, struct gw_export_reason *why)
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
	return 0;
}

static int protect(int uffd, const struct gw_uffd_range *r, struct gw_export_reason *why)
{
	uint64_t start = (uintptr_t)r->addr, end = start + r->size_bytes;

	for (uint64_t at = start; at < end; at = step_end(at, end, STEP_BYTES)) {
		struct uffdio_writeprotect wp = {
			.range = {.start = at, .len = step_end(at, end, STEP_BYTES) - at},
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

/* Lifts the protection too, with the mapping locked against faults: so this is done in steps as
 * well. The kernel splits the mapping at each and joins it with what is free already. Between them
 * the lock must be free for a while: a guest's fault that waits for it gets it by force only after
 * 4 ms. When the process ends, that does the rest. */
static void unprotect(const struct gw_uffd_source *s, const struct gw_uffd_range *r)
{
	uint64_t at = (uintptr_t)r->addr, end = at + r->size_bytes;
	int ret = 0;

	while (ret == 0 && at < end) {
		struct uffdio_range step = {.start = at, .len = step_end(at, end, LIFT_BYTES) - at};

		if (__atomic_load_n(&s->leaving, __ATOMIC_ACQUIRE))
			return;
		ret = ioctl(s->uffd, UFFDIO_UNREGISTER, &step);
		if (ret == 0)
			at += step.len;
		if (at < end)
			usleep(BREATH_US);
	}
	if (at < end) { /* no split is to be had: the process has too many mappings */
		struct uffdio_range rest = {.start = at, .len = end - at};

		ioctl(s->uffd, UFFDIO_UNREGISTER, &rest);
	}
}

static void uffd_stop(void *ctx)
{
	struct gw_uffd_source *s = ctx;

	if (s->uffd < 0 || __atomic_load_n(&s->leaving, __ATOMIC_ACQUIRE))
		return;
	/* Closing alone unregisters too, but only when no forked child holds a copy. */
	for (uint32_t i = 0; i < s->n_registered; i++)
		unprotect(s, &s->range[i]);
	close(s->uffd);
	s->uffd = -1;
}

static int uffd_start(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct gw_uffd_source *s = ctx;
	int ret;

	(void)sink; /* pages are pushed by harvests only */
	ret = gw_uffd_open(&s->uffd, why);
	s->n_registered = 0;
	while (ret == 0 && s->n_registered < s->n_ranges) {
		ret = enlist(s->uffd, &s->range[s->n_registered], why);
		if (ret == 0)
			ret = protect(s->uffd, &s->range[s->n_registered++], why);
	}
	if (ret < 0)
		uffd_stop(s);
	return ret;
}

static int harvest_range(struct gw_uffd_source *s, const struct gw_uffd_range *r,
	struct gw_export_sink *sink, struct gw_export_reason *why)
{
	uint64_t at = (uintptr_t)r->addr, end = at + r->size_bytes;
	int n, ret = 0;

	while (ret == 0 && at < end) {
		uint64_t seen = step_end(at, end, LOOK_BYTES);

		ret = gw_uffd_scan_find(&s->scan, r, &at, seen, why);
		if (ret != 0 || at == seen)
			continue;
		n = gw_uffd_scan_take(&s->scan, r, &at, step_end(at, end, STEP_BYTES), true, why);
		ret = n < 0 ? n : gw_uffd_scan_push(&s->scan, r, n, sink);
	}
	return ret;
}

static int uffd_harvest(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct gw_uffd_source *s = ctx;
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < s->n_ranges; i++)
		ret = harvest_range(s, &s->range[i], sink, why);
	return ret;
}

static int uffd_harvest_last(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct gw_uffd_source *s = ctx;

	return gw_uffd_harvest_last(s->scan.pagemap_fd, s->range, s->n_ranges, sink, why);
}

const struct gw_export_source_ops *gw_uffd_source_ops(void)
{
	static const struct gw_export_source_ops ops = {
		.start = uffd_start,
		.harvest = uffd_harvest,
		.stop = uffd_stop,
		.harvest_last = uffd_harvest_last,
	};

	return &ops;
}
