/* SPDX-License-Identifier: BSD-3-Clause */
/* Both ends on one machine: a data plane is one process, so the receiving end is a child. */
#pragma once

#include "options.h"

#include <sys/types.h>

struct loopback {
	char directory[64]; /* of shared-memory sockets; "": none */
	pid_t child;
	int fd; /* to the child */
};

/* Returns twice, as fork(2): in the child l->child is 0, and l->fd leads to the parent. */
int loopback_start(struct loopback *l, struct gw_err *err);
/* Child: until the parent has begun to talk. */
int loopback_wait(const struct loopback *l, struct gw_err *err);
/* Parent: waits for the child and removes what was made. */
void loopback_end(struct loopback *l);
