/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc_internal.h"

#include "../dataplane/base/log.h"
#include "acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CLIENTS 64
#define MAX_OTHERS 32 /* of them, who may not do everything */
#define MAX_CALLS 32  /* of one client, waiting for their answers */

#define PARSE_ERROR -32700
#define BAD_REQUEST -32600
#define NO_METHOD -32601
#define BAD_PARAMS -32602
#define INTERNAL -32603

static struct gw_rpc_call *call_create(struct gw_rpc_client *client, json_t *id)
{
	struct gw_rpc_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	*call = (struct gw_rpc_call){.client = client,
		.next = client->calls,
		.link = &client->calls,
		.id = json_incref(id)};
	if (call->next != NULL)
		call->next->link = &call->next;
	client->calls = call;
	client->n_calls++;
	return call;
}

/* Sends {jsonrpc, id, key: value} and frees call. Steals value. */
static void finish(struct gw_rpc_call *call, const char *key, json_t *value)
{
	struct gw_rpc_client *client = call->client;
	json_t *answer;

	if (client != NULL) {
		*call->link = call->next;
		if (call->next != NULL)
			call->next->link = call->link;
		client->n_calls--;
		if (call->id != NULL) {
			answer = json_pack(
				"{s:s, s:O, s:O}", "jsonrpc", "2.0", "id", call->id, key, value);
			gw_rpc_client_queue(client, answer);
			json_decref(answer);
		}
		gw_rpc_client_answered(client);
	}
	json_decref(value);
	json_decref(call->id);
	free(call);
}

void gw_rpc_reply(struct gw_rpc_call *call, json_t *result)
{
	if (result == NULL)
		gw_rpc_error(call, INTERNAL, NULL, "out of memory");
	else
		finish(call, "result", result);
}

void gw_rpc_error(struct gw_rpc_call *call, int code, json_t *data, const char *fmt, ...)
{
	char text[1024];
	json_t *error;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* A name from elsewhere may be cut inside a letter, or be no UTF-8 at all. */
	error = json_pack("{s:i, s:s}", "code", code, "message", text);
	if (error == NULL)
		error = json_pack(
			"{s:i, s:s}", "code", code, "message", "an error without printable text");
	if (error != NULL && data != NULL)
		json_object_set(error, "data", data);
	json_decref(data);
	finish(call, "error", error);
}

bool gw_rpc_gone(const struct gw_rpc_call *call)
{
	return call->client == NULL;
}

static const struct gw_rpc_method *find(const struct gw_rpc *rpc, const char *name)
{
	for (const struct gw_rpc_method *m = rpc->methods; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static bool id_is_valid(const json_t *id)
{
	return id == NULL || json_is_string(id) || json_is_number(id) || json_is_null(id);
}

static bool is_request(const json_t *request)
{
	const char *version = json_string_value(json_object_get(request, "jsonrpc"));

	return version != NULL && strcmp(version, "2.0") == 0 &&
	       json_is_string(json_object_get(request, "method")) &&
	       id_is_valid(json_object_get(request, "id"));
}

/* false: answered already. */
static bool may_call(const struct gw_rpc_client *client, const struct gw_rpc_method *method,
	struct gw_rpc_call *call)
{
	const struct gw_rpc *rpc = client->rpc;
	char readable[256];

	if (client->rights == GW_RPC_ALL || (client->rights == GW_RPC_READ && method->read_only))
		return true;
	if (client->rights == GW_RPC_READ) {
		gw_rpc_readable(rpc->methods, readable, sizeof(readable));
		gw_rpc_error(call, GW_RPC_DENIED, NULL,
			"'%s' is not for group '%s', which may only read (%s): root and the "
			"socket's owner may",
			method->name, rpc->group_name, readable);
	} else if (rpc->access.group != GW_RPC_NO_ID) {
		gw_rpc_error(call, GW_RPC_DENIED, NULL,
			"'%s' is not for this user: root and the socket's owner may do everything, "
			"group '%s' may read",
			method->name, rpc->group_name);
	} else {
		gw_rpc_error(call, GW_RPC_DENIED, NULL,
			"'%s' is not for this user: root and the socket's owner may do everything, "
			"and no group may read (access.group)",
			method->name);
	}
	return false;
}

static void call_method(struct gw_rpc_client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "method"));
	const struct gw_rpc_method *method = find(client->rpc, name);
	json_t *params = json_object_get(request, "params"), *none = NULL;
	bool full = client->n_calls >= MAX_CALLS;
	struct gw_rpc_call *call = call_create(client, json_object_get(request, "id"));

	if (call == NULL) {
		gw_rpc_client_complain(client, INTERNAL, "out of memory");
		return;
	}
	if (params == NULL)
		params = none = json_object();
	if (full)
		gw_rpc_error(call, INTERNAL, NULL, "more than %d requests wait for their answers",
			MAX_CALLS);
	else if (method == NULL)
		gw_rpc_error(call, NO_METHOD, NULL, "no method '%.64s'", name);
	else if (!may_call(client, method, call))
		; /* said why */
	else if (!json_is_object(params))
		gw_rpc_error(call, BAD_PARAMS, NULL, "params must be an object");
	else
		method->fn(client->rpc->ctx, params, call);
	json_decref(none);
	if (client->rights == GW_RPC_NOTHING)
		gw_rpc_client_refuse(client);
}

void gw_rpc_request(struct gw_rpc_client *client, const char *line, size_t len)
{
	json_error_t error;
	json_t *request;

	if (len == 0 || (len == 1 && line[0] == '\r'))
		return;
	request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (request == NULL)
		gw_rpc_client_complain(client, PARSE_ERROR, "not JSON");
	else if (json_is_array(request))
		gw_rpc_client_complain(
			client, BAD_REQUEST, "batches are not supported: one object a line");
	else if (!is_request(request))
		gw_rpc_client_complain(client, BAD_REQUEST,
			"not a JSON-RPC 2.0 request: "
			"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":...}");
	else
		call_method(client, request);
	json_decref(request);
}

/* Room for a new client: who has been silent longest and waits for nothing gives way. Those who may
 * not do everything push out each other only. */
static bool make_room(struct gw_rpc *rpc, bool other)
{
	struct gw_rpc_client *idle = NULL;

	if (rpc->n_clients < MAX_CLIENTS && !(other && rpc->n_others >= MAX_OTHERS))
		return true;
	for (struct gw_rpc_client *c = rpc->clients; c != NULL; c = c->next)
		if (c->n_calls == 0 && (!other || c->rights != GW_RPC_ALL) &&
			(idle == NULL || c->active_ns < idle->active_ns))
			idle = c;
	if (idle == NULL)
		return false;
	gw_rpc_client_free(idle);
	return true;
}

static void on_connection(void *ctx)
{
	struct gw_rpc *rpc = ctx;
	int fd = gw_acceptor_take(rpc->acceptor, NULL, NULL);
	enum gw_rpc_rights rights;

	if (fd < 0)
		return;
	rights = gw_rpc_rights(&rpc->access, fd);
	if (!make_room(rpc, rights != GW_RPC_ALL)) {
		gw_warn("rpc: too many clients wait for answers; one more is turned away");
		close(fd);
		return;
	}
	if (gw_rpc_client_create(rpc, fd, rights) < 0)
		gw_warn("rpc: no memory for a client");
}

int gw_rpc_create(struct gw_loop *loop, const char *path, const struct gw_rpc_access *access,
	const struct gw_rpc_method *methods, void *ctx, struct gw_rpc **out, struct gw_err *err)
{
	static const struct gw_rpc_access own = {GW_RPC_NO_ID, GW_RPC_NO_ID, GW_RPC_NO_ID};
	struct gw_rpc *rpc = calloc(1, sizeof(*rpc));
	int rc;

	if (rpc == NULL)
		return gw_err(err, -ENOMEM, "%s: out of memory", path);
	*rpc = (struct gw_rpc){.loop = loop, .methods = methods, .ctx = ctx, .fd = -1};
	rpc->access = access != NULL ? *access : own;
	gw_rpc_group_name(rpc->access.group, rpc->group_name, sizeof(rpc->group_name));
	rc = gw_rpc_listen(path, &rpc->access, err);
	if (rc < 0)
		goto fail;
	rpc->fd = rc;
	rpc->path = strdup(path);
	rpc->acceptor = gw_acceptor_create(loop, rpc->fd, "rpc", on_connection, rpc);
	if (rpc->path == NULL || rpc->acceptor == NULL) {
		rc = gw_err(err, -ENOMEM, "%s: out of memory", path);
		unlink(path);
		goto fail;
	}
	*out = rpc;
	return 0;
fail:
	free(rpc->path);
	rpc->path = NULL;
	gw_rpc_free(&rpc);
	return rc;
}

void gw_rpc_free(struct gw_rpc **rpc)
{
	struct gw_rpc *r = *rpc;

	if (r == NULL)
		return;
	while (r->clients != NULL)
		gw_rpc_client_free(r->clients);
	gw_acceptor_free(&r->acceptor);
	if (r->path != NULL)
		unlink(r->path);
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r);
	*rpc = NULL;
}
