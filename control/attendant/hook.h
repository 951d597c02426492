/* SPDX-License-Identifier: BSD-3-Clause */
/* In the attendant: the programs of a hook, one after the other. */
#pragma once

#include "message.h"

struct gw_hooks;
typedef void gw_hooks_fn(void *ctx, uint32_t id, int result, const char *text);

/* over(ctx, ...) is called from the loop or from gw_hooks_run(), once for each that was not
 * cancelled. dir: trusted when this began, looked at again before each run. NULL: no memory. */
struct gw_hooks *gw_hooks_create(
	struct gw_loop *loop, const char *dir, uint32_t timeout_ms, gw_hooks_fn *over, void *ctx);
void gw_hooks_free(struct gw_hooks **hooks); /* kills what runs */

void gw_hooks_run(struct gw_hooks *hooks, const struct gw_attendant_request *r);
bool gw_hooks_idle(const struct gw_hooks *hooks); /* NULL is idle */
void gw_hooks_cancel(struct gw_hooks *hooks, uint32_t id);
