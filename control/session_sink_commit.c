/* SPDX-License-Identifier: BSD-3-Clause */
/* The destination from READY on: what it promised, and when the guest counts as having run. */
#include "session_sink.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdio.h>

#define REPEAT_NS GW_NS_PER_S
#define ALONE_NS (30 * GW_NS_PER_S)
#define RESUME_AGAIN_NS (200 * GW_NS_PER_MS)

static void start(struct gw_dst *s, struct gw_session_actions *out)
{
	gw_dst_enter(s, K_RECORDING_START, 0, out);
	gw_session_do(out, GW_DO_RECORD, GW_STEP_STARTING);
}

/* The guest is loaded and paused; only GO starts it. A source that does not come back finds it
 * refused. */
void gw_dst_ready_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (ev->type) {
	case GW_EV_GO:
		start(s, out);
		break;
	case GW_EV_PEER_GONE:
		gw_dst_enter(s, K_ALONE, ALONE_NS, out);
		break;
	case GW_EV_ASK:
	case GW_EV_PEER_BACK:
		gw_dst_ready(s, out);
		break;
	case GW_EV_TIMER:
		if (s->state == K_READY)
			gw_dst_ready(s, out);
		else
			gw_dst_refuse(s, out, "the source did not come back");
		break;
	case GW_EV_FAULT:
		gw_dst_refuse(s, out, ev->text);
		break;
	case GW_EV_HV_GONE:
		gw_dst_refuse(s, out, "the hypervisor is gone");
		break;
	case GW_EV_USER_ABORT:
		gw_dst_refuse(s, out, ev->text[0] != '\0' ? ev->text : "aborted by the user");
		break;
	case GW_EV_PEER_ABORTS:
		gw_dst_fail(s, GW_ABORTED, out, "the source aborted: %.200s", ev->text);
		break;
	default:
		break;
	}
}

static void crashed(struct gw_dst *s, struct gw_session_actions *out)
{
	s->result = GW_FAILED;
	snprintf(s->error, sizeof(s->error), "the hypervisor ended while the guest was starting");
	gw_session_do(out, GW_DO_RECORD, GW_STEP_CRASHED);
	gw_session_do(out, GW_DO_SEND_CRASHED, 0);
	gw_dst_over(s, out);
}

static void started(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	if (ev->result == 0) {
		gw_dst_enter(s, K_RECORDING_RUN, 0, out);
		gw_session_do(out, GW_DO_RECORD, GW_STEP_RUNNING);
	} else if (ev->result == -ETIMEDOUT || ev->result == -EINPROGRESS) {
		/* It may have run: never a refusal. Resuming again is idempotent. */
		s->timed_out = true;
		gw_dst_enter(s, K_STARTING_AGAIN, RESUME_AGAIN_NS, out);
	} else if (ev->result == -EPIPE || ev->result == -ECONNRESET || ev->result == -ENOTCONN) {
		crashed(s, out);
	} else if (s->timed_out) {
		/* An earlier attempt is unaccounted for; only the hypervisor's own word can end
		 * this. */
		gw_dst_enter(s, K_STARTING_AGAIN, GW_NS_PER_S, out);
	} else {
		gw_dst_refuse(s, out, ev->text);
	}
}

bool gw_dst_is_alone(const struct gw_dst *s)
{
	return s->peer_gone && !s->unrecorded;
}

static void over_alone(struct gw_dst *s, struct gw_session_actions *out)
{
	if (gw_dst_is_alone(s))
		gw_dst_over(s, out);
}

void gw_dst_recorded(struct gw_dst *s, const struct gw_session_event *ev)
{
	s->unrecorded = ev->result != 0;
}

void gw_dst_start_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	if (ev->type == GW_EV_ASK && s->state < K_RUNNING) {
		gw_session_do(out, GW_DO_SEND_STARTING, 0);
		return;
	}
	switch (s->state) {
	case K_RECORDING_START:
		if (ev->type != GW_EV_RECORDED)
			break;
		if (ev->result != 0) {
			gw_dst_refuse(s, out, ev->text);
		} else if (s->hv_gone) {
			/* No cont was sent: it never ran. */
			gw_dst_refuse(s, out, "the hypervisor is gone");
		} else if (s->was_paused) {
			gw_dst_enter(s, K_RECORDING_RUN, 0, out);
			gw_session_do(out, GW_DO_RECORD, GW_STEP_RUNNING);
		} else {
			gw_dst_enter(s, K_STARTING, 0, out);
			gw_session_do(out, GW_DO_RESUME, 0);
		}
		break;
	case K_STARTING:
	case K_STARTING_AGAIN:
		if (s->hv_gone) {
			crashed(s, out);
		} else if (s->state == K_STARTING && ev->type == GW_EV_RESUMED) {
			started(s, ev, out);
		} else if (s->state == K_STARTING_AGAIN && ev->type == GW_EV_TIMER) {
			gw_dst_enter(s, K_STARTING, 0, out);
			gw_session_do(out, GW_DO_RESUME, 0);
		}
		break;
	case K_RECORDING_RUN:
		if (ev->type != GW_EV_RECORDED)
			break;
		gw_dst_recorded(s, ev);
		s->phase = GW_DONE;
		s->result = GW_COMPLETED;
		gw_dst_enter(s, K_RUNNING, REPEAT_NS, out);
		gw_session_do(out, GW_DO_SEND_RUNNING, 0);
		if (!s->was_paused)
			gw_session_do(out, GW_DO_ANNOUNCE, 0);
		if (s->conf.hooks)
			gw_session_do(out, GW_DO_HOOK, GW_HOOK_AFTER_RESUME);
		over_alone(s, out);
		break;
	default: /* K_RUNNING */
		if (ev->type == GW_EV_END) {
			gw_session_do(out, GW_DO_RECORD_REMOVE, 0);
			gw_dst_over(s, out);
		} else if (ev->type == GW_EV_HV_GONE && !s->unrecorded) {
			gw_dst_over(s, out);
		} else if (ev->type == GW_EV_PEER_GONE) {
			over_alone(s, out);
		} else if (ev->type == GW_EV_RECORDED) {
			gw_dst_recorded(s, ev);
			over_alone(s, out);
		} else if (ev->type == GW_EV_ASK || ev->type == GW_EV_GO ||
			   ev->type == GW_EV_READY || ev->type == GW_EV_TIMER) {
			gw_dst_enter(s, K_RUNNING, REPEAT_NS, out);
			gw_session_do(out, GW_DO_SEND_RUNNING, 0);
			if (s->unrecorded && ev->type == GW_EV_TIMER)
				gw_session_do(out, GW_DO_RECORD, GW_STEP_RUNNING);
		}
		break;
	}
}
