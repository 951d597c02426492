/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose processes are believed to be a VM's hypervisor. */
#pragma once

#include "../base/error.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define GW_TRUST_MAX 17u

/* Of a socket that may not be connected to. */
#define GW_TRUST_HINT                                                                              \
	" (another user's hypervisors are served where access.exporters or access.vm_owner names " \
	"it)"

/* Beside root and this process's own user. All zero: nobody else. */
struct gw_trust {
	uint32_t n;
	uid_t uid[GW_TRUST_MAX];
};

/* Who listens at the other end of sock (path is for err). 0, -EPERM: another user, other -errno. */
int gw_trust_peer(const struct gw_trust *trust, int sock, const char *path, struct ucred *peer,
	struct gw_err *err);
