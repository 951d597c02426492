/* SPDX-License-Identifier: BSD-3-Clause */
#include "maker.h"

#include "kernel_names.h"
#include "../base/pidfd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int by_socket(int sock)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);

	return getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0 ? -errno : pidfd;
}

/* For kernels before 6.5. The number may be another's by now, but no other user's: that one's
 * process it is not. */
static int by_number(const struct ucred *peer)
{
	int pidfd = (int)syscall(SYS_pidfd_open, peer->pid, 0);
	char proc[32];
	struct stat st;

	if (pidfd < 0)
		return -errno;
	snprintf(proc, sizeof(proc), "/proc/%d", (int)peer->pid);
	if (stat(proc, &st) == 0 && st.st_uid == peer->uid)
		return pidfd;
	close(pidfd);
	return -ESRCH;
}

int gw_maker_hold(int sock, const struct ucred *peer, const char *path, struct gw_err *err)
{
	int pidfd;

	if (peer->pid <= 1)
		return gw_err(err, -EPERM,
			"%s: made by process %d; allowed: a hypervisor, in this PID namespace",
			path, (int)peer->pid);
	pidfd = by_socket(sock);
	if (pidfd == -ENOPROTOOPT)
		pidfd = by_number(peer);
	/* Kernels from 6.16 on hold the dead, too. */
	if (pidfd >= 0 && gw_pidfd_ended(pidfd)) {
		close(pidfd);
		pidfd = -ESRCH;
	}
	/* -EINVAL is what most kernels in between say of them. */
	if (pidfd == -ESRCH || pidfd == -EINVAL || pidfd == -ENODATA)
		return gw_err(err, -ESRCH,
			"%s: process %d, which made it, has ended; allowed: a socket whose maker "
			"runs the guest",
			path, (int)peer->pid);
	if (pidfd < 0)
		return gw_err(err, pidfd, "%s: process %d cannot be held: %s", path, (int)peer->pid,
			strerror(-pidfd));
	return pidfd;
}
