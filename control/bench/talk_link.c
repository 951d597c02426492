/* SPDX-License-Identifier: BSD-3-Clause */
/* The paths between both ends, agreed over the control connection as two godwitd do. */
#include "talk_internal.h"

#include "../../dataplane/base/clock.h"
#include "../link_message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The bytes that secret points to are to be wiped; NULL: there are none. */
static int link_secret(const struct talk *t, uint8_t room[GW_DP_SECRET_BYTES],
	const uint8_t **secret, struct gw_err *err)
{
	if (t->conf.tls != NULL && t->peer != NULL)
		return gw_peer_link_secret(t->peer, room, secret, err);
	*secret = t->conf.secret;
	return 0;
}

static int accept_link(struct talk *t, const struct gw_dp_path *path, uint32_t n,
	struct gw_link **out, struct gw_err *err)
{
	uint8_t room[GW_DP_SECRET_BYTES];
	const uint8_t *secret;
	int rc = link_secret(t, room, &secret, err);

	if (rc == 0)
		rc = gw_link_accept(t->conf.loop, t->dp, path, n, secret, out, err);
	explicit_bzero(room, sizeof(room));
	return rc;
}

static int plan_link(struct talk *t, const struct gw_dp_host *peer, struct gw_err *err)
{
	uint8_t room[GW_DP_SECRET_BYTES];
	const uint8_t *secret;
	int rc = link_secret(t, room, &secret, err);

	if (rc == 0)
		rc = gw_link_plan(t->conf.loop, t->dp, peer, secret, &t->link, err);
	explicit_bzero(room, sizeof(room));
	return rc;
}

int talk_take_paths(struct talk *t, const json_t *body)
{
	struct gw_dp_path path[GW_DP_MAX_PATHS];
	const struct gw_dp_path *answer;
	struct gw_err err = {.text = ""};
	uint32_t n;

	if (t->dp == NULL || t->link != NULL ||
		gw_link_message_paths_read(json_object_get(body, "paths"), path, &n) != 0)
		return -EPROTO;
	if (accept_link(t, path, n, &t->link, &err) != 0) {
		gw_peer_send(t->peer, GW_MESSAGE_PATHS_FAILED,
			json_pack("{s:o}", "reason", gw_message_string(err.text)));
		return 0;
	}
	answer = gw_dp_link_paths(gw_link_dp(t->link), &n);
	gw_peer_send(t->peer, GW_MESSAGE_PATHS_OK,
		json_pack("{s:o}", "paths", gw_link_message_paths(answer, n)));
	return 0;
}

int talk_take_answer(struct talk *t, const json_t *body)
{
	struct gw_dp_path path[GW_DP_MAX_PATHS];
	struct gw_err err = {.text = ""};
	uint32_t n;

	if (t->link == NULL || gw_link_started(t->link) ||
		gw_link_message_paths_read(json_object_get(body, "paths"), path, &n) != 0)
		return -EPROTO;
	if (gw_link_start(t->link, path, n, &err) != 0)
		snprintf(t->link_error, sizeof(t->link_error), "%s", err.text);
	return 0;
}

static bool link_ready(void *ctx)
{
	struct talk *t = ctx;
	struct gw_dp_link_status st = {0};

	if (t->link_error[0] != '\0')
		return true;
	if (gw_link_started(t->link))
		gw_dp_link_status(gw_link_dp(t->link), &st);
	return st.ready;
}

static void propose(struct talk *t)
{
	uint32_t n;
	const struct gw_dp_path *path = gw_dp_link_paths(gw_link_dp(t->link), &n);

	gw_peer_send(t->peer, GW_MESSAGE_PATHS,
		json_pack("{s:o}", "paths", gw_link_message_paths(path, n)));
}

/* Both halves of the paths are this data plane's. */
static int join(struct talk *t, struct gw_err *err)
{
	const struct gw_dp_path *path;
	uint32_t n;
	int rc;

	path = gw_dp_link_paths(gw_link_dp(t->link), &n);
	rc = accept_link(t, path, n, &t->twin->link, err);
	if (rc != 0)
		return rc;
	path = gw_dp_link_paths(gw_link_dp(t->twin->link), &n);
	return gw_link_start(t->link, path, n, err);
}

int talk_link(struct talk *t, uint64_t timeout_ns, struct gw_err *err)
{
	const struct gw_dp_host *peer = t->twin != NULL ? t->conf.host : gw_peer_host(t->peer);
	struct gw_dp_link_status st;
	int rc = 0;

	if (t->link == NULL) {
		rc = plan_link(t, peer, err);
		if (rc == 0 && t->twin != NULL)
			rc = join(t, err);
		else if (rc == 0)
			propose(t);
	}
	if (rc == 0)
		rc = talk_wait(t, timeout_ns, TALK_LOOK_NS, link_ready, NULL, t, err);
	if (rc == 0 && t->link_error[0] != '\0')
		return gw_err(err, -ENETUNREACH, "no paths: %s", t->link_error);
	if (rc == -ETIMEDOUT) {
		gw_dp_link_status(gw_link_dp(t->link), &st);
		return gw_err(err, rc, "%u of %u paths came up in %.0f s: %s", st.paths_up,
			st.paths, (double)timeout_ns / GW_NS_PER_S,
			t->twin != NULL
				? "what the port sends does not come back to it; neither its "
				  "driver nor what it is connected to loops back"
				: "are the ports joined, are their addresses in one subnet, do "
				  "both ends have a link?");
	}
	return rc;
}

struct gw_dp_link *talk_dp_link(const struct talk *t)
{
	return t->link != NULL && gw_link_started(t->link) ? gw_link_dp(t->link) : NULL;
}
