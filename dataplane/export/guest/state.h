/* SPDX-License-Identifier: BSD-3-Clause */
/* The synthetic guest's device state: what it needs to go on elsewhere, besides its RAM. */
#pragma once

#include "guest.h"

/* The guest is paused. *fd: a memfd, the caller's. */
int guest_state_save(struct guest *g, int *fd, uint64_t *size_bytes, struct gw_export_reason *why);

/* Makes the threads of the guest that moves in, paused, and compares table and work done. */
int guest_state_load(struct guest *g, int fd, uint64_t size_bytes, struct gw_export_reason *why);
