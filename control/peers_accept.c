/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers_internal.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "acceptor.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ACCEPTED 128u
#define TELL_NS (10 * GW_NS_PER_S)

/* A flood must not fill the log either. */
static void turn_away(struct gw_peers *p, int fd, const char *address, const char *why)
{
	uint64_t now = gw_now_ns();

	close(fd);
	p->turned_away++;
	if (p->turned_away_ns != 0 && now - p->turned_away_ns < TELL_NS)
		return;
	gw_warn("peer %s: turned away: %s (%u since the last line like this)", address, why,
		p->turned_away);
	p->turned_away = 0;
	p->turned_away_ns = now;
}

static void evict(struct gw_peers *p, int place)
{
	struct gw_peers_entry *e;

	LIST_FOREACH(e, &p->entries, link)
	if (e->config == NULL && e->place == place)
		break;
	if (e == NULL)
		return;
	gw_info("peer %s: did not say who it is, and others wait",
		gw_peer_address(gw_conn_peer(e->conn)));
	e->place = -1; /* taken by the next one already */
	gw_peers_drop(e);
}

static void add(struct gw_peers *p, int fd, const char *address, const uint8_t from[16])
{
	struct gw_peer_conf conf = gw_peers_peer_conf(p);
	struct gw_conn_callbacks cb;
	struct gw_err err = {.text = ""};
	struct gw_peers_entry *e;
	int evicted, place = gw_door_enter(&p->door, from, gw_now_ns(), &evicted);

	if (place < 0) {
		turn_away(p, fd, address, "too many from there that have not said who they are");
		return;
	}
	if (evicted >= 0)
		evict(p, evicted);
	e = p->accepted < MAX_ACCEPTED ? calloc(1, sizeof(*e)) : NULL;
	if (e == NULL) {
		gw_door_leave(&p->door, place);
		turn_away(p, fd, address, "too many connections");
		return;
	}
	e->peers = p;
	e->place = place;
	LIST_INIT(&e->requests);
	cb = gw_peers_callbacks(e);
	if (gw_conn_accept(&conf, p->conf.dp, fd, address, &cb, &e->conn, &err) != 0) {
		gw_warn("peer %s: %s", address, err.text);
		gw_door_leave(&p->door, place);
		free(e);
		return;
	}
	p->accepted++;
	LIST_INSERT_HEAD(&p->entries, e, link);
}

/* IPv4 as mapped addresses. */
static void source_of(const struct sockaddr_storage *sa, uint8_t from[16])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(from, 0, 16);
	if (sa->ss_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		memcpy(from, &v6.sin6_addr, 16);
	} else {
		memcpy(&v4, sa, sizeof(v4));
		from[10] = from[11] = 0xff;
		memcpy(from + 12, &v4.sin_addr, 4);
	}
}

static void on_listen(void *ctx)
{
	struct gw_peers *p = ctx;
	struct sockaddr_storage sa;
	socklen_t len;
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?", address[NI_MAXHOST + NI_MAXSERV + 4];
	uint64_t wait_ns = gw_door_wait_ns(&p->door, gw_now_ns());
	uint8_t from[16];
	int fd;

	if (wait_ns > 0) {
		gw_acceptor_hold(p->acceptor, wait_ns);
		return;
	}
	fd = gw_acceptor_take(p->acceptor, &sa, &len);
	if (fd < 0)
		return;
	getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(address, sizeof(address), sa.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		port);
	source_of(&sa, from);
	add(p, fd, address, from);
}

int gw_peers_listen(struct gw_peers *p, struct gw_err *err)
{
	int rc = gw_transport_listen(p->conf.config->control.listen,
		p->conf.tls != NULL ? GW_REACH_ANY : GW_REACH_PRIVATE, &p->listen_fd, err);

	if (rc != 0)
		return rc;
	p->acceptor =
		gw_acceptor_create(p->conf.loop, p->listen_fd, "control.listen", on_listen, p);
	if (p->acceptor == NULL)
		return gw_err(err, -ENOMEM, "control.listen: out of memory");
	return 0;
}

void gw_peers_unlisten(struct gw_peers *p)
{
	gw_acceptor_free(&p->acceptor);
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	p->listen_fd = -1;
}
