/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of peers.c, peers_accept.c and peers_json.c. */
#pragma once

#include "door.h"
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
	int place;               /* at the door; -1: it is known who it is */
	char error[GW_ERR_TEXT]; /* of the last attempt */
	LIST_HEAD(, gw_peers_request) requests;
};

struct gw_peers {
	struct gw_peers_conf conf;
	struct gw_dp_host host;
	int listen_fd;
	struct gw_acceptor *acceptor;
	struct gw_timer *timer;
	struct gw_door door;
	uint32_t accepted, turned_away;
	uint64_t judged_ns;                      /* when all certificates were looked at last */
	uint64_t turned_away_ns;                 /* when it was said last */
	uint64_t warned_ns[GW_CONFIG_MAX_PEERS]; /* of a certificate that ends; by config entry */
	LIST_HEAD(, gw_peers_entry) entries;
};

struct gw_peer_conf gw_peers_peer_conf(struct gw_peers *p);
struct gw_conn_callbacks gw_peers_callbacks(struct gw_peers_entry *e);
/* Frees the entry's connection; one that was accepted goes as a whole. */
void gw_peers_drop(struct gw_peers_entry *e);

/* Listens, and lets in who comes. */
int gw_peers_listen(struct gw_peers *p, struct gw_err *err);
void gw_peers_unlisten(struct gw_peers *p);
