/* SPDX-License-Identifier: BSD-3-Clause */
#include "talk_internal.h"

#include "../../dataplane/base/clock.h"
#include "../link_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SELF_NAME "godwit-bench"
#define SILENCE_NS (20 * GW_NS_PER_S)

static void stop(struct talk *t)
{
	if (t->stopping)
		gw_loop_stop(t->conf.loop);
}

static void on_up(void *ctx, struct gw_peer *peer)
{
	(void)peer;
	stop(ctx);
}

static void on_gone(void *ctx, struct gw_peer *peer, const char *reason)
{
	struct talk *t = ctx;

	(void)peer;
	t->gone = true;
	snprintf(t->reason, sizeof(t->reason), "%s", reason);
	stop(t);
}

static int on_message(
	void *ctx, struct gw_peer *peer, enum gw_message_type type, const json_t *body)
{
	struct talk *t = ctx;
	bool initiator = gw_peer_initiator(peer);

	switch (type) {
	case GW_MESSAGE_PATHS:
		return initiator ? -EPROTO : talk_take_paths(t, body);
	case GW_MESSAGE_PATHS_OK:
		return initiator ? talk_take_answer(t, body) : -EPROTO;
	case GW_MESSAGE_PATHS_FAILED:
		gw_message_reason(body, "reason", t->link_error, sizeof(t->link_error));
		return initiator && t->link != NULL ? 0 : -EPROTO;
	case GW_MESSAGE_BENCH:
	case GW_MESSAGE_BENCHED:
		/* One question at a time. */
		if (initiator != (type == GW_MESSAGE_BENCHED) || t->inbox != NULL)
			return -EPROTO;
		t->inbox = json_deep_copy(body);
		stop(t);
		return t->inbox != NULL ? 0 : -ENOMEM;
	default:
		return -EPROTO;
	}
}

static void on_timer(void *ctx)
{
	stop(ctx);
}

static int create(const struct talk_conf *conf, struct talk **out)
{
	struct talk *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->conf = *conf;
	t->timer = gw_timer_create(conf->loop, on_timer, t);
	if (t->timer == NULL) {
		free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

enum how { CONNECT, OPEN, ACCEPT };

static int begin(const struct talk_conf *conf, enum how how, const char *address, int fd,
	struct talk **out, struct gw_err *err)
{
	const struct gw_peer_conf pc = {.loop = conf->loop,
		.self_name = SELF_NAME,
		.host = conf->host,
		.timeout_ns = SILENCE_NS,
		.tls = conf->tls,
		.nameless = true};
	struct gw_peer_callbacks cb = {on_up, on_message, on_gone, NULL};
	struct talk *t = NULL;
	int rc = create(conf, &t);

	if (rc != 0)
		return gw_err(err, rc, "out of memory");
	cb.ctx = t;
	if (how == CONNECT)
		rc = gw_peer_connect(&pc, address, &cb, &t->peer, err);
	else if (how == OPEN)
		rc = gw_peer_open(&pc, fd, "the other half", &cb, &t->peer, err);
	else
		rc = gw_peer_accept(&pc, fd, "a sender", &cb, &t->peer, err);
	if (rc != 0) {
		t->peer = NULL;
		talk_free(&t);
	}
	*out = t;
	return rc;
}

int talk_connect(
	const struct talk_conf *conf, const char *address, struct talk **out, struct gw_err *err)
{
	return begin(conf, CONNECT, address, -1, out, err);
}

int talk_open(const struct talk_conf *conf, int fd, struct talk **out, struct gw_err *err)
{
	return begin(conf, OPEN, NULL, fd, out, err);
}

int talk_accept(const struct talk_conf *conf, int fd, struct talk **out, struct gw_err *err)
{
	return begin(conf, ACCEPT, NULL, fd, out, err);
}

int talk_pair(const struct talk_conf *conf, struct talk **sender, struct talk **receiver,
	struct gw_err *err)
{
	if (create(conf, sender) != 0 || create(conf, receiver) != 0) {
		talk_free(sender);
		return gw_err(err, -ENOMEM, "out of memory");
	}
	(*sender)->twin = *receiver;
	return 0;
}

void talk_set_answerer(
	struct talk *sender, json_t *(*answer)(void *ctx, const json_t *question), void *ctx)
{
	sender->answerer = answer;
	sender->answerer_ctx = ctx;
}

void talk_free(struct talk **t)
{
	if (*t == NULL)
		return;
	gw_peer_free(&(*t)->peer);
	gw_link_put(&(*t)->link);
	gw_timer_free(&(*t)->timer);
	json_decref((*t)->inbox);
	free(*t);
	*t = NULL;
}

int talk_wait(struct talk *t, uint64_t timeout_ns, uint64_t tick_ns, bool (*done)(void *ctx),
	void (*tick)(void *ctx), void *ctx, struct gw_err *err)
{
	uint64_t until_ns = gw_now_ns() + timeout_ns;
	int rc = 0;

	gw_timer_set(t->timer, tick_ns, tick_ns);
	t->stopping = true;
	for (;;) {
		if (tick != NULL)
			tick(ctx);
		if (done(ctx))
			break;
		if (t->gone)
			rc = gw_err(err, -ECONNRESET, "the other end is gone: %s", t->reason);
		else if (*t->conf.interrupted)
			rc = gw_err(err, -EINTR, "interrupted");
		else if (gw_now_ns() >= until_ns)
			rc = -ETIMEDOUT;
		if (rc != 0)
			break;
		gw_loop_run(t->conf.loop);
	}
	t->stopping = false;
	gw_timer_stop(t->timer);
	return rc;
}

static bool is_up(void *ctx)
{
	return gw_peer_is_up(((struct talk *)ctx)->peer);
}

static int check_peer(const struct talk *t, struct gw_err *err)
{
	const struct gw_dp_host *peer = gw_peer_host(t->peer);
	const char *address = gw_peer_address(t->peer);

	if (strcmp(gw_peer_name(t->peer), SELF_NAME) != 0)
		return gw_err(err, -EPROTO, "%s is a godwitd ('%s', version %s), no godwit-bench",
			address, gw_peer_name(t->peer), gw_peer_version(t->peer));
	/* Two ends have different addresses. */
	if (memcmp(peer, t->conf.host, sizeof(*peer)) == 0)
		return gw_err(err, -EPROTO,
			"%s only repeats what it is told, or has the very same ports", address);
	/* The sending end says so: this one's word could come after its good-bye. */
	if (gw_peer_initiator(t->peer) && peer->integrity != t->conf.host->integrity)
		return gw_err(err, -ENOTUNIQ, "integrity differs: %s here, %s at %s (--integrity)",
			gw_integrity_name(t->conf.host->integrity),
			gw_integrity_name(peer->integrity), address);
	return 0;
}

int talk_hello(struct talk *t, uint64_t timeout_ns, struct gw_err *err)
{
	int rc = talk_wait(t, timeout_ns, TALK_LOOK_NS, is_up, NULL, t, err);

	if (rc == -ETIMEDOUT)
		return gw_err(err, -EPROTO,
			"%s does not say hello as godwit-bench does: nothing came in %.1f s; is "
			"`godwit-bench listen` running there, on this port, and does a firewall "
			"let it through?",
			gw_peer_address(t->peer), (double)timeout_ns / GW_NS_PER_S);
	if (rc == -ECONNRESET)
		return gw_err(err, -EPROTO, "%s does not answer as godwit-bench does: %s",
			gw_peer_address(t->peer), t->reason);
	return rc != 0 ? rc : check_peer(t, err);
}

void talk_set_dp(struct talk *t, struct gw_dp *dp)
{
	t->dp = dp;
}

static bool has_inbox(void *ctx)
{
	return ((struct talk *)ctx)->inbox != NULL;
}

static json_t *take_inbox(struct talk *t)
{
	json_t *body = t->inbox;

	t->inbox = NULL;
	return body;
}

int talk_ask(
	struct talk *t, json_t *question, uint64_t timeout_ns, json_t **answer, struct gw_err *err)
{
	char reason[GW_ERR_TEXT];
	int rc;

	if (t->twin != NULL) {
		t->inbox = t->answerer(t->answerer_ctx, question);
		json_decref(question);
	} else {
		gw_peer_send(t->peer, GW_MESSAGE_BENCH, question);
	}
	rc = talk_wait(t, timeout_ns, TALK_LOOK_NS, has_inbox, NULL, t, err);
	if (rc == -ETIMEDOUT)
		return gw_err(err, rc, "the other end does not answer");
	if (rc != 0)
		return rc;
	*answer = take_inbox(t);
	gw_message_reason(*answer, "error", reason, sizeof(reason));
	if (reason[0] == '\0')
		return 0;
	json_decref(*answer);
	*answer = NULL;
	return gw_err(err, -EREMOTEIO, "the other end: %s", reason);
}

int talk_next(struct talk *t, json_t **question, struct gw_err *err)
{
	int rc = talk_wait(t, UINT64_MAX / 2, GW_NS_PER_S, has_inbox, NULL, t, err);

	if (rc == 0)
		*question = take_inbox(t);
	return rc;
}

void talk_answer(struct talk *t, json_t *answer)
{
	gw_peer_send(t->peer, GW_MESSAGE_BENCHED, answer);
}
