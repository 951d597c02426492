/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 16

static ssize_t tcp_read(struct gw_transport *t, void *buf, size_t n)
{
	ssize_t got;

	do
		got = recv(t->fd, buf, n, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t tcp_write(struct gw_transport *t, const void *buf, size_t n)
{
	ssize_t put;

	do
		put = send(t->fd, buf, n, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

static void tcp_close(struct gw_transport *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static const struct gw_transport_ops tcp_ops = {tcp_read, tcp_write, tcp_close};

static int resolve(const char *address, int flags, struct addrinfo **out, struct gw_err *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
	char host[256];
	const char *colon = strrchr(address, ':');
	const char *start = address;
	size_t n;
	int rc;

	if (colon == NULL || colon[1] == '\0')
		return gw_err(err, -EINVAL, "address '%s': expected host:port", address);
	n = (size_t)(colon - address);
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		start++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(host))
		return gw_err(err, -EINVAL, "address '%s': expected host:port", address);
	memcpy(host, start, n);
	host[n] = '\0';
	rc = getaddrinfo(host, colon + 1, &hints, out);
	if (rc != 0)
		return gw_err(err, -EADDRNOTAVAIL, "address '%s': %s", address, gai_strerror(rc));
	return 0;
}

static void tune(int fd)
{
	int one = 1;

	/* Commit messages are small and wait for nothing. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int gw_transport_connect(const char *address, struct gw_transport *out, struct gw_err *err)
{
	struct addrinfo *list;
	int rc = resolve(address, 0, &list, err);

	if (rc != 0)
		return rc;
	rc = -EADDRNOTAVAIL;
	for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0) {
			rc = -errno;
			continue;
		}
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 || errno == EINPROGRESS) {
			tune(fd);
			out->ops = &tcp_ops;
			out->fd = fd;
			rc = 0;
			break;
		}
		rc = -errno;
		close(fd);
	}
	freeaddrinfo(list);
	return rc == 0 ? 0 : gw_err(err, rc, "connect to %s: %s", address, strerror(-rc));
}

int gw_transport_connected(const struct gw_transport *t)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return -errno;
	return -error;
}

void gw_transport_accepted(int fd, struct gw_transport *out)
{
	tune(fd);
	out->ops = &tcp_ops;
	out->fd = fd;
}

static bool loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >>
			       24 ==
		       127;
	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(
			&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	return false;
}

int gw_transport_listen(const char *address, bool insecure, int *out, struct gw_err *err)
{
	struct addrinfo *list;
	int fd, one = 1;
	int rc = resolve(address, AI_PASSIVE, &list, err);

	if (rc != 0)
		return rc;
	if (!insecure && !loopback(list->ai_addr)) {
		rc = gw_err(err, -EPERM,
			"control.listen: %s is not a loopback address and the control connection "
			"is not "
			"encrypted; allowed: a loopback address, or control.insecure: true",
			address);
		goto out_list;
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		rc = gw_err(err, -errno, "control.listen: socket: %s", strerror(errno));
		goto out_list;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		rc = gw_err(err, -errno, "control.listen: %s: %s", address, strerror(errno));
		close(fd);
		goto out_list;
	}
	*out = fd;
out_list:
	freeaddrinfo(list);
	return rc;
}
