/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening socket on the loop. Where there are no descriptors or no memory for a connection it
 * stays pending, and would wake the loop for ever: then, and whenever the owner wants, nobody is
 * taken for a while, and who comes waits in the kernel, which has its own bound. */
#pragma once

#include "loop.h"

#include <sys/socket.h>

struct gw_acceptor;

/* ready(ctx) when somebody waits: one gw_acceptor_take() or gw_acceptor_hold() each time. fd, which
 * does not block, stays the caller's; what names it in the log and lives as long. NULL: no memory,
 * or fd cannot be watched. */
struct gw_acceptor *gw_acceptor_create(
	struct gw_loop *loop, int fd, const char *what, void (*ready)(void *ctx), void *ctx);
void gw_acceptor_free(struct gw_acceptor **acceptor);

/* A connection that does not block and is the caller's, or -1: there is none, or no room for it,
 * which is logged. from, with its length, may be NULL. */
int gw_acceptor_take(struct gw_acceptor *a, struct sockaddr_storage *from, socklen_t *len);

/* Nobody is ready for so long. */
void gw_acceptor_hold(struct gw_acceptor *a, uint64_t ns);
