/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A writer thread of the synthetic guest. It owns every n-th page: it alone writes and verifies
 * them, so there are no races. It works in short batches with its lock held: whoever has the lock
 * knows that each page that was written has been pushed, and that nothing is being written.
 */
#pragma once

#include "ram.h"

#include <pthread.h>

/* What moves with the guest. */
struct worker_state {
	uint64_t rng;
	uint64_t seq;     /* own pages written in order so far */
	uint64_t written; /* pages */
	uint64_t sweeps;  /* times that all own pages were verified */
};

struct worker {
	const struct guest_profile *profile;
	const struct guest_ram *ram;
	uint32_t idx; /* and its ring */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* what follows, except where noted */
	pthread_cond_t wake;
	int waiting; /* atomic: others who want the lock; the worker lets them */
	bool paused;
	bool quit;
	struct gw_export_sink *sink; /* NULL: writes are not pushed */
	struct worker_state state;   /* atomic reads from outside are allowed */
	uint64_t check_pos;          /* own pages verified in this sweep */
	bool verify_first;           /* after LOAD: verify all without pause */
	uint64_t errors;             /* atomic */
	uint32_t stunned_pct;        /* atomic: of its time, in which it stands still */
};

void worker_init(struct worker *w, const struct guest_profile *profile, const struct guest_ram *ram,
	uint32_t idx);
void worker_destroy(struct worker *w);

/* Starts the thread; it runs at once unless paused. */
int worker_start(struct worker *w);
/* Ends and joins it. */
void worker_stop(struct worker *w);

/* Between these two the worker stands between two batches. */
void worker_lock(struct worker *w);
void worker_unlock(struct worker *w);

/* From now on the worker stands still for so much of its time: 0..99. Any thread. */
void worker_stun(struct worker *w, uint32_t percent);

/* Gives all own pages their first content. The worker must not run. */
void worker_populate(struct worker *w);

/* Writes n pages by the pattern, from any thread, with the lock held. */
void worker_write(struct worker *w, uint64_t n);
