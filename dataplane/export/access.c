/* SPDX-License-Identifier: BSD-3-Clause */
#include "access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODE_DEFAULT 0600u
#define MODE_BITS 0777u

/* A number is an ID whether or not it has a name. */
static bool number(const char *text, uint32_t *out)
{
	size_t n = strspn(text, "0123456789");
	unsigned long long v = strtoull(text, NULL, 10);

	if (n == 0 || n > 10 || text[n] != '\0' || v >= UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

int gw_access_mode(const char *text, uint32_t *out)
{
	size_t n = strspn(text, "01234567");

	if (n < 3 || n > 4 || text[n] != '\0')
		return -EINVAL;
	*out = (uint32_t)strtoul(text, NULL, 8);
	return 0;
}

int gw_access_of(
	const struct gw_export_config *config, struct gw_access *out, struct gw_export_reason *why)
{
	*out = (struct gw_access){
		.mode = config->socket_mode != 0 ? config->socket_mode : MODE_DEFAULT,
		.group = GW_ACCESS_NO_ID,
		.client = GW_ACCESS_NO_ID};
	if ((out->mode & ~MODE_BITS) != 0)
		return gw_export_why(
			why, -EINVAL, "mode %o: only permission bits are allowed", out->mode);
	if (config->socket_group != NULL && !number(config->socket_group, &out->group)) {
		const struct group *g = getgrnam(config->socket_group);

		if (g == NULL)
			return gw_export_why(why, -EINVAL, "group '%s': this host has none such",
				config->socket_group);
		out->group = g->gr_gid;
	}
	if (config->client_user != NULL && !number(config->client_user, &out->client)) {
		const struct passwd *u = getpwnam(config->client_user);

		if (u == NULL)
			return gw_export_why(why, -EINVAL, "user '%s': this host has none such",
				config->client_user);
		out->client = u->pw_uid;
	}
	return 0;
}

int gw_access_check(const struct gw_access *access, int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -EPERM;
	if (peer.uid == 0 || peer.uid == geteuid() ||
		(access->client != GW_ACCESS_NO_ID && peer.uid == access->client))
		return 0;
	return -EPERM;
}
