/* SPDX-License-Identifier: BSD-3-Clause */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

struct gw_process {
	int pidfd;
	struct gw_watch *watch; /* a pidfd is readable when its process has ended */
	struct gw_timer *kill;
	void (*gone)(void *ctx);
	void *ctx;
};

static void on_end(void *ctx, uint32_t events)
{
	struct gw_process *p = ctx;

	(void)events;
	gw_watch_set(p->watch, 0);
	gw_timer_stop(p->kill);
	p->gone(p->ctx);
}

static void on_kill(void *ctx)
{
	const struct gw_process *p = ctx;

	syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
}

int gw_process_open(struct gw_loop *loop, int pidfd, struct gw_process **out)
{
	struct gw_process *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	p->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (p->pidfd < 0)
		goto fail;
	p->watch = gw_watch_add(loop, p->pidfd, 0, on_end, p);
	p->kill = gw_timer_create(loop, on_kill, p);
	if (p->watch == NULL || p->kill == NULL) {
		errno = ENOMEM;
		goto fail;
	}
	*out = p;
	return 0;
fail:
	rc = -errno;
	gw_process_free(&p);
	return rc;
}

void gw_process_free(struct gw_process **p)
{
	if (*p == NULL)
		return;
	gw_watch_free(&(*p)->watch);
	gw_timer_free(&(*p)->kill);
	if ((*p)->pidfd >= 0)
		close((*p)->pidfd);
	free(*p);
	*p = NULL;
}

void gw_process_await_end(
	struct gw_process *p, uint64_t kill_after_ns, void (*gone)(void *ctx), void *ctx)
{
	p->gone = gone;
	p->ctx = ctx;
	gw_watch_set(p->watch, EPOLLIN);
	gw_timer_set(p->kill, kill_after_ns, 0);
}
