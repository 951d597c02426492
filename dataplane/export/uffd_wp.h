/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dirty source for a VMM whose guest RAM is a shared mapping of tmpfs, memfd or hugetlbfs in its
 * own process: asynchronous userfaultfd write protection, harvested with the PAGEMAP_SCAN ioctl.
 * The VMM's threads need no change; the first write to a page after a harvest costs one minor
 * fault. Needs Linux 6.7.
 */
#pragma once

#include "exporter.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gw_uffd_range {
	void *addr; /* of the region's first byte, page aligned */
	uint64_t size_bytes;
	uint8_t region; /* id */
};

struct gw_uffd_source;

/* Tries whether this kernel and this process's rights allow tracking. The ranges are copied; they
 * must stay mapped until gw_uffd_source_free(). -EOPNOTSUPP (kernel too old), -EPERM, -EINVAL,
 * other -errno: why names what is missing, fit for gw_export_description.track_error. */
GW_EXPORT_API int gw_uffd_source_create(const struct gw_uffd_range *range, uint32_t n_ranges,
        struct gw_uffd_source **out, struct gw_export_reason *why);

/* Tracking must be off. *source becomes NULL. */
GW_EXPORT_API void gw_uffd_source_free(struct gw_uffd_source **source);

/* The process is about to end, and the server with it: tracking that is on then ends with the memory
 * that it is about. Lifted page by page, as STOP does, it would make the process end later, and take
 * CPU time from a guest that has just started elsewhere. Any thread. */
GW_EXPORT_API void gw_uffd_source_leave(struct gw_uffd_source *s);

/* For gw_export_description.source; the context is the struct gw_uffd_source. Uses ring 0. */
GW_EXPORT_API const struct gw_export_source_ops *gw_uffd_source_ops(void);

#ifdef __cplusplus
}
#endif
