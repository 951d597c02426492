/* SPDX-License-Identifier: BSD-3-Clause */
/* Which pages of a range were written: the PAGEMAP_SCAN ioctl. One of these for each thread. */
#pragma once

#include "kernel_names.h"
#include "uffd_wp.h"

#include <stdbool.h>

#define GW_UFFD_SCAN_RUNS 512

struct gw_uffd_scan {
	int pagemap_fd; /* not owned */
	struct page_region run[GW_UFFD_SCAN_RUNS];
};

/* Tries it. PAGEMAP_SCAN came with the same kernel as WP_ASYNC, but a sandbox may deny one of them.
 */
int gw_uffd_scan_probe(
	struct gw_uffd_scan *s, const struct gw_uffd_range *r, struct gw_export_reason *why);

/* *at becomes the first page that was written, or end. Only looking spares what was not written all
 * that a scan does to its range to protect it: KVM takes every page in it away from the guest. */
int gw_uffd_scan_find(struct gw_uffd_scan *s, const struct gw_uffd_range *r, uint64_t *at,
	uint64_t end, struct gw_export_reason *why);

/* Takes written pages into run[], *at moves on. The kernel protects them again, where that is wanted,
 * in one go per page table: a write either is in this harvest or faults and is in the next one. How
 * many runs, or -errno. */
int gw_uffd_scan_take(struct gw_uffd_scan *s, const struct gw_uffd_range *r, uint64_t *at,
	uint64_t end, bool protect_again, struct gw_export_reason *why);

/* Pushes the first n of run[] to ring 0. */
int gw_uffd_scan_push(const struct gw_uffd_scan *s, const struct gw_uffd_range *r, int n,
	struct gw_export_sink *sink);
