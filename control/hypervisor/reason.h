/* SPDX-License-Identifier: BSD-3-Clause */
/* One thing that stands against a migration: for machines (code), and for people (message, and what
 * to change). */
#pragma once

#include <jansson.h>

/* Appends {"where","code","message","remedy"}. */
void gw_reason_add(json_t *reasons, const char *where, const char *code, const char *remedy,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
