/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that made the socket at the other end: the one that began to listen on it. */
#pragma once

#include "../base/error.h"

#include <sys/socket.h>

/* Holds that process, by the socket itself, so that whoever gets its number later is not taken for
 * it. peer: what gw_trust_peer() gave for sock; path is for err. A pidfd (O_CLOEXEC), the caller's
 * to close; or -ESRCH: it has ended, though another process may serve the socket still; -EPERM: it
 * cannot be a hypervisor (init, or of another PID namespace); other -errno. */
int gw_maker_hold(int sock, const struct ucred *peer, const char *path, struct gw_err *err);
