/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers_internal.h"

#include "../config/private.h"
#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "expiry.h"
#include "policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED_NS (60 * GW_NS_PER_S)
#define TIDY_NS (5 * GW_NS_PER_S)
#define JUDGE_NS (3600 * GW_NS_PER_S)
#define DAY_NS (24 * 3600 * GW_NS_PER_S)

/* Whom the configuration names does not get the rights of "*" by another name of its: 0, or why. */
static int is_no_other(const struct gw_peers *p, const struct gw_peer *peer, struct gw_err *err)
{
	const struct gw_config *config = p->conf.config;

	for (uint32_t i = 0; i < config->n_peers; i++)
		if (gw_peer_certified(peer, config->peers[i].name))
			return gw_err(err, -EACCES,
				"it calls itself '%s', its certificate is that of peer '%s': only "
				"that name is allowed",
				gw_peer_name(peer), config->peers[i].name);
	return 0;
}

/* Where nothing is encrypted pages go to private addresses only, as all else does. */
static int keeps_private(const struct gw_peer *peer, struct gw_err *err)
{
	const struct gw_dp_host *host = gw_peer_host(peer);
	char text[GW_IP_TEXT];

	for (uint32_t i = 0; i < host->n_ports; i++)
		if (!gw_private_ip(&host->port[i].ip))
			return gw_err(err, -EACCES,
				"its port %u has the address %s: with `security: off` only private "
				"addresses are allowed",
				i, gw_ip_text(&host->port[i].ip, text));
	return 0;
}

static int admit(void *ctx, const struct gw_peer *peer, struct gw_err *err)
{
	const struct gw_peers *p = ctx;
	const char *name = gw_peer_name(peer);
	const struct gw_config_peer *entry = gw_policy_peer(p->conf.config, name);

	if (!gw_peer_secure(peer) && keeps_private(peer, err) != 0)
		return -EACCES;
	if (gw_peer_initiator(peer))
		return 0;
	if (entry == NULL)
		return gw_err(err, -EACCES,
			"'%s' has no entry under peers in the configuration of godwitd '%s', nor "
			"has '*'",
			name, p->conf.config->name);
	return strcmp(entry->name, name) == 0 ? 0 : is_no_other(p, peer, err);
}

struct gw_peer_conf gw_peers_peer_conf(struct gw_peers *p)
{
	return (struct gw_peer_conf){.loop = p->conf.loop,
		.self_name = p->conf.config->name,
		.host = &p->host,
		.timeout_ns = p->conf.config->migration.peer_timeout_ms * GW_NS_PER_MS,
		.tls = p->conf.tls,
		.admit = admit,
		.admit_ctx = p};
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

/* Once a day, also where the connection comes and goes. */
static void warn_of_end(struct gw_peers *p, const struct gw_peer *peer)
{
	const struct gw_config_peer *config = gw_policy_peer(p->conf.config, gw_peer_name(peer));
	int64_t left_s = gw_peer_certificate_left_s(peer);
	uint64_t now = gw_now_ns(), *warned_ns;

	if (left_s >= GW_EXPIRY_WARN_S || config == NULL)
		return;
	warned_ns = &p->warned_ns[config - p->conf.config->peers];
	if (*warned_ns != 0 && now - *warned_ns < DAY_NS)
		return;
	*warned_ns = now;
	gw_warn("peer %s (%s): its certificate ends in %lld days", gw_peer_name(peer),
		gw_peer_address(peer), (long long)(left_s / GW_EXPIRY_DAY_S));
}

static void known(struct gw_peers_entry *e)
{
	gw_door_leave(&e->peers->door, e->place);
	e->place = -1;
}

static void on_up(void *ctx, struct gw_conn *conn)
{
	struct gw_peers_entry *e = ctx;

	known(e);
	warn_of_end(e->peers, gw_conn_peer(conn));
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

void gw_peers_drop(struct gw_peers_entry *e)
{
	gw_conn_free(&e->conn);
	if (e->config != NULL)
		return;
	known(e);
	e->peers->accepted--;
	LIST_REMOVE(e, link);
	free(e);
}

static void on_gone(void *ctx, struct gw_conn *conn, const char *reason)
{
	struct gw_peers_entry *e = ctx;
	const struct gw_peer *peer = gw_conn_peer(conn);
	bool was_up = gw_peer_was_up(peer);

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
		gw_peers_drop(e);
}

struct gw_conn_callbacks gw_peers_callbacks(struct gw_peers_entry *e)
{
	return (struct gw_conn_callbacks){on_up, on_message, on_gone, e};
}

/* A guest that is on its way is not cut off. */
static void part_if_unused(struct gw_peers_entry *e)
{
	const char *why = e->conn != NULL ? gw_conn_distrusted(e->conn) : NULL;

	if (why != NULL && gw_conn_used_ns(e->conn) != UINT64_MAX)
		gw_conn_refuse(e->conn, why);
}

/* Would its certificate still be accepted? */
static void judge(struct gw_peers_entry *e)
{
	const struct gw_peer *peer = e->conn != NULL ? gw_conn_peer(e->conn) : NULL;
	struct gw_err err;

	if (peer == NULL || gw_conn_distrusted(e->conn) != NULL || gw_peer_trusted(peer, &err) == 0)
		return;
	gw_warn("peer %s (%s): its certificate is not accepted any more: %s", gw_peer_name(peer),
		gw_peer_address(peer), err.text);
	gw_conn_distrust(e->conn, err.text);
}

void gw_peers_renewed(struct gw_peers *p)
{
	struct gw_peers_entry *e;

	p->judged_ns = gw_now_ns();
	LIST_FOREACH(e, &p->entries, link)
	{
		judge(e);
		part_if_unused(e);
	}
}

static void tidy(void *ctx)
{
	struct gw_peers *p = ctx;
	uint64_t now = gw_now_ns();
	struct gw_peers_entry *e;

	/* An authority ends too, and its list of the revoked. */
	if (now - p->judged_ns >= JUDGE_NS)
		gw_peers_renewed(p);
	LIST_FOREACH(e, &p->entries, link)
	{
		uint64_t used = e->conn != NULL ? gw_conn_used_ns(e->conn) : UINT64_MAX;

		if (e->conn != NULL && gw_peer_is_up(gw_conn_peer(e->conn))) {
			warn_of_end(p, gw_conn_peer(e->conn));
			if (gw_peer_certificate_left_s(gw_conn_peer(e->conn)) < 0)
				judge(e);
		}
		part_if_unused(e);
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
		struct gw_peers_entry *e;

		if (strcmp(conf->config->peers[i].name, GW_CONFIG_ANY_PEER) == 0)
			continue;
		e = calloc(1, sizeof(*e));
		if (e == NULL) {
			gw_err(err, rc, "out of memory");
			goto fail;
		}
		e->peers = p;
		e->place = -1;
		e->config = &conf->config->peers[i];
		LIST_INIT(&e->requests);
		LIST_INSERT_HEAD(&p->entries, e, link);
	}
	rc = gw_peers_listen(p, err);
	if (rc != 0)
		goto fail;
	p->timer = gw_timer_create(conf->loop, tidy, p);
	if (p->timer == NULL) {
		rc = gw_err(err, -ENOMEM, "out of memory");
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
	gw_peers_unlisten(p);
	gw_timer_free(&p->timer);
	free(p);
	*peers = NULL;
}

int gw_peers_get(struct gw_peers *p, const char *name,
	void (*fn)(void *arg, struct gw_conn *conn, const char *why), void *arg)
{
	struct gw_peer_conf conf = gw_peers_peer_conf(p);
	struct gw_err err = {.text = ""};
	struct gw_peers_request *r;
	struct gw_peers_entry *e;

	LIST_FOREACH(e, &p->entries, link)
	if (e->config != NULL && strcmp(e->config->name, name) == 0)
		break;
	if (e == NULL)
		return -ENOENT;
	if (e->conn != NULL && gw_peer_is_up(gw_conn_peer(e->conn))) {
		const char *why = gw_conn_distrusted(e->conn);

		fn(arg, why == NULL ? e->conn : NULL, why);
		return 0;
	}
	if (e->conn == NULL) {
		const struct gw_conn_callbacks cb = gw_peers_callbacks(e);

		conf.expect = name;
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
