/* SPDX-License-Identifier: BSD-3-Clause */
#include "receiver.h"

#include "../../dataplane/base/clock.h"
#include "../message.h"
#include "memory.h"
#include "snapshot.h"

#include <errno.h>
#include <string.h>

#define FENCE_NS (10 * GW_NS_PER_S)
#define LONG_NS (600 * GW_NS_PER_S)
#define LOOK_NS GW_NS_PER_MS
#define MAX_RAM_BYTES (UINT64_C(1) << 44)

struct receiver {
	const struct bench_options *options;
	struct gw_loop *loop;
	struct gw_dp *dp;
	struct talk *talk;
	struct bench_memory memory;
	struct gw_dp_sink *sink;
	struct gw_dp_bound *bound;
	uint64_t moved_bytes; /* by streams that have ended */
	bool fenced, working;
	int result; /* of the helper thread */
	int64_t plain_ns;
	uint64_t plain_bytes;
};

static void poll_events(void *ctx)
{
	struct receiver *r = ctx;
	struct gw_dp_event ev;

	while (gw_dp_poll_event(r->dp, &ev) != 0)
		r->fenced |= ev.type == GW_DP_FENCED;
}

static bool is_stopped(void *ctx)
{
	return gw_dp_bound_stopped(((struct receiver *)ctx)->bound);
}

static bool has_worked(void *ctx)
{
	return !((struct receiver *)ctx)->working;
}

static void worked(void *arg)
{
	((struct receiver *)arg)->working = false;
}

/* A helper thread's work, while the connection lives on. */
static int work(struct receiver *r, void (*fn)(struct gw_job *job, void *arg), struct gw_err *err)
{
	r->working = true;
	if (gw_job_start(r->loop, fn, worked, r) == NULL) {
		r->working = false;
		return gw_err(err, -EAGAIN, "no helper thread: %s", strerror(errno));
	}
	return talk_wait(r->talk, LONG_NS, LOOK_NS, has_worked, poll_events, r, err);
}

static void populate(struct gw_job *job, void *arg)
{
	struct receiver *r = arg;

	(void)job;
	r->result = bench_memory_populate(&r->memory);
}

static void plain(struct gw_job *job, void *arg)
{
	struct receiver *r = arg;

	(void)job;
	r->plain_ns = bench_memory_plain_ns(r->plain_bytes);
}

static int end_stream(struct receiver *r, struct gw_err *err)
{
	struct gw_dp_sink_stats stats;
	int rc = 0;

	if (r->sink == NULL)
		return 0;
	r->fenced = false;
	gw_dp_sink_fence(r->sink);
	/* Also when the other end is gone: nothing may be stored once the memory goes. */
	for (uint64_t until_ns = gw_now_ns() + FENCE_NS; !r->fenced && gw_now_ns() < until_ns;)
		poll_events(r);
	if (!r->fenced)
		rc = gw_err(err, -ETIMEDOUT, "a worker does not let go of the stream");
	gw_dp_sink_stats(r->sink, &stats);
	r->moved_bytes += stats.bytes;
	if (r->fenced)
		gw_dp_sink_free(&r->sink);
	return rc;
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

static int take_ram_bytes(const json_t *q, uint64_t *bytes, struct gw_err *err)
{
	if (gw_message_u64(q, "ram_bytes", MAX_RAM_BYTES, bytes) != 0 || *bytes < 1u << 20 ||
		*bytes % (1u << 20) != 0)
		return gw_err(err, -EPROTO, "ram_bytes is not a number of MiB");
	return 0;
}

/* Memory of the size asked for; what is there is kept, so that it is populated once. */
static int op_memory(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	uint64_t bytes;
	int rc = take_ram_bytes(q, &bytes, err);

	(void)answer;
	if (rc != 0 || (r->memory.ram != NULL && r->memory.bytes == bytes))
		return rc;
	if (r->sink != NULL || r->bound != NULL)
		return gw_err(err, -EBUSY, "a stream is open");
	bench_memory_free(&r->memory);
	rc = bench_memory_create(bytes, &r->memory, err);
	if (rc == 0)
		rc = work(r, populate, err);
	if (rc == 0 && r->result != 0)
		rc = gw_err(err, r->result, "%llu MiB of memory cannot be had: %s",
			(unsigned long long)(bytes >> 20), strerror(-r->result));
	return rc;
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

static int op_end(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	int rc = end_stream(r, err);

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
	(void)q;
	(void)err;
	json_object_set_new(answer, "tsc_hz", json_real(gw_dp_tsc_hz(r->dp)));
	return 0;
}

static int op_plain(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	int rc = take_ram_bytes(q, &r->plain_bytes, err);

	if (rc == 0)
		rc = work(r, plain, err);
	if (rc != 0)
		return rc;
	if (r->plain_ns < 0)
		return gw_err(err, (int)r->plain_ns, "fresh memory cannot be had: %s",
			strerror((int)-r->plain_ns));
	json_object_set_new(answer, "ns", json_integer(r->plain_ns));
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err);
} ops[] = {
	{"about", op_about},
	{"memory", op_memory},
	{"stream", op_stream},
	{"bound", op_bound},
	{"end", op_end},
	{"snapshot", op_snapshot},
	{"plain", op_plain},
};

static void answer(struct receiver *r, const json_t *q)
{
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
	talk_answer(r->talk, a);
}

int receiver_serve(const struct bench_options *o, struct gw_loop *loop, struct gw_dp *dp,
	struct talk *t, struct gw_err *err)
{
	struct receiver r = {.options = o, .loop = loop, .dp = dp, .talk = t, .memory = {.fd = -1}};
	json_t *q = NULL;
	int rc;

	gw_dp_active(dp, true);
	while ((rc = talk_next(t, &q, err)) == 0) {
		answer(&r, q);
		json_decref(q);
	}
	end_stream(&r, err);
	end_bound(&r, err);
	bench_memory_free(&r.memory);
	gw_dp_active(dp, false);
	return rc == -ECONNRESET ? 0 : rc;
}
