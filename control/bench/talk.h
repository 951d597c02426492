/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control connection of a benchmark: hello and paths as between two godwitd, then questions of
 * the sending end and answers of the receiving one ("bench", "benched"). A benchmark is a sequence
 * of steps, so calls here wait, while the loop goes on under them.
 */
#pragma once

#include "../link.h"
#include "../loop.h"
#include "../peer.h"

struct talk;

struct talk_conf {
	struct gw_loop *loop;
	const struct gw_dp_host *host; /* of this end */
	bool *interrupted;             /* ends every wait, until somebody clears it */
	const struct gw_tls *tls;      /* of connections between two machines; NULL: in the clear */
	const uint8_t *secret; /* of a link for which there is no TLS to make one; or NULL */
};

/* A connection to address, or over a connected descriptor (which becomes the talk's); and one that
 * was accepted. */
int talk_connect(
	const struct talk_conf *conf, const char *address, struct talk **out, struct gw_err *err);
int talk_open(const struct talk_conf *conf, int fd, struct talk **out, struct gw_err *err);
int talk_accept(const struct talk_conf *conf, int fd, struct talk **out, struct gw_err *err);
void talk_free(struct talk **t);
/* Both ends in this process, over one data plane: no connection, no hello. The sending end's
 * questions are answered by answer(ctx, question), which the caller sets before it asks. */
int talk_pair(const struct talk_conf *conf, struct talk **sender, struct talk **receiver,
	struct gw_err *err);
void talk_set_answerer(
	struct talk *sender, json_t *(*answer)(void *ctx, const json_t *question), void *ctx);

/* Until done(ctx), looked at every tick_ns and after each message. 0, -ETIMEDOUT, -EINTR (Ctrl-C),
 * -ECONNRESET (the other end is gone; err says why). tick(ctx), where given, runs before each look.
 */
int talk_wait(struct talk *t, uint64_t timeout_ns, uint64_t tick_ns, bool (*done)(void *ctx),
	void (*tick)(void *ctx), void *ctx, struct gw_err *err);

/* Until hello was exchanged: a peer that does not say it in time is no godwit. */
int talk_hello(struct talk *t, uint64_t timeout_ns, struct gw_err *err);

/* The data plane, which may start after the hello: paths cannot be agreed before. */
void talk_set_dp(struct talk *t, struct gw_dp *dp);
/* Sending end: plans paths and waits until every core of the other end is reached. Again: waits for
 * paths that have gone down since. */
int talk_link(struct talk *t, uint64_t timeout_ns, struct gw_err *err);
struct gw_dp_link *talk_dp_link(const struct talk *t); /* NULL before it is there */

/* Sending end: asks (question is stolen) and waits for the answer, which the caller owns. An
 * answer with an "error" is a failure with that text. */
int talk_ask(
	struct talk *t, json_t *question, uint64_t timeout_ns, json_t **answer, struct gw_err *err);
/* Receiving end: the next question (the caller's); and its answer (stolen). */
int talk_next(struct talk *t, json_t **question, struct gw_err *err);
void talk_answer(struct talk *t, json_t *answer);
