/* SPDX-License-Identifier: BSD-3-Clause */
/* The synthetic guest as a whole: memory, threads, and what godwit may do to it. */
#pragma once

#include "../uffd_wp.h"
#include "options.h"
#include "ram.h"
#include "ticker.h"
#include "worker.h"

/* Threads and tracking belong to the exporter's thread once the server runs; before and after, to
 * main. */
struct guest {
	const struct guest_options *options;
	struct guest_profile profile; /* after LOAD: the one that moved in */
	struct guest_ram ram;
	struct worker worker[GUEST_THREADS_MAX];
	uint32_t n_workers; /* 0: incoming, nothing loaded yet */
	struct ticker ticker;
	bool started; /* threads exist */
	bool paused;
	uint32_t stunned_pct;          /* atomic: by THROTTLE */
	uint64_t load_errors;          /* found when loading; atomic */
	struct gw_uffd_source *source; /* of the current client */
	int quit_fd;                   /* eventfd: QUIT was said */
};

/* Makes the memory, and, unless incoming, fills it and runs. 0 or -errno with why. */
int guest_create(const struct guest_options *o, struct guest **out, struct gw_export_reason *why);
void guest_free(struct guest **guest);

/* For gw_export_config; the context is the guest. */
int guest_describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why);
const struct gw_export_lifecycle_ops *guest_lifecycle_ops(void);
void guest_throttle(void *ctx, uint32_t percent);

/* The header's numbers as of now. */
struct guest_header guest_status(const struct guest *g);

/* Workers and ticker for the present profile, without threads. Any earlier ones must have none. */
void guest_make_threads(struct guest *g);
