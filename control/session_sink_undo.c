/* SPDX-License-Identifier: BSD-3-Clause */
#include "session_sink.h"

#include "../dataplane/base/clock.h"

#include <stdarg.h>
#include <stdio.h>

#define REPEAT_NS GW_NS_PER_S

static void next(struct gw_dst *s, struct gw_session_actions *out)
{
	if (s->stream) {
		s->stream = false;
		gw_dst_enter(s, K_U_FENCING, 0, out);
		gw_session_do(out, GW_DO_FENCE, 0);
		return;
	}
	if (s->loaded) {
		s->loaded = false;
		gw_dst_enter(s, K_U_QUITTING, 0, out);
		gw_session_do(out, GW_DO_QUIT, 0);
		return;
	}
	/* A paused source waits for the end of our hypervisor, not for the memory. */
	if (s->answer_early && !s->answered) {
		s->answered = true;
		gw_session_do(out, GW_DO_SEND_ABORTED, 0);
	}
	if (s->mapped) {
		s->mapped = false;
		gw_dst_enter(s, K_U_PUNCHING, 0, out);
		gw_session_do(out, GW_DO_PUNCH, 0);
		return;
	}
	if (s->recorded) {
		s->recorded = false;
		gw_session_do(out, GW_DO_RECORD_REMOVE, 0);
	}
	if (!s->answered)
		gw_session_do(out, GW_DO_SEND_ABORTED, 0);
	gw_dst_over(s, out);
}

void gw_dst_fail(struct gw_dst *s, enum gw_result result, struct gw_session_actions *out,
	const char *fmt, ...)
{
	va_list ap;

	/* A fence that is under way is waited for. */
	bool fencing = s->state == K_FENCING;

	s->result = result;
	s->phase = GW_ABORT;
	s->answer_early = s->loaded;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	if (!s->peer_gone)
		gw_session_do(out, GW_DO_SEND_FAILED, 0);
	if (fencing)
		gw_dst_enter(s, K_U_FENCING, 0, out);
	else
		next(s, out);
}

void gw_dst_refuse(struct gw_dst *s, struct gw_session_actions *out, const char *text)
{
	s->result = GW_FAILED;
	s->phase = GW_ABORT;
	snprintf(s->error, sizeof(s->error), "%.250s", text);
	gw_dst_enter(s, K_RECORDING_REFUSE, 0, out);
	gw_session_do(out, GW_DO_RECORD, GW_STEP_REFUSED);
}

static void quit(struct gw_dst *s, struct gw_session_actions *out)
{
	gw_dst_enter(s, K_REFUSING, 0, out);
	gw_session_do(out, GW_DO_QUIT, 0);
}

/* The source aborts: it waits for no answer of ours. */
static void forget(struct gw_dst *s, struct gw_session_actions *out)
{
	gw_session_do(out, GW_DO_SEND_ABORTED, 0);
	s->ended = true;
}

/* The source's guest waits for this, paused, and not for the memory: that is given back beside what
 * there is to be said. */
static void refused(struct gw_dst *s, struct gw_session_actions *out)
{
	gw_dst_enter(s, K_REFUSED, REPEAT_NS, out);
	if (s->peer_aborts)
		forget(s, out);
	else
		gw_session_do(out, GW_DO_SEND_REFUSED, 0);
	gw_session_do(out, GW_DO_PUNCH, 0);
}

static void refused_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (ev->type) {
	case GW_EV_PUNCHED:
		s->mapped = false;
		break;
	case GW_EV_END:
		s->ended = true;
		break;
	case GW_EV_PEER_ABORTS:
		forget(s, out);
		break;
	case GW_EV_RECORDED:
		gw_dst_recorded(s, ev);
		break;
	case GW_EV_ASK:
	case GW_EV_GO:
	case GW_EV_TIMER:
		if (s->ended)
			break;
		gw_dst_enter(s, K_REFUSED, REPEAT_NS, out);
		gw_session_do(out, GW_DO_SEND_REFUSED, 0);
		if (s->unrecorded && ev->type == GW_EV_TIMER)
			gw_session_do(out, GW_DO_RECORD, GW_STEP_REFUSED);
		break;
	default:
		break;
	}
	if (s->mapped)
		return;
	if (s->ended)
		gw_session_do(out, GW_DO_RECORD_REMOVE, 0);
	if (s->ended || gw_dst_is_alone(s))
		gw_dst_over(s, out);
}

static void refuse_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case K_RECORDING_REFUSE:
		/* The guest never ran, recorded or not; a restart without the record would leave
		 * it to a person, which is safe. */
		if (ev->type != GW_EV_RECORDED)
			break;
		gw_dst_recorded(s, ev);
		quit(s, out);
		break;
	case K_REFUSING:
		if (ev->type == GW_EV_QUIT_DONE && ev->result == 0) {
			refused(s, out);
		} else if (ev->type == GW_EV_QUIT_DONE) {
			/* Not known to be gone: not a refusal yet. */
			gw_dst_enter(s, K_REFUSING, REPEAT_NS, out);
		} else if (ev->type == GW_EV_TIMER) {
			quit(s, out);
		} else if (ev->type == GW_EV_ASK) {
			gw_session_do(out, GW_DO_SEND_STARTING, 0);
		}
		break;
	default: /* K_REFUSED */
		refused_step(s, ev, out);
		break;
	}
}

void gw_dst_undo(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case K_U_FENCING:
		if (ev->type == GW_EV_FENCED)
			next(s, out);
		break;
	case K_U_QUITTING:
		if (ev->type == GW_EV_QUIT_DONE)
			next(s, out);
		break;
	case K_U_PUNCHING:
		if (ev->type == GW_EV_PUNCHED)
			next(s, out);
		break;
	default:
		refuse_step(s, ev, out);
		break;
	}
}
