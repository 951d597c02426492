/* SPDX-License-Identifier: BSD-3-Clause */
#include "push_source.h"
#include "guest.h"

#include <errno.h>

/* Setting it with the lock held means: every write that is not pushed ended before. */
static void set_sink(struct guest *g, struct gw_export_sink *sink)
{
	for (uint32_t i = 0; i < g->n_workers; i++) {
		worker_lock(&g->worker[i]);
		g->worker[i].sink = sink;
		worker_unlock(&g->worker[i]);
	}
	if (g->n_workers == 0)
		return;
	ticker_lock(&g->ticker);
	g->ticker.sink = sink;
	ticker_unlock(&g->ticker);
}

static int push_start(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct guest *g = ctx;

	if (g->n_workers == 0)
		return gw_export_why(why, -EINVAL, "nothing was loaded that could be tracked");
	set_sink(g, sink);
	return 0;
}

/*
 * A writer holds its lock from before a write until after its push. Neither order of the two would
 * do without: written first, SYNC could pass between write and push; pushed first, the client could
 * read the page before the write and never hear of it again.
 */
static int push_harvest(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct guest *g = ctx;

	(void)sink;
	(void)why;
	for (uint32_t i = 0; i < g->n_workers; i++) {
		worker_lock(&g->worker[i]);
		worker_unlock(&g->worker[i]);
	}
	ticker_lock(&g->ticker);
	ticker_unlock(&g->ticker);
	return 0;
}

static void push_stop(void *ctx)
{
	set_sink(ctx, NULL);
}

const struct gw_export_source_ops *guest_push_source_ops(void)
{
	static const struct gw_export_source_ops ops = {
		.start = push_start,
		.harvest = push_harvest,
		.stop = push_stop,
	};

	return &ops;
}
