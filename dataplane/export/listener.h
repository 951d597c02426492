/* SPDX-License-Identifier: BSD-3-Clause */
/* The exporter's listening socket: made where no live exporter listens, removed only if still ours.
 */
#pragma once

#include "access.h"
#include "exporter.h"

#include <sys/types.h>
#include <sys/un.h>

struct gw_listener {
	int fd;
	pid_t pid; /* who bound it: a forked child must not unlink */
	dev_t dev;
	ino_t ino;
	struct sockaddr_un addr;
};

/* Non-blocking. -EADDRINUSE: somebody listens there. */
int gw_listener_open(struct gw_listener *l, const char *path, const struct gw_access *access,
	struct gw_export_reason *why);
void gw_listener_close(struct gw_listener *l);
