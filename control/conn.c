/* SPDX-License-Identifier: BSD-3-Clause */
#include "conn.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "link_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct gw_conn {
	struct gw_loop *loop;
	struct gw_dp *dp;
	struct gw_conn_callbacks cb;
	struct gw_peer *peer;
	struct gw_link *link;
	char link_error[GW_ERR_TEXT];
	char distrusted[GW_ERR_TEXT]; /* "": it is trusted */
	uint32_t holds;
	uint64_t used_ns;
};

static void no_link(struct gw_conn *c, const char *reason)
{
	snprintf(c->link_error, sizeof(c->link_error), "%s", reason);
	gw_link_put(&c->link);
	gw_warn("peer %s: no paths: %s", gw_peer_name(c->peer), reason);
}

static void plan(struct gw_conn *c)
{
	const struct gw_dp_path *path;
	uint8_t room[GW_DP_SECRET_BYTES];
	const uint8_t *secret;
	struct gw_err err = {.text = ""};
	uint32_t n;
	int rc = gw_peer_link_secret(c->peer, room, &secret, &err);

	if (rc == 0)
		rc = gw_link_plan(c->loop, c->dp, gw_peer_host(c->peer), secret, &c->link, &err);
	explicit_bzero(room, sizeof(room));
	if (rc != 0) {
		no_link(c, err.text);
		return;
	}
	path = gw_dp_link_paths(gw_link_dp(c->link), &n);
	gw_peer_send(c->peer, GW_MESSAGE_PATHS,
		json_pack("{s:o}", "paths", gw_link_message_paths(path, n)));
}

/* Its own packets come from there: not in another host's name. */
static bool from_its_ports(const struct gw_dp_host *host, const struct gw_dp_path *path, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t port = 0;

		while (port < host->n_ports &&
			!gw_ip_equal(&host->port[port].ip, &path[i].source_ip))
			port++;
		if (port == host->n_ports)
			return false;
	}
	return true;
}

static int take_paths(struct gw_conn *c, const json_t *body)
{
	struct gw_dp_path path[GW_DP_MAX_PATHS];
	const struct gw_dp_path *answer;
	uint8_t room[GW_DP_SECRET_BYTES];
	const uint8_t *secret;
	struct gw_err err = {.text = ""};
	uint32_t n;
	int rc;

	if (gw_peer_initiator(c->peer) || c->link != NULL)
		return -EPROTO;
	if (gw_link_message_paths_read(json_object_get(body, "paths"), path, &n) != 0 ||
		!from_its_ports(gw_peer_host(c->peer), path, n))
		return -EPROTO;
	rc = gw_peer_link_secret(c->peer, room, &secret, &err);
	if (rc == 0)
		rc = gw_link_accept(c->loop, c->dp, path, n, secret, &c->link, &err);
	explicit_bzero(room, sizeof(room));
	if (rc != 0) {
		no_link(c, err.text);
		gw_peer_send(c->peer, GW_MESSAGE_PATHS_FAILED,
			json_pack("{s:o}", "reason", gw_message_string(err.text)));
		return 0;
	}
	answer = gw_dp_link_paths(gw_link_dp(c->link), &n);
	gw_peer_send(c->peer, GW_MESSAGE_PATHS_OK,
		json_pack("{s:o}", "paths", gw_link_message_paths(answer, n)));
	return 0;
}

static int take_answer(struct gw_conn *c, const json_t *body)
{
	struct gw_dp_path path[GW_DP_MAX_PATHS];
	struct gw_err err = {.text = ""};
	uint32_t n;

	if (!gw_peer_initiator(c->peer) || c->link == NULL || gw_link_started(c->link))
		return -EPROTO;
	if (gw_link_message_paths_read(json_object_get(body, "paths"), path, &n) != 0)
		return -EPROTO;
	if (gw_link_start(c->link, path, n, &err) != 0)
		no_link(c, err.text);
	return 0;
}

static int on_message(
	void *ctx, struct gw_peer *peer, enum gw_message_type type, const json_t *body)
{
	struct gw_conn *c = ctx;
	char reason[GW_ERR_TEXT];

	(void)peer;
	switch (type) {
	case GW_MESSAGE_PATHS:
		return take_paths(c, body);
	case GW_MESSAGE_PATHS_OK:
		return take_answer(c, body);
	case GW_MESSAGE_PATHS_FAILED:
		if (!gw_peer_initiator(c->peer) || c->link == NULL)
			return -EPROTO;
		gw_message_reason(body, "reason", reason, sizeof(reason));
		no_link(c, reason);
		return 0;
	default:
		return c->cb.message(c->cb.ctx, c, type, body);
	}
}

static void on_up(void *ctx, struct gw_peer *peer)
{
	struct gw_conn *c = ctx;

	gw_info("peer %s (%s): connected, version %s", gw_peer_name(peer), gw_peer_address(peer),
		gw_peer_version(peer));
	if (gw_peer_initiator(peer))
		plan(c);
	c->cb.up(c->cb.ctx, c);
}

static void on_gone(void *ctx, struct gw_peer *peer, const char *reason)
{
	struct gw_conn *c = ctx;

	(void)peer;
	c->cb.gone(c->cb.ctx, c, reason);
}

static struct gw_conn *create(
	const struct gw_peer_conf *conf, struct gw_dp *dp, const struct gw_conn_callbacks *cb)
{
	struct gw_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = conf->loop;
	c->dp = dp;
	c->cb = *cb;
	c->used_ns = gw_now_ns();
	return c;
}

int gw_conn_connect(const struct gw_peer_conf *conf, struct gw_dp *dp, const char *address,
	const struct gw_conn_callbacks *cb, struct gw_conn **out, struct gw_err *err)
{
	struct gw_conn *c = create(conf, dp, cb);
	const struct gw_peer_callbacks pcb = {on_up, on_message, on_gone, c};
	int rc;

	if (c == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	rc = gw_peer_connect(conf, address, &pcb, &c->peer, err);
	if (rc != 0)
		free(c);
	else
		*out = c;
	return rc;
}

int gw_conn_accept(const struct gw_peer_conf *conf, struct gw_dp *dp, int fd, const char *address,
	const struct gw_conn_callbacks *cb, struct gw_conn **out, struct gw_err *err)
{
	struct gw_conn *c = create(conf, dp, cb);
	const struct gw_peer_callbacks pcb = {on_up, on_message, on_gone, c};
	struct gw_transport t;
	int rc;

	if (c == NULL) {
		if (gw_transport_accepted(fd, NULL, &t) == 0)
			t.ops->close(&t);
		return gw_err(err, -ENOMEM, "out of memory");
	}
	rc = gw_peer_accept(conf, fd, address, &pcb, &c->peer, err);
	if (rc != 0)
		free(c);
	else
		*out = c;
	return rc;
}

void gw_conn_free(struct gw_conn **conn)
{
	if (*conn == NULL)
		return;
	gw_peer_free(&(*conn)->peer);
	gw_link_put(&(*conn)->link);
	free(*conn);
	*conn = NULL;
}

void gw_conn_send(struct gw_conn *c, enum gw_message_type type, json_t *body)
{
	gw_peer_send(c->peer, type, body);
}

const struct gw_peer *gw_conn_peer(const struct gw_conn *c)
{
	return c->peer;
}

struct gw_link *gw_conn_link(const struct gw_conn *c)
{
	return c->link != NULL && gw_link_started(c->link) ? c->link : NULL;
}

const char *gw_conn_link_error(const struct gw_conn *c)
{
	return c->link_error;
}

void gw_conn_refuse(struct gw_conn *c, const char *reason)
{
	gw_peer_refuse(c->peer, reason);
}

void gw_conn_distrust(struct gw_conn *c, const char *why)
{
	snprintf(c->distrusted, sizeof(c->distrusted), "%s", why);
}

const char *gw_conn_distrusted(const struct gw_conn *c)
{
	return c->distrusted[0] != '\0' ? c->distrusted : NULL;
}

void gw_conn_hold(struct gw_conn *c)
{
	c->holds++;
}

void gw_conn_release(struct gw_conn *c)
{
	c->holds--;
	c->used_ns = gw_now_ns();
}

uint64_t gw_conn_used_ns(const struct gw_conn *c)
{
	return c->holds > 0 ? UINT64_MAX : c->used_ns;
}
