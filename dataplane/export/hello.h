/* SPDX-License-Identifier: BSD-3-Clause */
/* Is a HELLO one to believe? One check per rung, each with its own text. */
#pragma once

#include "client.h"

#include <stdbool.h>
#include <stddef.h>

/* Terminated within cap bytes, and nothing in it that could forge a log line. */
bool gw_text_ok(const char *s, size_t cap);

/* Checks the packet (len bytes were received) against the contract, against the name of the VM that
 * was asked for, and against its descriptors, and fills info except for the ring readers and the
 * pid. fds: the ring memfd first if there is one, then the regions'; they stay the caller's. 0 or
 * -EPROTO with err. */
int gw_hello_check(const struct gw_export_hello *hello, size_t len, const char *vm_name,
	const int *fds, unsigned int n_fds, struct gw_exporter_info *info, struct gw_err *err);

/* Maps the rings of a checked HELLO. *map and *map_bytes are the caller's to unmap.
 * 0, -EPROTO (not sealed, too small, header disagrees), other -errno; err says which. */
int gw_hello_map_rings(const struct gw_export_hello *hello, int ring_fd,
	struct gw_exporter_info *info, void **map, size_t *map_bytes, struct gw_err *err);
