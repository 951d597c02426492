/* SPDX-License-Identifier: BSD-3-Clause */
/* The server's socket in the file system. */
#include "rpc_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

/* 1: someone answers, 0: nobody does, -errno. */
static int alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc = 1;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			rc = 0;
		else if (errno != EAGAIN) /* a full backlog: alive and busy */
			rc = -errno;
	}
	close(fd);
	return rc;
}

static int clear_path(const struct sockaddr_un *addr, struct gw_err *err)
{
	struct stat st;
	int rc;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : gw_err(err, -errno, "%s: %s", addr->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return gw_err(err, -EEXIST, "%s: exists and is no socket; it is left alone",
			addr->sun_path);
	rc = alive(addr);
	if (rc < 0)
		return gw_err(err, rc, "%s: %s", addr->sun_path, strerror(-rc));
	if (rc > 0)
		return gw_err(
			err, -EADDRINUSE, "%s: another godwitd listens there", addr->sun_path);
	if (unlink(addr->sun_path) < 0 && errno != ENOENT)
		return gw_err(err, -errno, "%s: cannot remove the old socket: %s", addr->sun_path,
			strerror(errno));
	return 0;
}

/* Before it listens: at no time may more connect than are to. */
static int hand_over(const char *path, const struct gw_rpc_access *a, struct gw_err *err)
{
	if ((a->owner != GW_RPC_NO_ID || a->group != GW_RPC_NO_ID) &&
		lchown(path, a->owner, a->group) < 0)
		return gw_err(err, -errno, "%s: cannot be given to user %d, group %d: %s", path,
			(int)a->owner, (int)a->group, strerror(errno));
	if (a->mode != GW_RPC_NO_ID && chmod(path, a->mode) < 0)
		return gw_err(err, -errno, "%s: mode %o: %s", path, a->mode, strerror(errno));
	return 0;
}

int gw_rpc_listen(const char *path, const struct gw_rpc_access *access, struct gw_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd, rc;

	if (len >= sizeof(addr.sun_path))
		return gw_err(err, -ENAMETOOLONG, "%s: too long for a socket; allowed: %zu bytes",
			path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, len);
	rc = clear_path(&addr, err);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return gw_err(err, -errno, "%s: socket: %s", path, strerror(errno));
	/* bind() gives the file the mode of the descriptor: nobody else can open it until it is
	 * handed over. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		rc = gw_err(err, -errno, "%s: cannot listen: %s", path, strerror(errno));
	} else if ((rc = hand_over(path, access, err)) < 0) {
		unlink(path);
	} else if (listen(fd, BACKLOG) < 0) {
		rc = gw_err(err, -errno, "%s: cannot listen: %s", path, strerror(errno));
		unlink(path);
	} else {
		return fd;
	}
	close(fd);
	return rc;
}
