/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection of the RPC server: bytes in to lines, answers out to bytes. */
#include "rpc_internal.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REQUEST 65536
#define READ_STEP 4096         /* at one wake-up, so that a flood shares the loop with others */
#define OUT_PAUSE (256u << 10) /* read no more requests while this much waits to be taken */
#define OUT_MAX (64u << 20)    /* the report of a long migration fits */

/* What is left to do with it? Nothing: false. */
static bool wanted(const struct gw_rpc_client *c)
{
	return !c->dead && (!c->eof || c->n_calls > 0 || c->out_len > c->out_sent);
}

static void set_events(struct gw_rpc_client *c)
{
	uint32_t events = 0;

	if (!c->eof && c->out_len - c->out_sent < OUT_PAUSE)
		events |= EPOLLIN;
	if (c->out_len > c->out_sent)
		events |= EPOLLOUT;
	/* A dead one is shut down, so that any event at all comes at once and frees it. */
	if (!wanted(c))
		events = EPOLLIN | EPOLLOUT;
	gw_watch_set(c->watch, events);
}

void gw_rpc_client_answered(struct gw_rpc_client *c)
{
	set_events(c);
}

static void drop(struct gw_rpc_client *c)
{
	c->dead = true;
	shutdown(c->fd, SHUT_RDWR);
	set_events(c);
}

void gw_rpc_client_queue(struct gw_rpc_client *c, const json_t *answer)
{
	size_t waiting = c->out_len - c->out_sent, n;
	char *line = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT), *out;

	if (c->dead || line == NULL)
		goto end;
	n = strlen(line);
	if (n >= OUT_MAX - waiting)
		goto end;
	out = malloc(waiting + n + 1);
	if (out == NULL)
		goto end;
	if (waiting > 0)
		memcpy(out, c->out + c->out_sent, waiting);
	memcpy(out + waiting, line, n);
	out[waiting + n] = '\n';
	free(c->out);
	c->out = out;
	c->out_sent = 0;
	c->out_len = waiting + n + 1;
	free(line);
	set_events(c);
	return;
end:
	free(line);
	if (!c->dead) {
		gw_warn("rpc: a client is dropped: its answer does not fit");
		drop(c);
	}
}

void gw_rpc_client_complain(struct gw_rpc_client *c, int code, const char *text)
{
	json_t *answer = json_pack("{s:s, s:n, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", "error",
		"code", code, "message", text);

	gw_rpc_client_queue(c, answer);
	json_decref(answer);
}

void gw_rpc_client_refuse(struct gw_rpc_client *c)
{
	c->eof = true;
	set_events(c);
}

static void requests(struct gw_rpc_client *c)
{
	char *line = c->in, *end = c->in + c->in_len, *newline;

	while (!c->dead && !c->eof &&
		(newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		gw_rpc_request(c, line, (size_t)(newline - line));
		line = newline + 1;
	}
	c->in_len = (size_t)(end - line);
	memmove(c->in, line, c->in_len);
	if (c->in_len == MAX_REQUEST) {
		gw_rpc_client_complain(
			c, -32600, "request longer than 64 KiB; the connection is closed");
		c->eof = true;
	}
}

static void receive(struct gw_rpc_client *c)
{
	size_t room = MAX_REQUEST - c->in_len;
	ssize_t n = recv(c->fd, c->in + c->in_len, room < READ_STEP ? room : READ_STEP, 0);

	if (n > 0) {
		c->active_ns = gw_now_ns();
		c->in_len += (size_t)n;
		requests(c);
	} else if (n == 0) {
		c->eof = true;
	} else if (errno != EAGAIN && errno != EINTR) {
		c->dead = true;
	}
}

static void transmit(struct gw_rpc_client *c)
{
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);

	if (n >= 0)
		c->out_sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		c->dead = true;
	if (c->out_sent == c->out_len) {
		free(c->out);
		c->out = NULL;
		c->out_sent = c->out_len = 0;
	}
}

static void on_event(void *ctx, uint32_t events)
{
	struct gw_rpc_client *c = ctx;

	if (!c->dead && (events & EPOLLOUT) != 0 && c->out_len > 0)
		transmit(c);
	if (!c->dead && (events & EPOLLIN) != 0 && !c->eof)
		receive(c);
	/* After a hang-up nobody reads answers; what was sent before it still counts as asked. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (c->eof || (events & EPOLLIN) == 0))
		c->dead = true;
	if (wanted(c))
		set_events(c);
	else
		gw_rpc_client_free(c);
}

int gw_rpc_client_create(struct gw_rpc *rpc, int fd, enum gw_rpc_rights rights)
{
	struct gw_rpc_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		goto fail;
	*c = (struct gw_rpc_client){
		.rpc = rpc, .rights = rights, .fd = fd, .active_ns = gw_now_ns()};
	c->in = malloc(MAX_REQUEST);
	if (c->in == NULL)
		goto fail;
	c->watch = gw_watch_add(rpc->loop, fd, EPOLLIN, on_event, c);
	if (c->watch == NULL)
		goto fail;
	c->next = rpc->clients;
	rpc->clients = c;
	rpc->n_clients++;
	rpc->n_others += rights != GW_RPC_ALL;
	return 0;
fail:
	if (c != NULL)
		free(c->in);
	free(c);
	close(fd);
	return -ENOMEM;
}

void gw_rpc_client_free(struct gw_rpc_client *c)
{
	struct gw_rpc_client **link = &c->rpc->clients;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	c->rpc->n_clients--;
	c->rpc->n_others -= c->rights != GW_RPC_ALL;
	for (struct gw_rpc_call *call = c->calls; call != NULL; call = call->next) {
		call->client = NULL;
		call->link = NULL;
	}
	gw_watch_free(&c->watch);
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}
