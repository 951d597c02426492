/* SPDX-License-Identifier: BSD-3-Clause */
/* All control connections: the configured peers, connected at first use and closed when unused for
 * a minute, and those that other hosts made to us. */
#pragma once

#include "../config/config.h"
#include "conn.h"

struct gw_peers;

struct gw_peers_conf {
	struct gw_loop *loop;
	struct gw_dp *dp;
	const struct gw_config *config;
	const struct gw_tls *tls; /* NULL: security is off */
	int (*message)(
		void *ctx, struct gw_conn *conn, enum gw_message_type type, const json_t *body);
	/* conn is freed after this call. */
	void (*gone)(void *ctx, struct gw_conn *conn, const char *reason);
	void *ctx;
};

/* Starts to listen. */
int gw_peers_create(const struct gw_peers_conf *conf, struct gw_peers **out, struct gw_err *err);
void gw_peers_free(struct gw_peers **peers);

/* A connection to the configured peer `name`: fn(arg, conn, NULL), or fn(arg, NULL, why). Called
 * once, perhaps before this returns, unless gw_peers_forget() comes first. -ENOENT: no such peer
 * (fn is not called). */
int gw_peers_get(struct gw_peers *peers, const char *name,
	void (*fn)(void *arg, struct gw_conn *conn, const char *why), void *arg);
/* There are new credentials: whoever they do not let in goes, at once or when its last session has
 * ended. */
void gw_peers_renewed(struct gw_peers *peers);
/* Drops the requests that have this arg. */
void gw_peers_forget(struct gw_peers *peers, const void *arg);

/* The array of the method `peers` (rpc.h). */
json_t *gw_peers_json(const struct gw_peers *peers);
/* Every configured peer is either not connected, or its paths are settled. */
bool gw_peers_settled(const struct gw_peers *peers);
