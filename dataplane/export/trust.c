/* SPDX-License-Identifier: BSD-3-Clause */
#include "trust.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static bool believed(const struct gw_trust *trust, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	for (uint32_t i = 0; i < trust->n; i++) {
		if (trust->uid[i] == uid)
			return true;
	}
	return false;
}

int gw_trust_peer(const struct gw_trust *trust, int sock, const char *path, struct ucred *peer,
	struct gw_err *err)
{
	socklen_t len = sizeof(*peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, peer, &len) < 0)
		return gw_err(err, -errno, "%s: SO_PEERCRED: %s", path, strerror(errno));
	if (!believed(trust, peer->uid))
		return gw_err(err, -EPERM,
			"%s: user %u serves it; allowed: root, godwitd's own user, and those under "
			"access.exporters and access.vm_owner",
			path, peer->uid);
	return 0;
}
