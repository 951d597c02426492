/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport.h"

#include "../config/private.h"
#include "transport_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

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

int gw_transport_tcp_connected(const struct gw_transport *t)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return -errno;
	if (error != 0)
		return -error;
	len = sizeof(sa);
	if (getpeername(t->fd, (struct sockaddr *)&sa, &len) != 0)
		return errno == ENOTCONN ? -EAGAIN : -errno;
	return 0;
}

static int tcp_establish(struct gw_transport *t, uint32_t *events, struct gw_err *err)
{
	int rc = gw_transport_tcp_connected(t);

	*events = EPOLLOUT;
	return rc == 0 || rc == -EAGAIN ? rc : gw_err(err, rc, "%s", strerror(-rc));
}

static bool tcp_pending(const struct gw_transport *t)
{
	(void)t;
	return false;
}

static const char *tcp_why(const struct gw_transport *t)
{
	(void)t;
	return NULL;
}

static int tcp_identity(const struct gw_transport *t, const char *name, struct gw_err *err)
{
	(void)t;
	(void)name;
	(void)err;
	return 0;
}

static int tcp_trusted(const struct gw_transport *t, const struct gw_tls *tls, struct gw_err *err)
{
	(void)t;
	(void)tls;
	(void)err;
	return 0;
}

static int64_t tcp_left_s(const struct gw_transport *t)
{
	(void)t;
	return INT64_MAX;
}

static int tcp_export(const struct gw_transport *t, const char *label, uint8_t *out, size_t len)
{
	(void)t;
	(void)label;
	(void)out;
	(void)len;
	return -ENOTSUP;
}

static const struct gw_transport_ops tcp_ops = {tcp_establish, tcp_read, tcp_write, tcp_pending,
	tcp_why, tcp_identity, tcp_trusted, tcp_left_s, tcp_export, tcp_close};

/* The host of "host:port" or "[v6]:port", without brackets. */
static int host_of(const char *address, char *host, size_t size, struct gw_err *err)
{
	const char *colon = strrchr(address, ':');
	const char *start = address;
	size_t n;

	if (colon == NULL || colon[1] == '\0')
		return gw_err(err, -EINVAL, "address '%s': expected host:port", address);
	n = (size_t)(colon - address);
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		start++;
		n -= 2;
	}
	if (n == 0 || n >= size)
		return gw_err(err, -EINVAL, "address '%s': expected host:port", address);
	memcpy(host, start, n);
	host[n] = '\0';
	return 0;
}

static int resolve(const char *address, int flags, struct addrinfo **out, struct gw_err *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
	char host[256];
	int rc = host_of(address, host, sizeof(host), err);

	if (rc != 0)
		return rc;
	rc = getaddrinfo(host, strrchr(address, ':') + 1, &hints, out);
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

static bool reached(const struct sockaddr *sa, enum gw_reach reach)
{
	return reach == GW_REACH_ANY ||
	       (reach == GW_REACH_PRIVATE ? gw_private_sockaddr(sa) : loopback(sa));
}

/* The first address that is willing. */
static int connect_any(const struct addrinfo *list, enum gw_reach reach, int *out)
{
	int rc = -EPERM;

	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		int fd;

		if (!reached(ai->ai_addr, reach))
			continue;
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0 &&
			(connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 || errno == EINPROGRESS)) {
			tune(fd);
			*out = fd;
			return 0;
		}
		rc = -errno;
		if (fd >= 0)
			close(fd);
	}
	return rc;
}

int gw_transport_connect(const char *address, const struct gw_tls *tls, const char *name,
	struct gw_transport *out, struct gw_err *err)
{
	struct addrinfo *list;
	char host[256];
	int rc = resolve(address, 0, &list, err);

	if (rc != 0)
		return rc;
	*out = (struct gw_transport){.ops = &tcp_ops, .fd = -1};
	rc = connect_any(list, tls != NULL ? GW_REACH_ANY : GW_REACH_PRIVATE, &out->fd);
	freeaddrinfo(list);
	if (rc == -EPERM && tls == NULL)
		return gw_err(err, rc,
			"connect to %s: with `security: off` only private addresses are allowed",
			address);
	if (rc != 0)
		return gw_err(err, rc, "connect to %s: %s", address, strerror(-rc));
	if (tls == NULL)
		return 0;
	host_of(address, host, sizeof(host), err);
	rc = gw_transport_secure(out, tls, name != NULL ? name : host);
	if (rc != 0) {
		tcp_close(out);
		gw_err(err, rc, "connect to %s: %s", address, strerror(-rc));
	}
	return rc;
}

int gw_transport_accepted(int fd, const struct gw_tls *tls, struct gw_transport *out)
{
	int rc;

	tune(fd);
	*out = (struct gw_transport){.ops = &tcp_ops, .fd = fd};
	rc = tls != NULL ? gw_transport_secure(out, tls, NULL) : 0;
	if (rc != 0)
		tcp_close(out);
	return rc;
}

int gw_transport_listen(const char *address, enum gw_reach reach, int *out, struct gw_err *err)
{
	struct addrinfo *list;
	int fd, one = 1;
	int rc = resolve(address, AI_PASSIVE, &list, err);

	if (rc != 0)
		return rc;
	if (!reached(list->ai_addr, reach)) {
		rc = gw_err(err, -EPERM,
			"listen: %s is not a %s address, and whoever reaches it would be let in "
			"without a certificate",
			address, reach == GW_REACH_LOOPBACK ? "loopback" : "private");
		goto out_list;
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		rc = gw_err(err, -errno, "listen: socket: %s", strerror(errno));
		goto out_list;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		rc = gw_err(err, -errno, "listen: %s: %s", address, strerror(errno));
		close(fd);
		goto out_list;
	}
	*out = fd;
out_list:
	freeaddrinfo(list);
	return rc;
}
