/* SPDX-License-Identifier: BSD-3-Clause */
#include "dial.h"

#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int failed(const char *path, const char *what, struct gw_err *err)
{
	int code = -errno;

	return gw_err(err, code, "%s: %s: %s%s", path, what, strerror(-code),
		code == -EACCES ? GW_TRUST_HINT : "");
}

/* Holds the socket's inode, so that what is looked at is what is connected to. */
static int hold(const char *path, struct gw_err *err)
{
	int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret;
	struct stat st;

	if (at < 0)
		return failed(path, "open", err);
	if (fstat(at, &st) < 0)
		ret = failed(path, "stat", err);
	else if (!S_ISSOCK(st.st_mode))
		ret = gw_err(err, -ENOTSOCK,
			"%s is %s; allowed: a socket, and no symbolic link to one", path,
			S_ISLNK(st.st_mode) ? "a symbolic link" : "no socket");
	else
		return at;
	close(at);
	return ret;
}

static int connect_held(int at, const char *path, int type, struct gw_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret;

	if (sock < 0)
		return failed(path, "socket", err);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", at);
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return sock;
	ret = failed(path, "connect", err);
	close(sock);
	return ret;
}

int gw_dial(const char *path, int type, struct gw_err *err)
{
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	int at, sock;

	if (strlen(path) > most)
		return gw_err(err, -ENAMETOOLONG, "%s: a socket path has at most %zu characters",
			path, most);
	at = hold(path, err);
	if (at < 0)
		return at;
	sock = connect_held(at, path, type, err);
	close(at);
	return sock;
}
