/* SPDX-License-Identifier: BSD-3-Clause */
#include "uffd_scan.h"

#include <errno.h>
#include <string.h>

int gw_uffd_scan_probe(
	struct gw_uffd_scan *s, const struct gw_uffd_range *r, struct gw_export_reason *why)
{
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)r->addr,
		.end = (uintptr_t)r->addr + 4096,
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};

	if (ioctl(s->pagemap_fd, PAGEMAP_SCAN, &arg) >= 0)
		return 0;
	if (errno == ENOTTY)
		return gw_export_why(
			why, -EOPNOTSUPP, "the kernel lacks PAGEMAP_SCAN (6.7 or newer is needed)");
	return gw_export_why(why, -errno, "PAGEMAP_SCAN: %s", strerror(errno));
}

static int scan(struct gw_uffd_scan *s, struct pm_scan_arg *arg, uint8_t region,
	struct gw_export_reason *why)
{
	int n = ioctl(s->pagemap_fd, PAGEMAP_SCAN, arg);

	if (n < 0)
		return gw_export_why(why, -errno, "region %u: PAGEMAP_SCAN: %s", region,
			errno == EPERM ? "its mapping is not protected any more" : strerror(errno));
	if (n == 0 && arg->walk_end <= arg->start)
		return gw_export_why(why, -EIO, "region %u: PAGEMAP_SCAN stands still", region);
	return n;
}

int gw_uffd_scan_find(struct gw_uffd_scan *s, const struct gw_uffd_range *r, uint64_t *at,
	uint64_t end, struct gw_export_reason *why)
{
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_SCAN_CHECK_WPASYNC,
		.start = *at,
		.end = end,
		.vec = (uintptr_t)s->run,
		.vec_len = 1,
		.max_pages = 1,
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};
	int n = scan(s, &arg, r->region, why);

	if (n >= 0)
		*at = n > 0 ? s->run[0].start : end;
	return n < 0 ? n : 0;
}

int gw_uffd_scan_take(struct gw_uffd_scan *s, const struct gw_uffd_range *r, uint64_t *at,
	uint64_t end, bool protect_again, struct gw_export_reason *why)
{
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_SCAN_CHECK_WPASYNC | (protect_again ? PM_SCAN_WP_MATCHING : 0),
		.start = *at,
		.end = end,
		.vec = (uintptr_t)s->run,
		.vec_len = GW_UFFD_SCAN_RUNS,
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};
	int n = scan(s, &arg, r->region, why);

	*at = arg.walk_end;
	return n;
}

int gw_uffd_scan_push(const struct gw_uffd_scan *s, const struct gw_uffd_range *r, int n,
	struct gw_export_sink *sink)
{
	uint64_t base = (uintptr_t)r->addr;
	int ret = 0;

	for (int i = 0; ret == 0 && i < n; i++)
		ret = gw_export_push(sink, 0, r->region, (s->run[i].start - base) >> 12,
			(s->run[i].end - s->run[i].start) >> 12);
	return ret;
}
