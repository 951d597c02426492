/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's helper jobs: counted, so that nothing they work on is freed under them. */
#include "run.h"

#include <errno.h>
#include <stdlib.h>

struct run_job {
	struct gw_run *run;
	uint32_t slot;
	void (*work)(struct gw_job *job, void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void work(struct gw_job *job, void *arg)
{
	struct run_job *j = arg;

	j->work(job, j->arg);
}

static void done(void *arg)
{
	struct run_job *j = arg;
	struct gw_run *run = j->run;

	run->job[j->slot] = NULL;
	run->jobs--;
	if (j->done != NULL)
		j->done(j->arg);
	free(j);
	if (run->jobs == 0 && run->when_free != NULL) {
		void (*fn)(struct gw_run *) = run->when_free;

		run->when_free = NULL;
		fn(run);
	}
}

int gw_run_job(struct gw_run *run, void (*fn)(struct gw_job *job, void *arg),
	void (*fn_done)(void *arg), void *arg)
{
	struct run_job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return -ENOMEM;
	while (j->slot < GW_RUN_MAX_JOBS && run->job[j->slot] != NULL)
		j->slot++;
	j->run = run;
	j->work = fn;
	j->done = fn_done;
	j->arg = arg;
	if (j->slot < GW_RUN_MAX_JOBS)
		run->job[j->slot] = gw_job_start(run->env->loop, work, done, j);
	if (j->slot == GW_RUN_MAX_JOBS || run->job[j->slot] == NULL) {
		free(j);
		return -EAGAIN;
	}
	run->jobs++;
	return 0;
}

void gw_run_populate(
	struct gw_run *run, const struct gw_populate_conf *conf, struct gw_populate **out)
{
	uint32_t threads = run->env->config->dataplane.populate_threads;
	uint32_t started = 0;

	if (run->ahead != NULL)
		gw_populate_stop(run->ahead);
	if (gw_populate_create(conf, out) != 0) {
		gw_run_fault(run, "cannot populate memory: out of memory");
		return;
	}
	for (uint32_t i = 0; i < (threads > 0 ? threads : 1); i++)
		if (gw_run_job(run, gw_populate_work, NULL, *out) == 0)
			started++;
	if (started == 0)
		gw_run_fault(run, "cannot populate memory: no thread");
}

void gw_run_cancel_jobs(struct gw_run *run)
{
	for (uint32_t i = 0; i < GW_RUN_MAX_JOBS; i++)
		if (run->job[i] != NULL)
			gw_job_cancel(run->job[i]);
}

void gw_run_when_free(struct gw_run *run, void (*fn)(struct gw_run *run))
{
	if (run->jobs == 0) {
		fn(run);
		return;
	}
	gw_run_cancel_jobs(run);
	run->when_free = fn;
}
