/* SPDX-License-Identifier: BSD-3-Clause */
/* A control connection with the data plane's link that belongs to it. The initiator plans the paths
 * as soon as hello is exchanged; a link that cannot be had is noted and does not end the
 * connection. */
#pragma once

#include "link.h"
#include "peer.h"

struct gw_conn;

struct gw_conn_callbacks {
	void (*up)(void *ctx, struct gw_conn *conn);
	/* Everything about sessions. A negative return closes the connection. */
	int (*message)(
		void *ctx, struct gw_conn *conn, enum gw_message_type type, const json_t *body);
	void (*gone)(void *ctx, struct gw_conn *conn,
		const char *reason); /* the last call; see peer.h */
	void *ctx;
};

int gw_conn_connect(const struct gw_peer_conf *conf, struct gw_dp *dp, const char *address,
	const struct gw_conn_callbacks *cb, struct gw_conn **out, struct gw_err *err);
int gw_conn_accept(const struct gw_peer_conf *conf, struct gw_dp *dp, int fd, const char *address,
	const struct gw_conn_callbacks *cb, struct gw_conn **out, struct gw_err *err);
void gw_conn_free(struct gw_conn **conn);

void gw_conn_send(
	struct gw_conn *conn, enum gw_message_type type, json_t *body); /* body is stolen */
const struct gw_peer *gw_conn_peer(const struct gw_conn *conn);
/* The link once it is set up on both ends, otherwise NULL. gw_link_get() to keep it. */
struct gw_link *gw_conn_link(const struct gw_conn *conn);
const char *gw_conn_link_error(const struct gw_conn *conn); /* "" where none */

/* Ends it, and tells the peer why. */
void gw_conn_refuse(struct gw_conn *conn, const char *reason);

/* The peer's certificate would not be accepted any more: what goes on may end, nothing begins. */
void gw_conn_distrust(struct gw_conn *conn, const char *why);
const char *gw_conn_distrusted(const struct gw_conn *conn); /* why; NULL: it is trusted */

/* Sessions and requests that need the connection: an unused one is closed after a while. */
void gw_conn_hold(struct gw_conn *conn);
void gw_conn_release(struct gw_conn *conn);
/* When it was last used; UINT64_MAX while it is. */
uint64_t gw_conn_used_ns(const struct gw_conn *conn);
