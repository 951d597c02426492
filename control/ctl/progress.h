/* SPDX-License-Identifier: BSD-3-Clause */
/* The progress of a migration in one line. Pure. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#define PROGRESS_LINE 512

/* status as godwitd's `show` gives it. Fits width columns: units go first, then words, then what
 * matters least. */
void progress_line(const json_t *status, int width, char *buf, size_t size);
