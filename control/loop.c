/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_internal.h"

#include "../dataplane/base/clock.h"
#include "slice.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOP_BATCH 32

struct gw_watch {
	struct gw_loop *loop;
	int fd;
	bool armed;  /* in the epoll set */
	bool signal; /* fd is a signalfd of ours */
	bool dead;   /* freed while a batch may still hold a pointer to it */
	void (*fn)(void *ctx, uint32_t events);
	void *ctx;
	struct gw_watch *next_dead;
};

int gw_loop_create(struct gw_loop **out)
{
	struct gw_loop *loop = calloc(1, sizeof(*loop));
	int rc;

	if (loop == NULL)
		return -ENOMEM;
	pthread_mutex_init(&loop->finished_lock, NULL);
	loop->finished_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		goto fail;
	loop->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->finished_fd < 0)
		goto fail;
	loop->finished_watch =
		gw_watch_add(loop, loop->finished_fd, EPOLLIN, gw_loop_reap_jobs, loop);
	if (loop->finished_watch == NULL)
		goto fail;
	if (sched_getaffinity(0, sizeof(loop->job_cpus), &loop->job_cpus) != 0)
		CPU_ZERO(&loop->job_cpus);
	loop->job_slice_ns = gw_slice_get_ns();
	loop->job_nice = getpriority(PRIO_PROCESS, 0); /* Linux: of this thread alone */
	*out = loop;
	return 0;
fail:
	rc = -errno;
	gw_loop_free(&loop);
	return rc;
}

static void watches_bury(struct gw_loop *loop)
{
	while (loop->dead != NULL) {
		struct gw_watch *w = loop->dead;

		loop->dead = w->next_dead;
		free(w);
	}
}

void gw_loop_free(struct gw_loop **loop)
{
	struct gw_loop *l = *loop;

	if (l == NULL)
		return;
	gw_job_wait_all(l);
	gw_watch_free(&l->finished_watch);
	watches_bury(l);
	if (l->finished_fd >= 0)
		close(l->finished_fd);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	pthread_mutex_destroy(&l->finished_lock);
	free(l->heap);
	free(l);
	*loop = NULL;
}

static int watch_arm(struct gw_watch *watch, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = watch};
	int op = watch->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	/* Without any event wanted, EPOLLHUP would still be reported for ever: leave the set. */
	if (events == 0 && !watch->armed)
		return 0;
	if (events == 0)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(watch->loop->epoll_fd, op, watch->fd, &ev) != 0)
		return -errno;
	watch->armed = events != 0;
	return 0;
}

struct gw_watch *gw_watch_add(struct gw_loop *loop, int fd, uint32_t events,
	void (*fn)(void *ctx, uint32_t events), void *ctx)
{
	struct gw_watch *watch = calloc(1, sizeof(*watch));
	int rc;

	if (watch == NULL)
		return NULL;
	*watch = (struct gw_watch){.loop = loop, .fd = fd, .fn = fn, .ctx = ctx};
	rc = watch_arm(watch, events);
	if (rc != 0) {
		free(watch);
		errno = -rc;
		return NULL;
	}
	return watch;
}

struct gw_watch *gw_watch_signal(
	struct gw_loop *loop, int signo, void (*fn)(void *ctx, uint32_t signo), void *ctx)
{
	struct gw_watch *watch;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, signo);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return NULL;
	watch = gw_watch_add(loop, fd, EPOLLIN, fn, ctx);
	if (watch == NULL)
		close(fd);
	else
		watch->signal = true;
	return watch;
}

void gw_watch_set(struct gw_watch *watch, uint32_t events)
{
	watch_arm(watch, events);
}

void gw_watch_free(struct gw_watch **watch)
{
	struct gw_watch *w = *watch;

	if (w == NULL)
		return;
	*watch = NULL;
	watch_arm(w, 0);
	if (w->signal)
		close(w->fd);
	if (!w->loop->in_batch) {
		free(w);
		return;
	}
	w->dead = true;
	w->next_dead = w->loop->dead;
	w->loop->dead = w;
}

static void watch_call(struct gw_watch *watch, uint32_t events)
{
	struct signalfd_siginfo info;

	if (!watch->signal)
		watch->fn(watch->ctx, events);
	else if (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		watch->fn(watch->ctx, info.ssi_signo);
}

int gw_loop_run(struct gw_loop *loop)
{
	struct epoll_event ev[LOOP_BATCH];

	prctl(PR_SET_TIMERSLACK, 1000); /* a period of 50 us shall not take 100 */
	while (!loop->stopping) {
		struct timespec wait;
		bool timed = gw_loop_timer_wait(loop, &wait);
		int n = epoll_pwait2(loop->epoll_fd, ev, LOOP_BATCH, timed ? &wait : NULL, NULL);

		if (n < 0 && errno != EINTR)
			return -errno;
		loop->in_batch = true;
		loop->job_placed = false;
		for (int i = 0; i < n && !loop->stopping; i++) {
			struct gw_watch *watch = ev[i].data.ptr;

			if (!watch->dead)
				watch_call(watch, ev[i].events);
		}
		gw_loop_run_timers(loop);
		loop->in_batch = false;
		watches_bury(loop);
	}
	loop->stopping = false;
	return 0;
}

void gw_loop_stop(struct gw_loop *loop)
{
	loop->stopping = true;
}
