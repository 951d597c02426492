/* SPDX-License-Identifier: BSD-3-Clause */
/* The harvest that the guest stands still for: by several threads where there are CPUs for them, as it
 * takes the longer the more memory there is, 0.2 to 0.5 ms per GiB of small pages. */
#pragma once

#include "uffd_wp.h"

int gw_uffd_harvest_last(int pagemap_fd, const struct gw_uffd_range *range, uint32_t n_ranges,
	struct gw_export_sink *sink, struct gw_export_reason *why);
