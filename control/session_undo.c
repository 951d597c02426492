/* SPDX-License-Identifier: BSD-3-Clause */
#include "session_source.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* A destination that loads holds no disk before its cont (late-block-activate); waiting for its end
 * is a courtesy to those that cannot, and bounded because the guest is paused. */
#define PEER_QUIT_NS (5 * GW_NS_PER_S)
#define PEER_FORGET_NS (10 * GW_NS_PER_S)
#define TRACK_STOP_NS (5 * GW_NS_PER_S)
#define RESUME_RETRY_NS GW_NS_PER_S
#define RESUME_TRIES 30u

static void over(struct gw_src *s, struct gw_session_actions *out)
{
	gw_src_enter(s, S_OVER, 0, out);
	if (s->begun && s->conf.hooks)
		gw_session_do(out, GW_DO_HOOK, GW_HOOK_ON_ABORT);
	gw_session_do(out, GW_DO_FINISH, 0);
}

/* True where the guest's own debts still need an operation, which is then under way. */
static bool give_back_guest(struct gw_src *s, struct gw_session_actions *out)
{
	if (s->hv_gone) {
		s->held = s->saved = s->tracking = false;
		return false;
	}
	if (!s->held && !s->saved)
		return false;
	if (s->loading && !s->peer_clear && !s->peer_gone) {
		gw_src_enter(s, S_U_PEER, PEER_QUIT_NS, out);
		return true;
	}
	if (!s->held) {
		/* Nobody resumes it, so the saved state has to be put back by itself. */
		s->saved = false;
		gw_src_enter(s, S_U_UNSAVING, 0, out);
		gw_session_do(out, GW_DO_UNSAVE, 0);
		return true;
	}
	gw_src_enter(s, S_U_RESUMING, 0, out);
	gw_session_do(out, GW_DO_RESUME, 0);
	return true;
}

static void next(struct gw_src *s, struct gw_session_actions *out)
{
	if (give_back_guest(s, out))
		return;
	if (s->recorded) {
		s->recorded = false;
		gw_session_do(out, GW_DO_RECORD_REMOVE, 0);
		/* Until now a restart would have had to ask: the destination keeps its answer until
		 * here. */
		if (s->owes_end)
			gw_session_do(out, GW_DO_SEND_END, 0);
	}
	if (s->tracking) {
		s->tracking = false;
		gw_src_enter(s, S_U_STOPPING, TRACK_STOP_NS, out);
		gw_session_do(out, GW_DO_TRACK_STOP, 0);
		return;
	}
	if (s->stream) {
		s->stream = false;
		gw_src_enter(s, S_U_CLOSING, 0, out);
		gw_session_do(out, GW_DO_STREAM_CLOSE, 0);
		return;
	}
	if (s->peer_asked && !s->peer_clear && !s->peer_gone) {
		s->peer_asked = false;
		gw_src_enter(s, S_U_FORGETTING, PEER_FORGET_NS, out);
		return;
	}
	over(s, out);
}

void gw_src_fail(struct gw_src *s, enum gw_result result, struct gw_session_actions *out,
	const char *fmt, ...)
{
	va_list ap;

	s->result = result;
	s->phase = GW_ABORT;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	if (s->peer_asked && !s->peer_clear && !s->peer_gone)
		gw_session_do(out, GW_DO_SEND_ABORT, 0);
	next(s, out);
}

void gw_src_take_back(struct gw_src *s, struct gw_session_actions *out, const char *fmt, ...)
{
	va_list ap;

	s->result = GW_FAILED;
	s->phase = GW_ABORT;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	s->peer_clear = true;
	s->owes_end = true;
	next(s, out);
}

static void resumed(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	if (ev->result == 0) {
		s->held = s->saved = false;
		next(s, out);
		return;
	}
	if (++s->resume_tries < RESUME_TRIES) {
		gw_src_enter(s, S_U_RETRYING, RESUME_RETRY_NS, out);
		return;
	}
	snprintf(s->error, sizeof(s->error), "the guest is paused and could not be resumed: %.190s",
		ev->text);
	s->result = GW_FAILED;
	s->held = s->saved = false;
	s->recorded = false; /* the record stays on disk: a restart tries again */
	next(s, out);
}

/* After a restart: the session is what its record says. */
static void recovered(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	bool gone = ev->result == -ENOENT || ev->result == -ECONNREFUSED || ev->result == -ESTALE;

	/* A hypervisor that is only slow to answer may hold a paused guest. */
	if (ev->result != 0 && !gone) {
		gw_src_enter(s, S_R_OPENING, RESUME_RETRY_NS, out);
		return;
	}
	s->hv_gone = gone;
	s->begun = true;
	s->recorded = true;
	s->held = !s->was_paused;
	s->saved = true;
	if (s->recover == GW_STEP_GO) {
		gw_src_lost(s, out);
		gw_session_do(out, GW_DO_SEND_ASK, 0);
		return;
	}
	/* The destination may be ready, alone and waiting for a word. */
	s->peer_asked = true;
	gw_src_fail(s, GW_FAILED, out, "godwitd restarted while it had the guest paused");
}

void gw_src_undo(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case S_U_PEER:
		if (ev->type == GW_EV_TIMER)
			s->loading = false;
		if (ev->type == GW_EV_TIMER || s->peer_clear || s->peer_gone || s->hv_gone)
			next(s, out);
		break;
	case S_U_UNSAVING:
		/* Where nothing was left to put back, resume shows it. */
		if (ev->type == GW_EV_UNSAVED || s->hv_gone)
			next(s, out);
		break;
	case S_U_RESUMING:
		if (ev->type == GW_EV_RESUMED)
			resumed(s, ev, out);
		else if (s->hv_gone)
			next(s, out);
		break;
	case S_U_RETRYING:
		if (ev->type == GW_EV_TIMER || s->hv_gone)
			next(s, out);
		break;
	case S_U_STOPPING:
		if (ev->type == GW_EV_TRACK_STOPPED || ev->type == GW_EV_TIMER || s->hv_gone)
			next(s, out);
		break;
	case S_U_CLOSING:
		if (ev->type == GW_EV_STREAM_CLOSED)
			next(s, out);
		break;
	case S_U_FORGETTING:
		if (ev->type == GW_EV_TIMER || s->peer_clear || s->peer_gone)
			next(s, out);
		break;
	case S_R_OPENING:
		if (ev->type == GW_EV_HV_OPENED)
			recovered(s, ev, out);
		else if (ev->type == GW_EV_TIMER)
			gw_session_do(out, GW_DO_HV_OPEN, 0);
		break;
	default:
		break;
	}
}
