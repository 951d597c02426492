/* SPDX-License-Identifier: BSD-3-Clause */
/* The source while the guest runs: tracking starts, epochs follow one another until the rest is
 * small enough. */
#include "session_source.h"

#include "../dataplane/base/clock.h"

static void first_label(struct gw_src *s, struct gw_session_actions *out)
{
	if (s->conf.populate_first && !s->populated && !s->time_up) {
		gw_src_enter(s, S_POPULATING, 0, out);
		return;
	}
	s->phase = GW_PRECOPY;
	gw_src_open(s, S_OPENING_LABEL, out);
}

void gw_src_trace(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case S_STARTING:
		if (ev->type == GW_EV_TIMER) {
			gw_src_fail(
				s, GW_FAILED, out, "the exporter did not start tracking in time");
		} else if (gw_src_done(s, ev, GW_EV_TRACKING, "cannot track writes", out)) {
			s->stream = true;
			gw_src_enter(s, S_CREATING, 0, out);
			gw_session_do(out, GW_DO_STREAM_CREATE, 0);
		}
		break;
	case S_CREATING:
		if (!gw_src_done(s, ev, GW_EV_STREAM, "cannot start the stream", out))
			break;
		gw_src_enter(s, S_WALKING, 0, out);
		gw_session_do(out, GW_DO_WALK, 0);
		break;
	case S_WALKING:
		if (gw_src_done(s, ev, GW_EV_WALKED, "cannot find the guest's data", out))
			first_label(s, out);
		break;
	default:
		if (ev->type == GW_EV_POPULATED || ev->type == GW_EV_TIME_UP)
			first_label(s, out);
		break;
	}
}

static void decide(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	enum gw_convergence_verdict v = gw_convergence_decide(&s->conf.limits, &ev->sample,
		ev->now_ns - s->epoch_start_ns, s->label, s->fitting, s->time_up);

	s->predicted_ns = gw_convergence_blackout_ns(&ev->sample);
	s->sync_once = gw_convergence_sync_once(&ev->sample);
	s->fitting = s->predicted_ns <= s->conf.limits.blackout_ns ? s->fitting + 1 : 0;
	switch (v) {
	case GW_CONVERGENCE_SWITCH:
		gw_src_switch(s, ev, out);
		break;
	case GW_CONVERGENCE_GIVE_UP:
		gw_src_fail(s, GW_FAILED, out,
			"does not converge: predicted blackout %llu ms, limit %llu ms, guest "
			"slowed by %u %%",
			(unsigned long long)(s->predicted_ns / GW_NS_PER_MS),
			(unsigned long long)(s->conf.limits.blackout_ns / GW_NS_PER_MS),
			ev->sample.stun_percent);
		break;
	default:
		if (s->checked_ns == 0)
			s->checked_ns = ev->now_ns;
		s->paced = v == GW_CONVERGENCE_PACED;
		gw_src_open(s, S_OPENING_LABEL, out);
		break;
	}
}

void gw_src_precopy(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	uint64_t lasted_ns = ev->now_ns - s->epoch_start_ns;

	switch (s->state) {
	case S_OPENING_LABEL:
		if (ev->type == GW_EV_TIMER) {
			gw_src_fail(s, GW_FAILED, out, "the data plane did not open an epoch");
		} else if (gw_src_done(s, ev, GW_EV_LABEL_OPENED, "cannot open an epoch", out)) {
			s->epoch_start_ns = ev->now_ns;
			/* An epoch that trickles must not outlast the limit: what it leaves counts
			 * as dirty, and the newest label wins over what is still on its way. */
			if (s->time_up)
				gw_src_sync(s, S_SYNCING, out);
			else
				gw_src_enter(s, S_SENDING, 0, out);
		}
		break;
	case S_SENDING:
		if (ev->type == GW_EV_TIME_UP)
			gw_src_sync(s, S_SYNCING, out);
		if (ev->type != GW_EV_IDLE)
			break;
		if (s->paced && !s->time_up && lasted_ns < s->conf.limits.min_epoch_ns)
			gw_src_enter(s, S_PACING, s->conf.limits.min_epoch_ns - lasted_ns, out);
		else
			gw_src_sync(s, S_SYNCING, out);
		break;
	case S_PACING:
		if (ev->type == GW_EV_TIMER || ev->type == GW_EV_TIME_UP)
			gw_src_sync(s, S_SYNCING, out);
		break;
	case S_SYNCING:
		if (ev->type == GW_EV_TIMER) {
			gw_src_sync_late(s, out);
		} else if (gw_src_done(s, ev, GW_EV_SYNCED, "exporter", out)) {
			gw_src_enter(s, S_DRAINING, s->conf.sync_timeout_ns, out);
			gw_session_do(out, GW_DO_DRAIN, 0);
		}
		break;
	default:
		if (ev->type == GW_EV_TIMER)
			gw_src_sync_late(s, out);
		else if (gw_src_done(s, ev, GW_EV_DRAINED, "cannot drain the rings", out))
			decide(s, ev, out);
		break;
	}
}
