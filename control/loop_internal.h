/* SPDX-License-Identifier: BSD-3-Clause */
/* What the three parts of the loop (descriptors, timers, jobs) share. */
#pragma once

#include "loop.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <time.h>

struct gw_loop {
	int epoll_fd;
	bool stopping;
	bool in_batch;
	struct gw_watch *dead;

	struct gw_timer **heap; /* earliest first */
	size_t n_heap;
	size_t n_timers; /* the heap has room for every timer, so that setting one cannot fail */

	cpu_set_t job_cpus;
	int job_nice;
	uint64_t job_slice_ns;
	unsigned int jobs_running;
	bool job_placed; /* one since the loop waited last */
	int finished_fd; /* eventfd */
	struct gw_watch *finished_watch;
	pthread_mutex_t finished_lock;
	struct gw_job *finished; /* under finished_lock */
};

/* loop_timer.c: how long until the first timer is due (0: now); false: no timer is set. */
bool gw_loop_timer_wait(const struct gw_loop *loop, struct timespec *wait);
/* Calls what is due. */
void gw_loop_run_timers(struct gw_loop *loop);

/* loop_job.c: calls done for the jobs that have finished. A watch's function; events is not used.
 */
void gw_loop_reap_jobs(void *loop, uint32_t events);
