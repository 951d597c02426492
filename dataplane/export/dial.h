/* SPDX-License-Identifier: BSD-3-Clause */
/* Reaching a VM's sockets: vm_dir may be shared by users who do not trust each other. */
#pragma once

#include "../base/error.h"

/* A new non-blocking socket of this type (SOCK_STREAM, SOCK_SEQPACKET), connected to path, whose
 * last component must be the socket itself: a symbolic link would give another's VM a second name.
 * The descriptor (O_CLOEXEC), or with err -ENOENT, -ECONNREFUSED (nobody listens), -EAGAIN (the
 * backlog is full), -ENOTSOCK, -ENAMETOOLONG (no server can listen there), other -errno. */
int gw_dial(const char *path, int type, struct gw_err *err);
