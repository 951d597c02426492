/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the header page: the counter that observers watch, and the sums of the workers. */
#pragma once

#include "worker.h"

struct ticker {
	const struct guest_ram *ram;
	struct worker *workers;
	uint32_t n_workers;
	bool counts; /* each millisecond; else the sums only, when they change */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* what follows */
	bool paused;
	bool quit;
	struct gw_export_sink *sink; /* ring n_workers */
	uint64_t counter;            /* as in the header; atomic reads from outside are allowed */
};

void ticker_init(struct ticker *t, const struct guest_ram *ram, struct worker *workers,
	uint32_t n_workers, bool counts);
void ticker_destroy(struct ticker *t);
int ticker_start(struct ticker *t);
void ticker_stop(struct ticker *t);

/* With the lock held the header is not being written and what was written has been pushed. */
void ticker_lock(struct ticker *t);
void ticker_unlock(struct ticker *t);

/* Sums over the workers, for the header and the status line. */
void ticker_sums(const struct ticker *t, struct guest_header *out);
