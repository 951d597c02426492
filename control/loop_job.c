/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop's jobs: a thread each, completed through an eventfd. */
#include "loop_internal.h"
#include "slice.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct gw_job {
	struct gw_loop *loop;
	pthread_t thread;
	bool cancelled; /* control writes, any thread reads; atomic */
	void (*work)(struct gw_job *job, void *arg);
	void (*done)(void *arg);
	void *arg;
	struct gw_job *next_finished;
};

static void *job_main(void *arg)
{
	struct gw_job *job = arg;
	struct gw_loop *loop = job->loop;
	uint64_t one = 1;
	int fd = loop->finished_fd;

	/* Has what the control thread has now: less is always granted. */
	setpriority(PRIO_PROCESS, 0, loop->job_nice);
	sched_setaffinity(0, sizeof(loop->job_cpus), &loop->job_cpus);
	gw_slice_set_ns(loop->job_slice_ns);
	job->work(job, job->arg);
	pthread_mutex_lock(&loop->finished_lock);
	job->next_finished = loop->finished;
	loop->finished = job;
	/* Still under the lock: after it the loop may be gone. */
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
	pthread_mutex_unlock(&loop->finished_lock);
	return NULL;
}

uint32_t gw_job_cpus(const struct gw_loop *loop)
{
	return (uint32_t)CPU_COUNT(&loop->job_cpus);
}

struct gw_job *gw_job_start(struct gw_loop *loop, void (*work)(struct gw_job *job, void *arg),
	void (*done)(void *arg), void *arg)
{
	struct gw_job *job = calloc(1, sizeof(*job));
	cpu_set_t first = loop->job_cpus;
	pthread_attr_t attr;
	int rc;

	if (job == NULL)
		return NULL;
	*job = (struct gw_job){.loop = loop, .work = work, .done = done, .arg = arg};
	pthread_attr_init(&attr);
	/* Elsewhere: what the control thread does next, and wakes, may be waited for by a guest,
	 * and the kernel does not move a thread for so short a time. The next ones of a group find
	 * their places themselves: it knows where the first has gone. */
	if (!loop->job_placed && CPU_COUNT(&first) > 1)
		CPU_CLR((size_t)sched_getcpu(), &first);
	loop->job_placed = true;
	if (CPU_COUNT(&first) > 0)
		pthread_attr_setaffinity_np(&attr, sizeof(first), &first);
	rc = pthread_create(&job->thread, &attr, job_main, job);
	pthread_attr_destroy(&attr);
	/* Those may have been taken away since. */
	if (rc == EINVAL)
		rc = pthread_create(&job->thread, NULL, job_main, job);
	if (rc != 0) {
		free(job);
		errno = rc;
		return NULL;
	}
	loop->jobs_running++;
	return job;
}

void gw_loop_reap_jobs(void *ctx, uint32_t events)
{
	struct gw_loop *loop = ctx;
	struct gw_job *job;
	uint64_t n;

	(void)events;
	if (read(loop->finished_fd, &n, sizeof(n)) < 0)
		n = 0; /* nothing finished since */
	pthread_mutex_lock(&loop->finished_lock);
	job = loop->finished;
	loop->finished = NULL;
	pthread_mutex_unlock(&loop->finished_lock);
	while (job != NULL) {
		struct gw_job *next = job->next_finished;

		pthread_join(job->thread, NULL);
		loop->jobs_running--;
		job->done(job->arg);
		free(job);
		job = next;
	}
}

void gw_job_wait_all(struct gw_loop *loop)
{
	struct timespec nap = {.tv_nsec = GW_NS_PER_MS};

	while (loop->jobs_running > 0) {
		gw_loop_reap_jobs(loop, 0);
		if (loop->jobs_running > 0)
			nanosleep(&nap, NULL);
	}
}

void gw_job_cancel(struct gw_job *job)
{
	__atomic_store_n(&job->cancelled, true, __ATOMIC_RELAXED);
}

bool gw_job_cancelled(const struct gw_job *job)
{
	return __atomic_load_n(&job->cancelled, __ATOMIC_RELAXED);
}
