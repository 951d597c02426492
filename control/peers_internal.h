/* SPDX-License-Identifier: BSD-3-Clause */
/* The peers' own, shared by its files. */
#pragma once

#include "peers.h"

#include <sys/queue.h>

struct gw_peers_request {
	LIST_ENTRY(gw_peers_request) link;
	void (*fn)(void *arg, struct gw_conn *conn, const char *why);
	void *arg;
};

/* A connection that was made, or one that exists or is wanted to a configured peer. */
struct gw_peers_entry {
	LIST_ENTRY(gw_peers_entry) link;
	struct gw_peers *peers;
	const struct gw_config_peer *config; /* NULL: accepted */
	struct gw_conn *conn;
	char error[GW_ERR_TEXT]; /* of the last attempt */
	LIST_HEAD(, gw_peers_request) requests;
};

struct gw_peers {
	struct gw_peers_conf conf;
	struct gw_dp_host host;
	int listen_fd;
	struct gw_watch *watch;
	struct gw_timer *timer;
	uint32_t accepted;
	LIST_HEAD(, gw_peers_entry) entries;
};
