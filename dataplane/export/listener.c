/* SPDX-License-Identifier: BSD-3-Clause */
#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 8

/* A socket file that nobody serves is left over from a killed process. */
static int remove_stale(const struct sockaddr_un *addr, struct gw_export_reason *why)
{
	struct stat st;
	int probe, ret;

	if (lstat(addr->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return gw_export_why(why, -EEXIST, "%s exists and is no socket", addr->sun_path);
	probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return gw_export_why(why, -errno, "socket: %s", strerror(errno));
	ret = connect(probe, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	close(probe);
	if (ret != -ECONNREFUSED)
		return gw_export_why(
			why, -EADDRINUSE, "%s: another process listens there", addr->sun_path);
	unlink(addr->sun_path);
	return 0;
}

/* Before it listens: at no time may more connect than are to. */
static int hand_over(const char *path, const struct gw_access *a, struct gw_export_reason *why)
{
	if (a->group != GW_ACCESS_NO_ID && lchown(path, (uid_t)-1, a->group) < 0)
		return gw_export_why(why, -errno, "%s: cannot be given to group %u: %s", path,
			a->group, strerror(errno));
	if (chmod(path, a->mode) < 0)
		return gw_export_why(
			why, -errno, "%s: mode %o: %s", path, a->mode, strerror(errno));
	return 0;
}

int gw_listener_open(struct gw_listener *l, const char *path, const struct gw_access *access,
	struct gw_export_reason *why)
{
	struct stat st;
	int ret;

	*l = (struct gw_listener){.fd = -1, .pid = getpid(), .addr.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(l->addr.sun_path))
		return gw_export_why(why, -ENAMETOOLONG,
			"%s: a socket path has at most %zu characters", path,
			sizeof(l->addr.sun_path) - 1);
	strcpy(l->addr.sun_path, path);
	ret = remove_stale(&l->addr, why);
	if (ret < 0)
		return ret;

	l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return gw_export_why(why, -errno, "socket: %s", strerror(errno));
	/* The mode that bind() gives the file; changing it afterwards would leave a gap. */
	if (fchmod(l->fd, 0600) < 0 ||
		bind(l->fd, (struct sockaddr *)&l->addr, sizeof(l->addr)) < 0) {
		ret = gw_export_why(why, -errno, "%s: bind: %s", l->addr.sun_path, strerror(errno));
		goto err;
	}
	ret = hand_over(path, access, why);
	if (ret < 0) {
		unlink(path);
		goto err;
	}
	if (stat(path, &st) < 0 || listen(l->fd, BACKLOG) < 0) {
		ret = gw_export_why(
			why, -errno, "%s: listen: %s", l->addr.sun_path, strerror(errno));
		unlink(path);
		goto err;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;

err:
	close(l->fd);
	l->fd = -1;
	return ret;
}

void gw_listener_close(struct gw_listener *l)
{
	struct stat st;

	if (l->fd < 0)
		return;
	if (getpid() == l->pid && lstat(l->addr.sun_path, &st) == 0 && st.st_dev == l->dev &&
		st.st_ino == l->ino)
		unlink(l->addr.sun_path);
	close(l->fd);
	l->fd = -1;
}
