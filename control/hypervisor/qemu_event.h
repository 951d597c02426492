/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure: which of QEMU's events end a session. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The event name (data: its arguments, or NULL) changes the VM in a way that a migration does not
 * survive: true, and text says what happened. STOP, RESUME and MIGRATION are not judged here. */
bool gw_qemu_event_changes(const char *name, const json_t *data, char *text, size_t room);
