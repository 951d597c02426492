/* SPDX-License-Identifier: BSD-3-Clause */
#include "acceptor.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define NO_ROOM_NS GW_NS_PER_S

struct gw_acceptor {
	int fd;
	const char *what;
	struct gw_watch *watch;
	struct gw_timer *timer; /* to the end of a hold */
	void (*ready)(void *ctx);
	void *ctx;
};

static void on_connection(void *ctx, uint32_t events)
{
	struct gw_acceptor *a = ctx;

	(void)events;
	a->ready(a->ctx);
}

static void on_held(void *ctx)
{
	struct gw_acceptor *a = ctx;

	gw_watch_set(a->watch, EPOLLIN);
}

struct gw_acceptor *gw_acceptor_create(
	struct gw_loop *loop, int fd, const char *what, void (*ready)(void *ctx), void *ctx)
{
	struct gw_acceptor *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = (struct gw_acceptor){.fd = fd, .what = what, .ready = ready, .ctx = ctx};
	a->timer = gw_timer_create(loop, on_held, a);
	a->watch = gw_watch_add(loop, fd, EPOLLIN, on_connection, a);
	if (a->timer == NULL || a->watch == NULL)
		gw_acceptor_free(&a);
	return a;
}

void gw_acceptor_free(struct gw_acceptor **acceptor)
{
	struct gw_acceptor *a = *acceptor;

	if (a == NULL)
		return;
	gw_watch_free(&a->watch);
	gw_timer_free(&a->timer);
	free(a);
	*acceptor = NULL;
}

int gw_acceptor_take(struct gw_acceptor *a, struct sockaddr_storage *from, socklen_t *len)
{
	struct sockaddr_storage own = {0};
	socklen_t own_len = sizeof(own);
	int fd = accept4(a->fd, (struct sockaddr *)&own, &own_len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		gw_warn("%s: cannot take a connection: %s", a->what, strerror(errno));
		gw_acceptor_hold(a, NO_ROOM_NS);
	}
	if (fd >= 0 && from != NULL) {
		*from = own;
		*len = own_len;
	}
	return fd;
}

void gw_acceptor_hold(struct gw_acceptor *a, uint64_t ns)
{
	gw_watch_set(a->watch, 0);
	gw_timer_set(a->timer, ns, 0);
}
