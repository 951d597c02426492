/* SPDX-License-Identifier: BSD-3-Clause */
#include "receiver_internal.h"

#include "../../dataplane/base/clock.h"
#include "../message.h"
#include "facts.h"
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FENCE_NS (10 * GW_NS_PER_S)
#define DRY_NS (200 * GW_NS_PER_MS)
#define DRY_LOOK_NS (10 * GW_NS_PER_MS)

void receiver_poll(void *ctx)
{
	struct receiver *r = ctx;

	bench_events_poll(r->dp, r->events);
}

static bool is_stopped(void *ctx)
{
	return gw_dp_bound_stopped(((struct receiver *)ctx)->bound);
}

static int end_stream(struct receiver *r, struct gw_err *err)
{
	struct gw_dp_sink_stats stats;
	uint64_t until_ns = gw_now_ns() + FENCE_NS, fenced;

	if (r->sink == NULL)
		return 0;
	fenced = r->events->fenced;
	gw_dp_sink_fence(r->sink);
	/* Also when the other end is gone: nothing may be stored once the memory goes. */
	for (; r->events->fenced == fenced; receiver_poll(r))
		if (gw_now_ns() > until_ns)
			return gw_err(err, -ETIMEDOUT, "a worker does not let go of the stream");
	gw_dp_sink_stats(r->sink, &stats);
	r->moved_bytes += stats.bytes;
	gw_dp_sink_free(&r->sink);
	return 0;
}

static int end_bound(struct receiver *r, struct gw_err *err)
{
	uint64_t bytes, packets;
	uint64_t until_ns = gw_now_ns() + FENCE_NS;

	if (r->bound == NULL)
		return 0;
	gw_dp_bound_stop(r->bound);
	while (!is_stopped(r))
		if (gw_now_ns() > until_ns)
			return gw_err(err, -ETIMEDOUT, "a worker does not stop");
	gw_dp_bound_stats(r->bound, &bytes, &packets);
	r->moved_bytes += bytes;
	gw_dp_bound_free(&r->bound);
	return 0;
}

static int op_stream(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	struct gw_dp_sink_conf conf = {.link = talk_dp_link(r->talk),
		.ram = r->memory.ram,
		.state_limit_mib = 1,
		.ctx = r};
	int rc;

	(void)q;
	if (conf.link == NULL || conf.ram == NULL || r->sink != NULL || r->bound != NULL)
		return gw_err(err, -EPROTO, "no paths, no memory, or a stream is open");
	rc = gw_dp_sink_create(r->dp, &conf, &r->sink, err);
	if (rc == 0)
		json_object_set_new(answer, "stream", json_integer(gw_dp_sink_stream(r->sink)));
	return rc;
}

static int op_bound(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	(void)q;
	(void)answer;
	if (r->memory.ram == NULL || r->sink != NULL || r->bound != NULL)
		return gw_err(err, -EPROTO, "no memory, or a stream is open");
	return gw_dp_bound_start(r->dp, NULL, r->memory.ram, false, &r->bound, err);
}

/* Whether the ports have run dry since the last look. */
static bool is_dry(void *ctx)
{
	struct receiver *r = ctx;
	uint64_t bytes, packets, last = r->bound_packets;

	gw_dp_bound_stats(r->bound, &bytes, &packets);
	r->bound_packets = packets;
	return packets == last;
}

static int op_end(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	int rc = end_stream(r, err);

	/* What the bound still has on its way means nothing to the protocol. */
	if (r->bound != NULL)
		talk_wait(r->talk, DRY_NS, DRY_LOOK_NS, is_dry, NULL, r, err);
	if (rc == 0)
		rc = receiver_wait_work(r, err);
	/* Given back, so that the next fresh memory, and the plain loop's, begin alike. */
	if (rc == 0 && r->populate != NULL)
		receiver_free_memory(r);

	(void)q;
	(void)answer;
	return rc != 0 ? rc : end_bound(r, err);
}

static int op_snapshot(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	static struct snapshot s; /* too large for a stack */
	struct gw_dp_sink_stats stats;
	uint64_t packets;

	(void)q;
	(void)err;
	snapshot_take(r->dp, &s);
	s.moved_bytes = r->moved_bytes;
	if (r->sink != NULL) {
		gw_dp_sink_stats(r->sink, &stats);
		s.moved_bytes += stats.bytes;
	} else if (r->bound != NULL) {
		uint64_t bytes;

		gw_dp_bound_stats(r->bound, &bytes, &packets);
		s.moved_bytes += bytes;
	}
	json_object_set_new(answer, "snapshot", snapshot_json(&s));
	return 0;
}

static int op_about(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	static struct facts facts;
	static struct findings findings; /* too large for a stack */

	(void)q;
	(void)err;
	facts_gather(r->options, r->dp, NULL, NULL, 0, &facts);
	/* What this end does not do. */
	facts.zero_copy_wanted = false;
	findings_of(&facts, &findings);
	json_object_set_new(answer, "findings", findings_json(&findings, "destination"));
	return 0;
}

static void add_drop(void *ctx, const char *name, uint64_t count)
{
	json_object_set_new(ctx, name, json_integer((json_int_t)count));
}

static int op_drops(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	json_t *drops = json_object();

	(void)q;
	(void)err;
	gw_dp_drops(r->dp, add_drop, drops);
	json_object_set_new(answer, "drops", drops);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err);
} ops[] = {
	{"about", op_about},
	{"memory", receiver_op_memory},
	{"populate", receiver_op_populate},
	{"populated", receiver_op_populated},
	{"stream", op_stream},
	{"bound", op_bound},
	{"end", op_end},
	{"snapshot", op_snapshot},
	{"drops", op_drops},
	{"plain", receiver_op_plain},
};

json_t *receiver_answer(void *ctx, const json_t *q)
{
	struct receiver *r = ctx;
	json_t *a = json_object();
	struct gw_err err = {.text = ""};
	char op[32] = "";
	int rc = -ENOSYS;

	gw_message_text(q, "op", op, sizeof(op));
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(ops[i].name, op) == 0)
			rc = ops[i].run(r, q, a, &err);
	if (rc == -ENOSYS)
		gw_err(&err, rc, "this version does not know '%s'", op);
	if (rc != 0)
		json_object_set_new(a, "error", gw_message_string(err.text));
	return a;
}

int receiver_create(const struct bench_options *o, struct gw_loop *loop, struct gw_dp *dp,
	struct talk *t, struct bench_events *events, struct receiver **out, struct gw_err *err)
{
	struct receiver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	r->options = o;
	r->loop = loop;
	r->dp = dp;
	r->talk = t;
	r->events = events;
	r->memory.fd = -1;
	gw_dp_active(dp, true);
	*out = r;
	return 0;
}

void receiver_free(struct receiver **receiver)
{
	struct receiver *r = *receiver;
	struct gw_err err;

	if (r == NULL)
		return;
	*receiver = NULL;
	gw_dp_active(r->dp, false);
	/* Memory that a worker or a helper thread may still write is left to the process' end. */
	if (end_stream(r, &err) != 0 || end_bound(r, &err) != 0 || r->working != 0)
		return;
	receiver_free_memory(r);
	free(r);
}

int receiver_serve(struct receiver *r, struct gw_err *err)
{
	json_t *q = NULL;
	int rc;

	while ((rc = talk_next(r->talk, &q, err)) == 0) {
		talk_answer(r->talk, receiver_answer(r, q));
		json_decref(q);
	}
	return rc == -ECONNRESET ? 0 : rc;
}
