/* SPDX-License-Identifier: BSD-3-Clause */
#include "loopback.h"

#include "../../dataplane/base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_NS (10 * GW_NS_PER_S)

int loopback_start(struct loopback *l, struct gw_err *err)
{
	const char *tmp = getenv("TMPDIR");
	int fds[2], rc;

	l->child = -1;
	l->fd = -1;
	/* Its own folder: two benchmarks at once do not meet. Socket paths are short. */
	snprintf(l->directory, sizeof(l->directory), "%s/godwit-bench-XXXXXX",
		tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
	if (mkdtemp(l->directory) == NULL) {
		rc = gw_err(err, -errno, "%s: %s", l->directory, strerror(errno));
		l->directory[0] = '\0';
		return rc;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		return gw_err(err, -errno, "socketpair: %s", strerror(errno));
	fflush(NULL);
	l->child = fork();
	if (l->child < 0) {
		rc = gw_err(err, -errno, "fork: %s", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return rc;
	}
	l->fd = fds[l->child == 0];
	close(fds[l->child != 0]);
	if (l->child == 0) {
		/* Ctrl-C is for the parent, which ends both. */
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	return 0;
}

int loopback_wait(const struct loopback *l, struct gw_err *err)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	char c;

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return gw_err(err, -errno, "poll: %s", strerror(errno));
	if (recv(l->fd, &c, 1, MSG_PEEK) <= 0)
		return gw_err(err, -ECONNRESET, "the sending end did not start");
	return 0;
}

static void wait_child(pid_t child)
{
	const struct timespec nap = {0, 5 * 1000000};
	uint64_t until_ns = gw_now_ns() + END_NS;

	while (waitpid(child, NULL, WNOHANG) == 0) {
		if (gw_now_ns() > until_ns)
			kill(child, SIGKILL);
		nanosleep(&nap, NULL);
	}
}

void loopback_end(struct loopback *l)
{
	struct dirent *e;
	DIR *d;

	if (l->child > 0)
		wait_child(l->child);
	d = l->directory[0] != '\0' ? opendir(l->directory) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	if (l->directory[0] != '\0')
		rmdir(l->directory);
	l->directory[0] = '\0';
}
