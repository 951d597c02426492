/* SPDX-License-Identifier: BSD-3-Clause */
#include "receiver.h"

#include "../../dataplane/base/clock.h"
#include "../message.h"
#include "../populate.h"
#include "facts.h"
#include "memory.h"
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FENCE_NS (10 * GW_NS_PER_S)
#define LONG_NS (600 * GW_NS_PER_S)
#define LOOK_NS GW_NS_PER_MS
#define DRY_NS (200 * GW_NS_PER_MS)
#define DRY_LOOK_NS (10 * GW_NS_PER_MS)
#define MARK_NS (200 * GW_NS_PER_US)
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
	struct bench_events *events;
	uint32_t working; /* helper threads */
	int result;       /* of the last one */
	int64_t plain_ns;
	uint64_t plain_bytes;
	/* memory that is populated while pages arrive */
	struct gw_extents *extents;
	struct gw_populate *populate;
	uint64_t known_pages;
	uint64_t bound_packets; /* at the last look */
};

static void poll_events(void *ctx)
{
	struct receiver *r = ctx;

	bench_events_poll(r->dp, r->events);
}

static bool is_stopped(void *ctx)
{
	return gw_dp_bound_stopped(((struct receiver *)ctx)->bound);
}

static bool has_worked(void *ctx)
{
	return ((struct receiver *)ctx)->working == 0;
}

static void worked(void *arg)
{
	((struct receiver *)arg)->working--;
}

/* Only when no helper thread works on it. */
static void free_memory(struct receiver *r)
{
	gw_populate_free(&r->populate);
	gw_extents_free(&r->extents);
	bench_memory_free(&r->memory);
}

static bool has_moved(void *ctx)
{
	struct receiver *r = ctx;

	return gw_populate_error(r->populate) != 0 ||
	       gw_populate_mark(r->populate, 0) > r->known_pages;
}

/* A helper thread's work, while the connection lives on. */
static int work(struct receiver *r, void (*fn)(struct gw_job *job, void *arg), struct gw_err *err)
{
	if (gw_job_start(r->loop, fn, worked, r) == NULL)
		return gw_err(err, -EAGAIN, "no helper thread: %s", strerror(errno));
	r->working++;
	return talk_wait(r->talk, LONG_NS, LOOK_NS, has_worked, poll_events, r, err);
}

static void populate_all(struct gw_job *job, void *arg)
{
	struct receiver *r = arg;

	(void)job;
	r->result = bench_memory_populate(&r->memory);
}

static void populate_ahead(struct gw_job *job, void *arg)
{
	gw_populate_work(job, ((struct receiver *)arg)->populate);
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
	uint64_t until_ns = gw_now_ns() + FENCE_NS, fenced;

	if (r->sink == NULL)
		return 0;
	fenced = r->events->fenced;
	gw_dp_sink_fence(r->sink);
	/* Also when the other end is gone: nothing may be stored once the memory goes. */
	for (; r->events->fenced == fenced; poll_events(r))
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

static int take_ram_bytes(const json_t *q, uint64_t *bytes, struct gw_err *err)
{
	if (gw_message_u64(q, "ram_bytes", MAX_RAM_BYTES, bytes) != 0 || *bytes < 1u << 20 ||
		*bytes % (1u << 20) != 0)
		return gw_err(err, -EPROTO, "ram_bytes is not a number of MiB");
	return 0;
}

/* Memory of the size asked for, populated unless it is to be fresh. */
static int op_memory(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	bool fresh = gw_message_bool(q, "fresh");
	uint64_t bytes;
	int rc = take_ram_bytes(q, &bytes, err);

	(void)answer;
	if (rc != 0)
		return rc;
	if (r->sink != NULL || r->bound != NULL || r->working != 0)
		return gw_err(err, -EBUSY, "a stream is open");
	free_memory(r);
	rc = bench_memory_create(bytes, &r->memory, err);
	if (rc == 0 && !fresh)
		rc = work(r, populate_all, err);
	if (rc == 0 && r->result != 0)
		rc = gw_err(err, r->result, "%llu MiB of memory cannot be had: %s",
			(unsigned long long)(bytes >> 20), strerror(-r->result));
	return rc;
}

/* Helper threads populate it from its begin while pages arrive behind them. */
static int op_populate(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	int rc;

	(void)q;
	(void)answer;
	if (r->memory.ram == NULL || r->populate != NULL)
		return gw_err(err, -EPROTO, "no memory, or it was populated");
	rc = gw_extents_create(r->memory.ram, &r->extents);
	if (rc != 0)
		return gw_err(err, rc, "out of memory");
	gw_extents_add(r->extents, 0, 0, r->memory.pages);
	rc = gw_populate_create(r->memory.ram, r->extents, &r->populate);
	if (rc != 0)
		return gw_err(err, rc, "out of memory");
	for (uint32_t i = 0; i < r->options->populate_threads; i++) {
		if (gw_job_start(r->loop, populate_ahead, worked, r) == NULL && i == 0)
			return gw_err(err, -EAGAIN, "no helper thread: %s", strerror(errno));
		r->working++;
	}
	return 0;
}

/* Answered when the mark has moved beyond the one that the other end knows. */
static int op_populated(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	uint64_t known = 0;
	int rc;

	if (r->populate == NULL || gw_message_u64(q, "pages", UINT64_MAX / 2, &known) != 0)
		return gw_err(err, -EPROTO, "nothing is being populated");
	r->known_pages = known;
	rc = talk_wait(r->talk, LONG_NS, MARK_NS, has_moved, NULL, r, err);
	if (rc == 0 && gw_populate_error(r->populate) != 0)
		rc = gw_err(err, gw_populate_error(r->populate), "memory cannot be had: %s",
			strerror(-gw_populate_error(r->populate)));
	if (rc == 0)
		json_object_set_new(answer, "pages",
			json_integer((json_int_t)gw_populate_mark(r->populate, 0)));
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
	if (rc == 0 && r->working != 0)
		rc = talk_wait(r->talk, LONG_NS, LOOK_NS, has_worked, NULL, r, err);
	/* Given back, so that the next fresh memory, and the plain loop's, begin alike. */
	if (rc == 0 && r->populate != NULL)
		free_memory(r);

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
	{"populate", op_populate},
	{"populated", op_populated},
	{"stream", op_stream},
	{"bound", op_bound},
	{"end", op_end},
	{"snapshot", op_snapshot},
	{"drops", op_drops},
	{"plain", op_plain},
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
	free_memory(r);
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
