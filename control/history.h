/* SPDX-License-Identifier: BSD-3-Clause */
/* The last 64 sessions that have ended: status and report. */
#pragma once

#include <jansson.h>

#define GW_HISTORY_MAX 64u

struct gw_history;

int gw_history_create(struct gw_history **out);
void gw_history_free(struct gw_history **h);
/* Both are stolen. */
void gw_history_add(struct gw_history *h, json_t *status, json_t *report);
/* By id, or the newest of a VM; borrowed; NULL: none. report: the report, otherwise the status. */
json_t *gw_history_find(const struct gw_history *h, const char *id, const char *vm, int report);
/* Appends all statuses, newest first. */
void gw_history_list(const struct gw_history *h, json_t *array);
