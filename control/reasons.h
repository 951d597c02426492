/* SPDX-License-Identifier: BSD-3-Clause */
/* What forbids a session: a JSON array of {where, code, message, remedy}, as hypervisor.h and rpc.h
 * have it. */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* Adds one. */
void gw_reasons_add(json_t *reasons, const char *where, const char *code, const char *message,
	const char *remedy);
/* Adds a peer's, which are checked and cut; -EPROTO where they are not reasons. */
int gw_reasons_take(json_t *reasons, const json_t *peer);
/* Adds own ones (borrowed). */
void gw_reasons_append(json_t *reasons, const json_t *own);
/* The first one's message and how many follow, for a log line. */
void gw_reasons_text(const json_t *reasons, char *out, size_t size);
