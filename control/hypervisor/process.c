/* SPDX-License-Identifier: BSD-3-Clause */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD /* headers before 6.5 */
#define SO_PEERPIDFD 77
#endif

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

static bool alive(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno == EPERM;
}

/* Whether the process acts for that user, in any of its three IDs. */
static bool is_of(pid_t pid, uid_t uid)
{
	unsigned int real = 0, effective = 0, saved = 0;
	char path[32], line[128];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "Uid: %u %u %u", &real, &effective, &saved) == 3;
	if (f != NULL)
		fclose(f);
	return found && (real == uid || effective == uid || saved == uid);
}

/* Kernels before 6.5. Somebody else may have the number by now, so it must be a process that this
 * user may end anyway; root may end all. */
static int hold_by_number(pid_t pid, uid_t uid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	/* In this order: while it lives the number is its own. */
	if ((uid == 0 || is_of(pid, uid)) && alive(fd))
		return fd;
	close(fd);
	return -ESRCH;
}

/* A descriptor of the process, or a negative errno. */
static int hold(int sock, pid_t pid, uid_t uid)
{
	socklen_t len = sizeof(int);
	int fd = -1;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) != 0)
		return errno == ENOPROTOOPT ? hold_by_number(pid, uid) : -ESRCH;
	/* Newer kernels also give one of a process that has ended. */
	if (alive(fd))
		return fd;
	close(fd);
	return -ESRCH;
}

int gw_process_open(struct gw_loop *loop, int sock, pid_t pid, uid_t uid, struct gw_process **out)
{
	struct gw_process *p;
	int rc;

	if (pid <= 1)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->pidfd = hold(sock, pid, uid);
	if (p->pidfd < 0) {
		errno = -p->pidfd;
		goto fail;
	}
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
