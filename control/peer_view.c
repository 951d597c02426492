/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer's owner may know of it. */
#include "peer_internal.h"

#include <errno.h>
#include <string.h>

size_t gw_peer_backlog(const struct gw_peer *p)
{
	return gw_sendq_waiting(&p->out);
}

bool gw_peer_is_up(const struct gw_peer *p)
{
	return p->up && !p->ended;
}

bool gw_peer_was_up(const struct gw_peer *p)
{
	return p->up;
}

bool gw_peer_initiator(const struct gw_peer *p)
{
	return p->initiator;
}

const char *gw_peer_name(const struct gw_peer *p)
{
	return p->name;
}

const char *gw_peer_address(const struct gw_peer *p)
{
	return p->address;
}

const char *gw_peer_version(const struct gw_peer *p)
{
	return p->version;
}

uint64_t gw_peer_rtt_ns(const struct gw_peer *p)
{
	return p->rtt_ns;
}

uint32_t gw_peer_protocol(const struct gw_peer *p)
{
	return p->protocol;
}

bool gw_peer_secure(const struct gw_peer *p)
{
	return p->transport.secure;
}

bool gw_peer_certified(const struct gw_peer *p, const char *name)
{
	struct gw_err err;

	return gw_peer_secure(p) && p->connected && !p->ended &&
	       p->transport.ops->identity(&p->transport, name, &err) == 0;
}

int64_t gw_peer_certificate_left_s(const struct gw_peer *p)
{
	return p->connected && !p->ended ? p->transport.ops->left_s(&p->transport) : INT64_MAX;
}

int gw_peer_trusted(const struct gw_peer *p, struct gw_err *err)
{
	return !p->up || p->ended ? 0 : p->transport.ops->trusted(&p->transport, p->conf.tls, err);
}

int gw_peer_export(const struct gw_peer *p, const char *label, uint8_t *out, size_t len)
{
	return p->ended ? -ENOTCONN : p->transport.ops->export(&p->transport, label, out, len);
}

const struct gw_dp_host *gw_peer_host(const struct gw_peer *p)
{
	return &p->host;
}

int gw_peer_link_secret(const struct gw_peer *p, uint8_t room[GW_DP_SECRET_BYTES],
	const uint8_t **secret, struct gw_err *err)
{
	int rc = 0;

	*secret = NULL;
	if (!gw_integrity_encrypts(p->conf.host->integrity))
		return 0;
	rc = gw_peer_export(p, GW_EXPORT_LABEL, room, GW_DP_SECRET_BYTES);
	if (rc != 0)
		return gw_err(err, rc, "no secret for the paths: %s",
			rc == -ENOTSUP ? "the connection is in the clear" : strerror(-rc));
	*secret = room;
	return 0;
}
