/* SPDX-License-Identifier: BSD-3-Clause */
/* The way from a dirty source into the rings of one client: waits for room, knows when to give up.
 */
#pragma once

#include "exporter.h"
#include "producer.h"

struct gw_export_sink {
	struct gw_ring_writer
	        ring[GW_EXPORT_MAX_RINGS]; /* each: the one thread that pushes to it */
	uint32_t n_rings;
	uint64_t region_pages[256]; /* by id; 0: no such region */
	int client_fd;              /* hung up: give up */
	int wake_fd;                /* readable: the server ends */
	int error;                  /* atomic, sticky until gw_sink_arm(): why pages were dropped */
	uint64_t pages;             /* atomic: pushed since gw_sink_take_pages() */
};

void gw_sink_init(struct gw_export_sink *sink, const struct gw_export_description *d,
        const struct gw_ring_area *rings, int client_fd, int wake_fd);

/* Before tracking starts: forgets an earlier error. */
void gw_sink_arm(struct gw_export_sink *sink);

/* Makes every push, waiting or to come, give up; the first error stays. Returns error. */
int gw_sink_fail(struct gw_export_sink *sink, int error);

/* 0, or why a push gave up. */
int gw_sink_error(const struct gw_export_sink *sink);

uint64_t gw_sink_take_pages(struct gw_export_sink *sink);
