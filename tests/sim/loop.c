/* SPDX-License-Identifier: BSD-3-Clause */
/* control/loop.h in virtual time: descriptors of fds.h, timers, and jobs that take a while. */
#include "../../control/loop.h"

#include "breaks.h"
#include "control_net.h"
#include "engine.h"
#include "fds.h"

#include <stdlib.h>
#include <sys/queue.h>

#define MAX_FDS 4096u
#define JOB_BEGIN_NS 100000u
#define JOB_NS 2000000u
#define JOB_CPUS 4u

struct gw_job {
	LIST_ENTRY(gw_job) link;
	struct gw_loop *loop;
	struct sim_event ev;
	bool cancelled;
	void (*work)(struct gw_job *job, void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct gw_loop {
	uint32_t host;
	bool dead;
	uint64_t away_ns; /* its thread does nothing before */
	LIST_HEAD(, gw_job) jobs;
};

struct gw_timer {
	struct gw_loop *loop;
	struct sim_event ev;
	uint64_t period_ns;
	void (*fn)(void *ctx);
	void *ctx;
};

struct gw_watch {
	struct gw_loop *loop;
	int fd;
	uint32_t events;
	void (*fn)(void *ctx, uint32_t events);
	void *ctx;
};

static struct descriptor {
	uint32_t ready;
	struct gw_watch *watch;
	struct sim_event ev;
} fds[MAX_FDS];
static uint32_t n_fds;

/* ---- descriptors ---- */

static void fire(void *ctx);

static uint32_t heard(const struct descriptor *d)
{
	return d->watch == NULL || d->watch->events == 0 || d->watch->loop->dead
		       ? 0
		       : d->ready & (d->watch->events | 0x18 /* EPOLLERR, EPOLLHUP */);
}

/* The thread does not run: what is due comes when it does again. */
static bool is_away(
	const struct gw_loop *loop, struct sim_event *ev, void (*fn)(void *ctx), void *ctx)
{
	if (sim_now() >= loop->away_ns)
		return false;
	sim_at(ev, loop->away_ns, fn, ctx);
	return true;
}

static void look(struct descriptor *d, uint64_t delay_ns)
{
	if (heard(d) == 0)
		sim_stop(&d->ev);
	else if (d->ev.slot == 0 || d->ev.at_ns > sim_now() + delay_ns)
		sim_after(&d->ev, delay_ns, fire, d);
}

static void fire(void *ctx)
{
	struct descriptor *d = ctx;
	uint32_t events = heard(d);

	if (events != 0 && is_away(d->watch->loop, &d->ev, fire, d))
		return;
	if (events != 0) {
		sim_control_caller(d->watch->loop->host);
		d->watch->fn(d->watch->ctx, events);
	}
	look(d, 1000);
}

void sim_fds_reset(void)
{
	for (uint32_t i = 0; i < n_fds; i++)
		fds[i] = (struct descriptor){0};
	n_fds = 0;
}

int sim_fd_new(void)
{
	if (n_fds == MAX_FDS) {
		sim_broken("more than %u descriptors", MAX_FDS);
		n_fds = 0;
	}
	return SIM_FD_BASE + (int)n_fds++;
}

void sim_fd_ready(int fd, uint32_t events, uint64_t delay_ns)
{
	struct descriptor *d = &fds[fd - SIM_FD_BASE];

	d->ready |= events;
	look(d, delay_ns);
}

void sim_fd_not_ready(int fd, uint32_t events)
{
	struct descriptor *d = &fds[fd - SIM_FD_BASE];

	d->ready &= ~events;
	look(d, 0);
}

struct gw_watch *gw_watch_add(struct gw_loop *loop, int fd, uint32_t events,
	void (*fn)(void *ctx, uint32_t events), void *ctx)
{
	struct gw_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	*w = (struct gw_watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .ctx = ctx};
	fds[fd - SIM_FD_BASE].watch = w;
	look(&fds[fd - SIM_FD_BASE], 1000);
	return w;
}

void gw_watch_set(struct gw_watch *w, uint32_t events)
{
	w->events = events;
	look(&fds[w->fd - SIM_FD_BASE], 1000);
}

void gw_watch_free(struct gw_watch **watch)
{
	struct gw_watch *w = *watch;

	if (w == NULL)
		return;
	*watch = NULL;
	if (fds[w->fd - SIM_FD_BASE].watch == w) {
		fds[w->fd - SIM_FD_BASE].watch = NULL;
		sim_stop(&fds[w->fd - SIM_FD_BASE].ev);
	}
	free(w);
}

/* ---- timers ---- */

static void due(void *ctx)
{
	struct gw_timer *t = ctx;

	if (is_away(t->loop, &t->ev, due, t))
		return;
	if (t->period_ns != 0)
		sim_after(&t->ev, t->period_ns, due, t);
	sim_control_caller(t->loop->host);
	t->fn(t->ctx); /* may free it */
}

struct gw_timer *gw_timer_create(struct gw_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	struct gw_timer *t = calloc(1, sizeof(*t));

	if (t != NULL)
		*t = (struct gw_timer){.loop = loop, .fn = fn, .ctx = ctx};
	return t;
}

void gw_timer_set(struct gw_timer *t, uint64_t delay_ns, uint64_t period_ns)
{
	t->period_ns = period_ns;
	if (sim_breaks(SIM_BREAK_LOSE_TIMER) && period_ns == 0 && delay_ns >= 1000000000)
		return;
	if (!t->loop->dead)
		sim_after(&t->ev, delay_ns, due, t);
}

void gw_timer_stop(struct gw_timer *t)
{
	sim_stop(&t->ev);
}

void gw_timer_free(struct gw_timer **t)
{
	if (*t == NULL)
		return;
	sim_stop(&(*t)->ev);
	free(*t);
	*t = NULL;
}

/* ---- jobs ---- */

static void job_end(void *ctx)
{
	struct gw_job *j = ctx;

	if (is_away(j->loop, &j->ev, job_end, j))
		return;
	LIST_REMOVE(j, link);
	sim_control_caller(j->loop->host);
	j->done(j->arg);
	free(j);
}

/* All its work happens in one moment, somewhere within its time. */
static void job_work(void *ctx)
{
	struct gw_job *j = ctx;

	j->work(j, j->arg);
	sim_after(&j->ev, (uint64_t)sim_log_between(1000, JOB_NS), job_end, j);
}

uint32_t gw_job_cpus(const struct gw_loop *loop)
{
	(void)loop;
	return JOB_CPUS;
}

struct gw_job *gw_job_start(struct gw_loop *loop, void (*work)(struct gw_job *job, void *arg),
	void (*done)(void *arg), void *arg)
{
	struct gw_job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	*j = (struct gw_job){.loop = loop, .work = work, .done = done, .arg = arg};
	LIST_INSERT_HEAD(&loop->jobs, j, link);
	sim_after(&j->ev, (uint64_t)sim_log_between(1000, JOB_BEGIN_NS), job_work, j);
	return j;
}

void gw_job_cancel(struct gw_job *job)
{
	job->cancelled = true;
}

bool gw_job_cancelled(const struct gw_job *job)
{
	return job->cancelled;
}

/* ---- life ---- */

int gw_loop_create(struct gw_loop **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return -1;
	(*out)->host = sim_control_current();
	LIST_INIT(&(*out)->jobs);
	return 0;
}

void sim_loop_away(struct gw_loop *loop, uint64_t ns)
{
	loop->away_ns = sim_now() + ns;
}

void sim_loop_kill(struct gw_loop *loop)
{
	loop->dead = true;
}

/* The simulated daemon only ever dies: its threads with it. */
void gw_job_wait_all(struct gw_loop *loop)
{
	struct gw_job *j;

	while ((j = LIST_FIRST(&loop->jobs)) != NULL) {
		LIST_REMOVE(j, link);
		sim_stop(&j->ev);
		free(j->arg); /* run_job.c's, which its done would have freed */
		free(j);
	}
}

void gw_loop_free(struct gw_loop **loop)
{
	free(*loop);
	*loop = NULL;
}
