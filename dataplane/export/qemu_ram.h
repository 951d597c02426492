/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of this process's mappings are guest RAM that can be exported, and what QEMU calls them. */
#pragma once

#include "exporter.h"
#include "uffd_wp.h"

struct gw_qemu_ram {
	uint32_t n_regions;
	struct gw_export_region region[GW_EXPORT_MAX_REGIONS]; /* id = index */
	int fd[GW_EXPORT_MAX_REGIONS];                         /* O_RDWR */
	struct gw_uffd_range range[GW_EXPORT_MAX_REGIONS];
	char track_error[GW_EXPORT_TEXT_MAX]; /* "", or why these mappings must not be tracked */
};

/*
 * Finds shared file mappings of 1 MiB or more: memory-backend-memfd, and any other regular file
 * (memory-backend-file, memory-backend-shm); other memfds, SysV and anonymous shared memory are not
 * guest RAM. A region's name is the id of its -object where the command line tells it, else what
 * the file's name gives; regions are in the order of (name, size, descriptor), so equally started
 * QEMUs agree. -EAGAIN: none (yet); -E2BIG: too many; -EBADF: one has no descriptor that can be
 * opened.
 */
int gw_qemu_ram_find(struct gw_qemu_ram *ram, struct gw_export_reason *why);

/* Closes the descriptors that are still there. */
void gw_qemu_ram_close(struct gw_qemu_ram *ram);
