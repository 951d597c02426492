/* SPDX-License-Identifier: BSD-3-Clause */
#include "sender_internal.h"

#include "../../dataplane/base/clock.h"
#include "../message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LONG_NS (600 * GW_NS_PER_S)
#define LOOK_NS GW_NS_PER_MS
#define IDLE_NS (10 * GW_NS_PER_S)
/* Half of the memory is left to send when it is marked anew: it must not run dry at this rate. */
#define FASTEST_BPS 400e9
#define MAX_DROPS 200u

int sender_ask(struct sender *s, json_t *question, json_t **answer, struct gw_err *err)
{
	return talk_ask(s->talk, question, LONG_NS, answer, err);
}

int sender_tell(struct sender *s, const char *op, struct gw_err *err)
{
	json_t *answer = NULL;
	int rc = sender_ask(s, json_pack("{s:s}", "op", op), &answer, err);

	json_decref(answer);
	return rc;
}

/* ---- memory ---- */

static void fill(struct gw_job *job, void *arg)
{
	struct sender *s = arg;

	(void)job;
	bench_memory_fill(&s->memory, s->o->zero_pct, s->o->compressible_pct);
}

static void filled(void *arg)
{
	((struct sender *)arg)->working = false;
}

static bool has_filled(void *ctx)
{
	return !((struct sender *)ctx)->working;
}

static int make_memory(struct sender *s, struct gw_err *err)
{
	uint64_t bytes = (uint64_t)s->o->ram_mib << 20;
	int rc = bench_memory_create(bytes, &s->memory, err);

	if (rc != 0)
		return rc;
	s->working = true;
	if (gw_job_start(s->loop, fill, filled, s) == NULL)
		return gw_err(err, -EAGAIN, "no helper thread: %s", strerror(errno));
	return talk_wait(s->talk, LONG_NS, LOOK_NS, has_filled, NULL, s, err);
}

int sender_peer_memory(struct sender *s, bool fresh, struct gw_err *err)
{
	json_t *answer = NULL;
	int rc = sender_ask(s,
		json_pack("{s:s, s:I, s:b}", "op", "memory", "ram_bytes",
			(json_int_t)s->memory.bytes, "fresh", (int)fresh),
		&answer, err);

	json_decref(answer);
	return rc;
}

static int ask_about(struct sender *s, struct gw_err *err)
{
	json_t *answer = NULL;
	int rc = sender_ask(s, json_pack("{s:s}", "op", "about"), &answer, err);

	if (rc == 0 && findings_read(json_object_get(answer, "findings"), &s->peer_findings) != 0)
		rc = gw_err(err, -EPROTO, "what the other end says of itself is not valid");
	json_decref(answer);
	return rc;
}

int sender_create(const struct bench_options *o, struct gw_loop *loop, struct gw_dp *dp,
	struct talk *t, struct bench_events *events, bool *interrupted, struct sender **out,
	struct gw_err *err)
{
	struct sender *s = calloc(1, sizeof(*s));
	double half_ns = (double)((uint64_t)o->ram_mib << 20) * 8 / 2 / FASTEST_BPS * 1e9;
	int rc;

	*out = s;
	if (s == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	s->o = o;
	s->loop = loop;
	s->dp = dp;
	s->talk = t;
	s->events = events;
	s->interrupted = interrupted;
	s->memory.fd = -1;
	s->tick_ns = half_ns > 1e7 ? 10000000 : (uint64_t)half_ns;
	s->ring = aligned_alloc(64, sizeof(*s->ring) + 64);
	if (s->ring == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	memset(s->ring, 0, sizeof(*s->ring) + 64);
	gw_dp_active(dp, true);
	rc = make_memory(s, err);
	if (rc == 0 && !o->fresh)
		rc = sender_peer_memory(s, false, err);
	return rc != 0 ? rc : ask_about(s, err);
}

/* ---- the stream ---- */

static bool is_closed(void *ctx)
{
	struct sender *s = ctx;

	bench_events_poll(s->dp, s->events);
	return s->events->closed != s->closed;
}

void sender_feed(struct sender *s)
{
	struct gw_dp_source_stats stats;

	bench_events_poll(s->dp, s->events);
	s->spent = s->label == GW_DP_LABEL_MAX;
	if (s->events->opened < s->opened || s->spent)
		return;
	gw_dp_source_stats(s->source, &stats);
	if (stats.open_pages > s->memory.pages / 2)
		return;
	gw_dp_source_mark_all(s->source);
	s->opened++;
	gw_dp_source_open(s->source, ++s->label);
}

int sender_open(struct sender *s, uint64_t limit, struct gw_err *err)
{
	struct gw_ring_reader reader = {s->ring, 0, 0};
	struct gw_dp_source_conf conf = {.link = talk_dp_link(s->talk),
		.ram = s->memory.ram,
		.ring = &reader,
		.n_rings = 1,
		.state_limit_mib = 1,
		.weight = 1,
		.ctx = s};
	json_t *answer = NULL;
	uint64_t stream = 0;
	int rc = sender_ask(s, json_pack("{s:s}", "op", "stream"), &answer, err);

	if (rc != 0)
		return rc;
	if (gw_message_u64(answer, "stream", UINT16_MAX, &stream) != 0)
		rc = gw_err(err, -EPROTO, "the other end's answer has no stream");
	json_decref(answer);
	if (rc != 0)
		return rc;
	conf.stream = (uint16_t)stream;
	rc = gw_dp_source_create(s->dp, &conf, &s->source, err);
	if (rc != 0)
		return rc;
	gw_dp_source_mark_data(s->source, 0, 0, s->memory.pages);
	gw_dp_source_limit(s->source, 0, limit);
	s->label = 0;
	s->opened = s->events->opened;
	sender_feed(s);
	return 0;
}

/* Also when the other end is gone: no worker may read memory that goes. */
int sender_close(struct sender *s, struct gw_err *err)
{
	uint64_t until_ns = gw_now_ns() + IDLE_NS;

	if (s->source == NULL)
		return 0;
	s->closed = s->events->closed;
	gw_dp_source_close(s->source);
	while (!is_closed(s))
		if (gw_now_ns() > until_ns)
			return gw_err(err, -ETIMEDOUT, "a worker does not let go of the stream");
	gw_dp_source_free(&s->source);
	return 0;
}

int sender_close_bound(struct sender *s, struct gw_err *err)
{
	uint64_t until_ns = gw_now_ns() + IDLE_NS;

	if (s->bound == NULL)
		return 0;
	gw_dp_bound_stop(s->bound);
	while (!gw_dp_bound_stopped(s->bound))
		if (gw_now_ns() > until_ns)
			return gw_err(err, -ETIMEDOUT, "a worker does not stop");
	gw_dp_bound_free(&s->bound);
	return 0;
}

static void add_drop(void *ctx, const char *name, uint64_t count)
{
	json_object_set_new(ctx, name, json_integer((json_int_t)count));
}

json_t *sender_drops(struct sender *s)
{
	json_t *own = json_object(), *answer = NULL, *peers;
	struct gw_err err;

	gw_dp_drops(s->dp, add_drop, own);
	/* Where the other end is gone, there are none to tell of. */
	if (sender_ask(s, json_pack("{s:s}", "op", "drops"), &answer, &err) != 0)
		return json_pack("{s:o, s:{}}", "source", own, "destination");
	peers = json_object_get(answer, "drops");
	peers = json_is_object(peers) && json_object_size(peers) <= MAX_DROPS ? json_incref(peers)
									      : json_object();
	json_decref(answer);
	return json_pack("{s:o, s:o}", "source", own, "destination", peers);
}

void sender_free(struct sender **sender)
{
	struct sender *s = *sender;
	struct gw_err err;

	if (s == NULL)
		return;
	*sender = NULL;
	if (s->ring != NULL)
		gw_dp_active(s->dp, false);
	/* Memory that a worker or a helper thread may still use is left to the process' end. */
	if (sender_close(s, &err) != 0 || sender_close_bound(s, &err) != 0 || s->working)
		return;
	bench_memory_free(&s->memory);
	free(s->ring);
	free(s);
}

const struct findings *sender_peer_findings(const struct sender *s)
{
	return &s->peer_findings;
}
