/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is at the other end of a connection, and what that one may do. */
#include "rpc_internal.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_GROUPS 1024u

enum gw_rpc_rights gw_rpc_rights_of(const struct gw_rpc_access *a, uid_t own, uid_t uid, gid_t gid,
	const gid_t *groups, size_t n_groups)
{
	if (uid == 0 || uid == own || (a->owner != GW_RPC_NO_ID && uid == a->owner))
		return GW_RPC_ALL;
	if (a->group == GW_RPC_NO_ID)
		return GW_RPC_NOTHING;
	if (gid == a->group)
		return GW_RPC_READ;
	for (size_t i = 0; i < n_groups; i++)
		if (groups[i] == a->group)
			return GW_RPC_READ;
	return GW_RPC_NOTHING;
}

/* As they were when it connected: what became of the process since does not matter. */
enum gw_rpc_rights gw_rpc_rights(const struct gw_rpc_access *a, int fd)
{
	gid_t groups[MAX_GROUPS];
	socklen_t groups_len = sizeof(groups), len;
	struct ucred peer;

	len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return GW_RPC_NOTHING;
	/* Of more groups than fit none is believed. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) < 0)
		groups_len = 0;
	return gw_rpc_rights_of(
		a, geteuid(), peer.uid, peer.gid, groups, groups_len / sizeof(groups[0]));
}

void gw_rpc_group_name(gid_t gid, char *buf, size_t size)
{
	const struct group *entry = gid != GW_RPC_NO_ID ? getgrgid(gid) : NULL;

	if (entry != NULL)
		snprintf(buf, size, "%s", entry->gr_name);
	else
		snprintf(buf, size, "%u", gid);
}

void gw_rpc_readable(const struct gw_rpc_method *methods, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (const struct gw_rpc_method *m = methods; m->name != NULL && n < size; m++)
		if (m->read_only)
			n += (size_t)snprintf(
				buf + n, size - n, "%s%s", n == 0 ? "" : ", ", m->name);
}
