/* SPDX-License-Identifier: BSD-3-Clause */
/* What the three parts of the RPC server (requests, clients, socket) share. */
#pragma once

#include "rpc.h"

#include <stddef.h>
#include <stdint.h>

struct gw_rpc_client {
	struct gw_rpc *rpc;
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
	char *path;
	int fd;
	struct gw_watch *watch;
	struct gw_timer *retry; /* accept again after the process ran out of descriptors */
	struct gw_rpc_client *clients;
	uint32_t n_clients;
};

/* rpc.c: one line without its newline. */
void gw_rpc_request(struct gw_rpc_client *client, const char *line, size_t len);

/* rpc_client.c: fd is taken over, also by a failure. */
int gw_rpc_client_create(struct gw_rpc *rpc, int fd);
void gw_rpc_client_free(struct gw_rpc_client *client);
/* Never frees client. answer is borrowed; NULL where it could not be made. */
void gw_rpc_client_queue(struct gw_rpc_client *client, const json_t *answer);
/* An error that answers no request. */
void gw_rpc_client_complain(struct gw_rpc_client *client, int code, const char *text);
/* A call of it has been answered: it may have been the last thing that a closed client waited for.
 */
void gw_rpc_client_answered(struct gw_rpc_client *client);

/* rpc_socket.c: a listening descriptor or -errno. */
int gw_rpc_listen(const char *path, struct gw_err *err);
