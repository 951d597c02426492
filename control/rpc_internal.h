/* SPDX-License-Identifier: BSD-3-Clause */
/* What the three parts of the RPC server (requests, clients, socket) share. */
#pragma once

#include "rpc.h"

#include <stddef.h>
#include <stdint.h>

#define GW_RPC_GROUP_NAME 64

enum gw_rpc_rights { GW_RPC_NOTHING, GW_RPC_READ, GW_RPC_ALL };

struct gw_rpc_client {
	struct gw_rpc *rpc;
	enum gw_rpc_rights rights;
	struct gw_rpc_client *next;
	struct gw_rpc_call *calls; /* waiting for their answers */
	uint32_t n_calls;
	int fd;
	struct gw_watch *watch;
	uint64_t active_ns; /* when it last sent something */
	bool eof;           /* no more requests are read; answers still go out */
	bool dead;          /* no use any more: its next event frees it */
	char *in;
	size_t in_len;
	char *out;
	size_t out_len, out_sent;
};

struct gw_rpc_call {
	struct gw_rpc_client *client; /* NULL: gone, the answer goes nowhere */
	struct gw_rpc_call *next, **link;
	json_t *id; /* NULL: a notification, which gets no answer */
};

struct gw_rpc {
	struct gw_loop *loop;
	const struct gw_rpc_method *methods;
	void *ctx;
	struct gw_rpc_access access;
	char group_name[GW_RPC_GROUP_NAME];
	char *path;
	int fd;
	struct gw_acceptor *acceptor;
	struct gw_rpc_client *clients;
	uint32_t n_clients, n_others; /* others: who may not do everything */
};

/* rpc.c: one line without its newline. */
void gw_rpc_request(struct gw_rpc_client *client, const char *line, size_t len);

/* rpc_client.c: fd is taken over, also by a failure. */
int gw_rpc_client_create(struct gw_rpc *rpc, int fd, enum gw_rpc_rights rights);
/* Takes no more requests; what waits is still answered. */
void gw_rpc_client_refuse(struct gw_rpc_client *client);
void gw_rpc_client_free(struct gw_rpc_client *client);
/* Never frees client. answer is borrowed; NULL where it could not be made. */
void gw_rpc_client_queue(struct gw_rpc_client *client, const json_t *answer);
/* An error that answers no request. */
void gw_rpc_client_complain(struct gw_rpc_client *client, int code, const char *text);
/* A call of it has been answered: it may have been the last thing that a closed client waited for.
 */
void gw_rpc_client_answered(struct gw_rpc_client *client);

/* rpc_socket.c: a listening descriptor or -errno. */
int gw_rpc_listen(const char *path, const struct gw_rpc_access *access, struct gw_err *err);

/* rpc_access.c: of the process that made the connection. */
enum gw_rpc_rights gw_rpc_rights(const struct gw_rpc_access *access, int fd);
/* Pure; own: this process's uid. */
enum gw_rpc_rights gw_rpc_rights_of(const struct gw_rpc_access *access, uid_t own, uid_t uid,
	gid_t gid, const gid_t *groups, size_t n_groups);
void gw_rpc_group_name(gid_t gid, char *buf, size_t size);
/* "list, show": what a group may call. */
void gw_rpc_readable(const struct gw_rpc_method *methods, char *buf, size_t size);
