/* SPDX-License-Identifier: BSD-3-Clause */
/* One measurement: warm-up, interval, both ends' counters around it. */
#include "sender_internal.h"

#include "../../dataplane/base/clock.h"

#include <errno.h>
#include <string.h>

#define LINK_NS (10 * GW_NS_PER_S)
#define FOR_EVER_NS (UINT64_MAX / 4)
#define PROGRESS_NS (100 * GW_NS_PER_MS)
#define QUIET_NS GW_NS_PER_S
#define QUIET_LOOK_NS (5 * GW_NS_PER_MS)
#define QUIET_LOOKS 4u
#define CUT_NS (100 * GW_NS_PER_MS) /* less than this is no measurement */

void sender_progress(
	struct sender *s, void (*fn)(void *ctx, double seconds, const double *port_bps), void *ctx)
{
	s->progress = fn;
	s->progress_ctx = ctx;
}

/* What each port carried since the last call. */
static void port_rates(struct sender *s, uint64_t past_ns, double bps[GW_DP_MAX_PORTS])
{
	for (uint32_t i = 0; i < gw_dp_port_count(s->dp); i++) {
		struct gw_dp_port_info info;

		gw_dp_port_info(s->dp, i, &info);
		bps[i] = (double)(info.payload_bytes - s->port_bytes[i]) * 8e9 / (double)past_ns;
		s->port_bytes[i] = info.payload_bytes;
	}
}

void sender_begin_progress(struct sender *s)
{
	double bps[GW_DP_MAX_PORTS];

	s->begun_ns = gw_now_ns();
	s->next_progress_ns = s->begun_ns + PROGRESS_NS;
	port_rates(s, PROGRESS_NS, bps);
}

static void say_progress(struct sender *s, uint64_t now_ns)
{
	double bps[GW_DP_MAX_PORTS];

	port_rates(s, PROGRESS_NS + now_ns - s->next_progress_ns, bps);
	s->next_progress_ns = now_ns + PROGRESS_NS;
	if (s->progress != NULL)
		s->progress(s->progress_ctx, (double)(now_ns - s->begun_ns) / 1e9, bps);
}

void sender_tick(void *ctx)
{
	struct sender *s = ctx;
	uint64_t now_ns = gw_now_ns();

	if (s->source != NULL && !s->once)
		sender_feed(s);
	if (now_ns >= s->next_progress_ns)
		say_progress(s, now_ns);
}

static bool is_over(void *ctx)
{
	const struct sender *s = ctx;

	return s->spent || gw_now_ns() >= s->until_ns;
}

static int run_for(struct sender *s, double seconds, struct gw_err *err)
{
	int rc;

	s->until_ns = gw_now_ns() + (uint64_t)(seconds * 1e9);
	rc = talk_wait(s->talk, FOR_EVER_NS, s->tick_ns, is_over, sender_tick, s, err);
	if (rc == 0 && s->spent)
		return gw_err(err, -ERANGE,
			"a stream ends after %u passes over its memory: --ram larger, or --time "
			"shorter",
			GW_DP_LABEL_MAX);
	return rc;
}

int sender_snapshots(
	struct sender *s, struct snapshot *own, struct snapshot *peers, struct gw_err *err)
{
	json_t *answer = NULL;
	uint64_t packets;
	int rc;

	snapshot_take(s->dp, own);
	if (s->bound != NULL)
		gw_dp_bound_stats(s->bound, &own->moved_bytes, &packets);
	rc = sender_ask(s, json_pack("{s:s}", "op", "snapshot"), &answer, err);
	if (rc != 0)
		return rc;
	rc = snapshot_read(json_object_get(answer, "snapshot"), peers);
	json_decref(answer);
	return rc == 0 ? 0 : gw_err(err, rc, "the other end's counters are not valid");
}

static int begin(struct sender *s, bool bound, struct gw_err *err)
{
	int rc = talk_link(s->talk, LINK_NS, err);

	if (rc != 0)
		return rc;
	if (!bound)
		return sender_open(s, UINT64_MAX, err);
	rc = sender_tell(s, "bound", err);
	if (rc != 0)
		return rc;
	return gw_dp_bound_start(s->dp, talk_dp_link(s->talk), s->memory.ram, true, &s->bound, err);
}

static bool is_quiet(void *ctx)
{
	struct sender *s = ctx;
	struct gw_dp_link_status st;

	gw_dp_link_status(talk_dp_link(s->talk), &st);
	s->quiet = st.acked_bytes == s->acked_bytes ? s->quiet + 1 : 0;
	s->acked_bytes = st.acked_bytes;
	return s->quiet == QUIET_LOOKS;
}

/* What is under way is acknowledged before the other end drops the stream: a path with packets
 * outstanding counts as dead when nobody answers, which is what happens while a bound is measured.
 */
static int settle(struct sender *s, struct gw_err *err)
{
	int rc;

	s->quiet = 0;
	rc = talk_wait(s->talk, QUIET_NS, QUIET_LOOK_NS, is_quiet, NULL, s, err);
	return rc == -ETIMEDOUT ? 0 : rc;
}

static int end(struct sender *s, struct gw_err *err)
{
	int rc = sender_close(s, err);

	if (rc == 0 && s->bound == NULL)
		rc = settle(s, err);
	if (rc == 0)
		rc = sender_close_bound(s, err);
	return rc != 0 ? rc : sender_tell(s, "end", err);
}

int sender_measure(struct sender *s, bool bound, struct measurement *m, struct gw_err *err)
{
	static struct snapshot peers, peers_after; /* too large for a stack */
	int rc = begin(s, bound, err);

	memset(m, 0, sizeof(*m));
	m->bound = bound;
	s->before.time_ns = 0;
	sender_begin_progress(s);
	if (rc == 0)
		rc = run_for(s, s->o->warmup_s, err);
	if (rc == 0)
		rc = sender_snapshots(s, &s->before, &peers, err);
	if (rc == 0)
		rc = run_for(s, s->o->time_s, err);
	if (rc == -EINTR && s->before.time_ns != 0 && gw_now_ns() - s->before.time_ns > CUT_NS) {
		/* What there is counts; another Ctrl-C ends this too. */
		m->cut = true;
		*s->interrupted = false;
		rc = 0;
	}
	if (rc == 0)
		rc = sender_snapshots(s, &s->after, &peers_after, err);
	if (rc == 0) {
		snapshot_interval(&s->before, &s->after, &m->sender);
		snapshot_interval(&peers, &peers_after, &m->receiver);
		m->seconds = (double)m->sender.time_ns / 1e9;
	}
	if (rc == 0)
		rc = end(s, err);
	return rc;
}
