/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers_internal.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNUSED_NS (60 * GW_NS_PER_S)
#define TIDY_NS (5 * GW_NS_PER_S)
#define MAX_ACCEPTED 64u

static struct gw_peer_conf peer_conf(struct gw_peers *p)
{
	return (struct gw_peer_conf){.loop = p->conf.loop,
		.self_name = p->conf.config->name,
		.host = &p->host,
		.timeout_ns = p->conf.config->migration.peer_timeout_ms * GW_NS_PER_MS};
}

/* Answers all who wait for this entry. An answer may add requests or drop others. */
static void answer(struct gw_peers_entry *e, struct gw_conn *conn, const char *why)
{
	struct gw_peers_request *r;

	while ((r = LIST_FIRST(&e->requests)) != NULL) {
		LIST_REMOVE(r, link);
		r->fn(r->arg, conn, why);
		free(r);
	}
}

static void on_up(void *ctx, struct gw_conn *conn)
{
	struct gw_peers_entry *e = ctx;

	e->error[0] = '\0';
	gw_conn_hold(conn);
	answer(e, conn, NULL);
	gw_conn_release(conn);
}

static int on_message(
	void *ctx, struct gw_conn *conn, enum gw_message_type type, const json_t *body)
{
	struct gw_peers_entry *e = ctx;

	return e->peers->conf.message(e->peers->conf.ctx, conn, type, body);
}

static void drop(struct gw_peers_entry *e)
{
	gw_conn_free(&e->conn);
	if (e->config != NULL)
		return;
	e->peers->accepted--;
	LIST_REMOVE(e, link);
	free(e);
}

static void on_gone(void *ctx, struct gw_conn *conn, const char *reason)
{
	struct gw_peers_entry *e = ctx;
	const struct gw_peer *peer = gw_conn_peer(conn);
	bool was_up = gw_peer_name(peer)[0] != '\0';

	gw_info("peer %s (%s): %s: %s",
		was_up ? gw_peer_name(peer) : (e->config != NULL ? e->config->name : "?"),
		gw_peer_address(peer), was_up ? "gone" : "not reached", reason);
	snprintf(e->error, sizeof(e->error), "%s", reason);
	/* Detached first: whoever is told may ask for the peer again, which makes a new connection.
	 */
	e->conn = NULL;
	if (was_up)
		e->peers->conf.gone(e->peers->conf.ctx, conn, reason);
	if (e->conn == NULL)
		answer(e, NULL, reason);
	gw_conn_free(&conn);
	if (e->config == NULL)
		drop(e);
}

static void add_accepted(struct gw_peers *p, int fd, const char *address)
{
	struct gw_peers_entry *e = p->accepted < MAX_ACCEPTED ? calloc(1, sizeof(*e)) : NULL;
	const struct gw_conn_callbacks cb = {on_up, on_message, on_gone, e};
	struct gw_peer_conf conf = peer_conf(p);
	struct gw_err err = {.text = "too many connections"};

	if (e == NULL) {
		close(fd);
		gw_warn("peer %s: %s", address, err.text);
		return;
	}
	e->peers = p;
	LIST_INIT(&e->requests);
	if (gw_conn_accept(&conf, p->conf.dp, fd, address, &cb, &e->conn, &err) != 0) {
		gw_warn("peer %s: %s", address, err.text);
		free(e);
		return;
	}
	p->accepted++;
	LIST_INSERT_HEAD(&p->entries, e, link);
}

static void on_listen(void *ctx, uint32_t events)
{
	struct gw_peers *p = ctx;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?", address[NI_MAXHOST + NI_MAXSERV + 4];
	int fd = accept4(p->listen_fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(address, sizeof(address), sa.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		port);
	add_accepted(p, fd, address);
}

static void tidy(void *ctx)
{
	struct gw_peers *p = ctx;
	uint64_t now = gw_now_ns();
	struct gw_peers_entry *e;

	LIST_FOREACH(e, &p->entries, link)
	{
		uint64_t used = e->conn != NULL ? gw_conn_used_ns(e->conn) : UINT64_MAX;

		if (e->config != NULL && used != UINT64_MAX && now - used > UNUSED_NS &&
			LIST_EMPTY(&e->requests))
			gw_conn_free(&e->conn);
	}
}

int gw_peers_create(const struct gw_peers_conf *conf, struct gw_peers **out, struct gw_err *err)
{
	struct gw_peers *p = calloc(1, sizeof(*p));
	int rc = -ENOMEM;

	if (p == NULL)
		return gw_err(err, rc, "out of memory");
	p->conf = *conf;
	p->listen_fd = -1;
	LIST_INIT(&p->entries);
	gw_dp_host(conf->dp, &p->host);
	for (uint32_t i = 0; i < conf->config->n_peers; i++) {
		struct gw_peers_entry *e = calloc(1, sizeof(*e));

		if (e == NULL)
			goto fail;
		e->peers = p;
		e->config = &conf->config->peers[i];
		LIST_INIT(&e->requests);
		LIST_INSERT_HEAD(&p->entries, e, link);
	}
	rc = gw_transport_listen(
		conf->config->control.listen, conf->config->control.insecure, &p->listen_fd, err);
	if (rc != 0)
		goto fail;
	p->watch = gw_watch_add(conf->loop, p->listen_fd, EPOLLIN, on_listen, p);
	p->timer = gw_timer_create(conf->loop, tidy, p);
	if (p->watch == NULL || p->timer == NULL) {
		rc = gw_err(err, -ENOMEM, "control.listen: out of memory");
		goto fail;
	}
	gw_timer_set(p->timer, TIDY_NS, TIDY_NS);
	*out = p;
	return 0;
fail:
	gw_peers_free(&p);
	return rc;
}

void gw_peers_free(struct gw_peers **peers)
{
	struct gw_peers *p = *peers;
	struct gw_peers_entry *e;

	if (p == NULL)
		return;
	while ((e = LIST_FIRST(&p->entries)) != NULL) {
		struct gw_peers_request *r;

		while ((r = LIST_FIRST(&e->requests)) != NULL) {
			LIST_REMOVE(r, link);
			free(r);
		}
		gw_conn_free(&e->conn);
		LIST_REMOVE(e, link);
		free(e);
	}
	gw_watch_free(&p->watch);
	gw_timer_free(&p->timer);
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	free(p);
	*peers = NULL;
}

int gw_peers_get(struct gw_peers *p, const char *name,
	void (*fn)(void *arg, struct gw_conn *conn, const char *why), void *arg)
{
	struct gw_peer_conf conf = peer_conf(p);
	struct gw_err err = {.text = ""};
	struct gw_peers_request *r;
	struct gw_peers_entry *e;

	LIST_FOREACH(e, &p->entries, link)
	if (e->config != NULL && strcmp(e->config->name, name) == 0)
		break;
	if (e == NULL)
		return -ENOENT;
	if (e->conn != NULL && gw_peer_is_up(gw_conn_peer(e->conn))) {
		fn(arg, e->conn, NULL);
		return 0;
	}
	if (e->conn == NULL) {
		const struct gw_conn_callbacks cb = {on_up, on_message, on_gone, e};

		if (gw_conn_connect(&conf, p->conf.dp, e->config->address, &cb, &e->conn, &err) !=
			0) {
			snprintf(e->error, sizeof(e->error), "%s", err.text);
			fn(arg, NULL, err.text);
			return 0;
		}
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		fn(arg, NULL, "out of memory");
		return 0;
	}
	r->fn = fn;
	r->arg = arg;
	LIST_INSERT_HEAD(&e->requests, r, link);
	return 0;
}

void gw_peers_forget(struct gw_peers *p, const void *arg)
{
	struct gw_peers_request *r, *next;
	struct gw_peers_entry *e;

	LIST_FOREACH(e, &p->entries, link)
	{
		for (r = LIST_FIRST(&e->requests); r != NULL; r = next) {
			next = LIST_NEXT(r, link);
			if (r->arg != arg)
				continue;
			LIST_REMOVE(r, link);
			free(r);
		}
	}
}

bool gw_peers_settled(const struct gw_peers *p)
{
	const struct gw_peers_entry *e;

	LIST_FOREACH(e, &p->entries, link)
	{
		struct gw_dp_link_status st;
		struct gw_link *link;

		if (e->config == NULL || e->conn == NULL || gw_conn_link_error(e->conn)[0] != '\0')
			continue;
		link = gw_conn_link(e->conn);
		if (link == NULL)
			return false;
		gw_dp_link_status(gw_link_dp(link), &st);
		if (!st.ready)
			return false;
	}
	return true;
}
