/* SPDX-License-Identifier: BSD-3-Clause */
/* One pass into memory that was never touched, behind the mark of the threads that populate it. */
#include "sender_internal.h"

#include "../../dataplane/base/clock.h"
#include "../message.h"

#include <errno.h>
#include <string.h>

#define DRAIN_NS (60 * GW_NS_PER_S)
#define LOOK_NS (200 * GW_NS_PER_US)

static int plain(struct sender *s, double *bps, struct gw_err *err)
{
	json_t *answer = NULL;
	uint64_t ns = 0;
	int rc = sender_ask(s,
		json_pack("{s:s, s:I}", "op", "plain", "ram_bytes", (json_int_t)s->memory.bytes),
		&answer, err);

	if (rc != 0)
		return rc;
	if (gw_message_u64(answer, "ns", INT64_MAX, &ns) != 0 || ns == 0)
		rc = gw_err(err, -EPROTO, "the other end's answer has no time");
	else
		*bps = (double)s->memory.bytes * 8e9 / (double)ns;
	json_decref(answer);
	return rc;
}

/* Sends what is populated, as the other end says so. */
static int follow_mark(struct sender *s, struct gw_err *err)
{
	uint64_t pages = 0;
	int rc = sender_tell(s, "populate", err);

	while (rc == 0 && pages < s->memory.pages) {
		json_t *answer = NULL;

		rc = sender_ask(s,
			json_pack("{s:s, s:I}", "op", "populated", "pages", (json_int_t)pages),
			&answer, err);
		if (rc != 0)
			return rc;
		if (gw_message_u64(answer, "pages", s->memory.pages, &pages) != 0)
			rc = gw_err(err, -EPROTO, "the other end's answer has no mark");
		json_decref(answer);
		gw_dp_source_limit(s->source, 0, pages == s->memory.pages ? UINT64_MAX : pages);
		sender_tick(s);
	}
	return rc;
}

static bool is_idle(void *ctx)
{
	struct sender *s = ctx;

	bench_events_poll(s->dp, s->events);
	return s->events->opened == s->opened && gw_dp_source_idle(s->source);
}

static int pass(struct sender *s, struct measurement *m, struct gw_err *err)
{
	static struct snapshot peers, peers_after; /* too large for a stack */
	uint64_t start_ns = 0, ns;
	int rc = sender_snapshots(s, &s->before, &peers, err);

	if (rc == 0) {
		start_ns = gw_now_ns();
		rc = follow_mark(s, err);
	}
	if (rc == 0)
		rc = talk_wait(s->talk, DRAIN_NS, LOOK_NS, is_idle, sender_tick, s, err);
	if (rc == -ETIMEDOUT)
		return gw_err(err, rc, "not all pages arrived");
	ns = gw_now_ns() - start_ns;
	if (rc == 0)
		rc = sender_snapshots(s, &s->after, &peers_after, err);
	if (rc != 0)
		return rc;
	snapshot_interval(&s->before, &s->after, &m->sender);
	snapshot_interval(&peers, &peers_after, &m->receiver);
	/* The pass itself; the snapshots were taken outside of it, when nothing moved. */
	m->sender.time_ns = m->receiver.time_ns = ns;
	m->seconds = (double)ns / 1e9;
	return 0;
}

int sender_measure_fresh(struct sender *s, bool plain_first, struct measurement *m,
	double *plain_bps, struct gw_err *err)
{
	int rc = plain_first ? plain(s, plain_bps, err) : 0;

	memset(m, 0, sizeof(*m));
	sender_begin_progress(s);
	s->once = true;
	if (rc == 0)
		rc = sender_peer_memory(s, true, err);
	if (rc == 0)
		rc = sender_open(s, 0, err);
	if (rc == 0)
		rc = pass(s, m, err);
	if (rc == 0)
		rc = sender_close(s, err);
	if (rc == 0)
		rc = sender_tell(s, "end", err);
	s->once = false;
	if (rc == 0 && !plain_first)
		rc = plain(s, plain_bps, err);
	return rc;
}
