/* SPDX-License-Identifier: BSD-3-Clause */
#include "access.h"
#include "connection.h"
#include "exporter.h"
#include "listener.h"
#include "own_thread.h"
#include "work_memory.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING_ENTRIES_DEFAULT 65536
/* After the client has gone a guest that has just begun here still allocates much. */
#define HOLD_MS 1000

struct gw_export_server {
	struct gw_export_config config;
	struct gw_access access;
	struct gw_listener listener;
	int wake_fd; /* readable: end */
	pid_t pid;
	pthread_t thread;
};

int gw_export_why(struct gw_export_reason *why, int code, const char *fmt, ...)
{
	va_list ap;

	if (why != NULL) {
		va_start(ap, fmt);
		vsnprintf(why->text, sizeof(why->text), fmt, ap);
		va_end(ap);
	}
	return code;
}

static void *server_main(void *arg)
{
	struct gw_export_server *s = arg;
	struct pollfd p[2] = {
		{.fd = s->listener.fd, .events = POLLIN},
		{.fd = s->wake_fd, .events = POLLIN},
	};

	/* Waiting for room in a ring should take what it asks for, not 50 us more. */
	prctl(PR_SET_TIMERSLACK, 1000);
	while (p[1].revents == 0) {
		int sock = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (sock >= 0) {
			gw_connection_serve(sock, s->wake_fd, &s->config, &s->access);
			close(sock);
		} else if (errno != EAGAIN && errno != ECONNABORTED)
			poll(&p[1], 1, 100); /* out of descriptors: do not spin */
		if (poll(p, 2, gw_work_memory_held() ? HOLD_MS : -1) == 0)
			gw_work_memory_release();
	}
	gw_work_memory_release();
	return NULL;
}

int gw_export_server_create(const struct gw_export_config *config, struct gw_export_server **out,
	struct gw_export_reason *why)
{
	struct gw_export_server *s;
	struct gw_access access;
	int ret;

	if (config->socket_path == NULL || config->describe == NULL)
		return gw_export_why(why, -EINVAL, "socket_path and describe are required");
	ret = gw_access_of(config, &access, why);
	if (ret < 0)
		return ret;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return gw_export_why(why, -ENOMEM, "out of memory");
	s->config = *config;
	s->access = access;
	s->pid = getpid();
	if (s->config.ring_entries == 0)
		s->config.ring_entries = RING_ENTRIES_DEFAULT;
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake_fd < 0) {
		ret = gw_export_why(why, -errno, "eventfd: %s", strerror(errno));
		goto err;
	}
	ret = gw_listener_open(&s->listener, config->socket_path, &s->access, why);
	if (ret < 0)
		goto err_wake;
	ret = gw_own_thread_start(&s->thread, "godwit-export", 0, server_main, s);
	if (ret < 0) {
		gw_export_why(why, ret, "thread: %s", strerror(-ret));
		goto err_listener;
	}
	*out = s;
	return 0;

err_listener:
	gw_listener_close(&s->listener);
err_wake:
	close(s->wake_fd);
err:
	free(s);
	return ret;
}

void gw_export_server_free(struct gw_export_server **server)
{
	struct gw_export_server *s = *server;
	uint64_t one = 1;

	if (s == NULL)
		return;
	*server = NULL;
	/* A forked child has a copy of this, but no thread to join and no right to the socket. */
	if (getpid() == s->pid) {
		if (write(s->wake_fd, &one, sizeof(one)) < 0)
			return; /* cannot happen; leaking beats joining a thread that never ends */
		pthread_join(s->thread, NULL);
	}
	gw_listener_close(&s->listener);
	close(s->wake_fd);
	free(s);
}
