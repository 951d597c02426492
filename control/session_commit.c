/* SPDX-License-Identifier: BSD-3-Clause */
/* The source from READY on: GO is recorded, then sent, and only the destination's word counts. */
#include "session_source.h"

#include "../dataplane/base/clock.h"

#include <stdio.h>

#define ANSWER_NS GW_NS_PER_S
/* To end a hypervisor and to unmap its guest's memory keeps CPUs and memory busy, and a guest that
 * has just been moved finds no page of its own in any cache. */
#define SETTLE_NS (250 * GW_NS_PER_MS)

static void close_stream(struct gw_src *s, struct gw_session_actions *out)
{
	s->recorded = false;
	gw_session_do(out, GW_DO_RECORD_REMOVE, 0);
	gw_session_do(out, GW_DO_SEND_END, 0);
	if (s->stream) {
		s->stream = false;
		gw_src_enter(s, S_CLOSING, 0, out);
		gw_session_do(out, GW_DO_STREAM_CLOSE, 0);
		return;
	}
	gw_src_enter(s, S_OVER, 0, out);
	gw_session_do(out, GW_DO_FINISH, 0);
}

void gw_src_let_go(
	struct gw_src *s, enum gw_result result, const char *error, struct gw_session_actions *out)
{
	s->result = result;
	s->phase = GW_DONE;
	snprintf(s->error, sizeof(s->error), "%s", error);
	if (s->conf.quit_after) {
		gw_src_enter(s, S_QUITTING, 0, out);
		gw_session_do(out, GW_DO_QUIT, 0);
		return;
	}
	close_stream(s, out);
}

/* Nobody knows what became of the guest, or it crashed there. It stays paused here until somebody
 * decides. */
static void person(struct gw_src *s, const char *text, struct gw_session_actions *out)
{
	s->result = GW_FAILED;
	snprintf(s->error, sizeof(s->error),
		"%s; the guest stays paused here, resolve by hand: godwitctl resolve", text);
	gw_src_enter(s, S_PERSON, 0, out);
}

void gw_src_lost(struct gw_src *s, struct gw_session_actions *out)
{
	snprintf(s->error, sizeof(s->error),
		"the destination was told to run the guest and does not answer since; it is asked "
		"again and again. Should its host never come back: godwitctl resolve");
	gw_src_enter(s, S_LOST, ANSWER_NS, out);
}

static void answered(struct gw_src *s, struct gw_session_actions *out)
{
	s->error[0] = '\0';
	gw_src_enter(s, S_GONE, ANSWER_NS, out);
}

/* GO is sent: only the destination's word counts, whatever else happens. */
static void gone_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (ev->type) {
	case GW_EV_RUNNING:
		s->phase = GW_DONE;
		s->error[0] = '\0';
		gw_src_enter(s, S_SETTLING, SETTLE_NS, out);
		break;
	case GW_EV_REFUSED:
		gw_src_take_back(
			s, out, "the destination refused to run the guest: %.180s", ev->text);
		break;
	case GW_EV_RESOLVED:
		gw_src_resolved(s, (enum gw_resolution)ev->value, out);
		break;
	case GW_EV_CRASHED:
		person(s, "the destination's hypervisor ended while the guest was starting", out);
		break;
	case GW_EV_UNKNOWN:
		person(s,
			"the destination does not know the session after it was told to run the "
			"guest",
			out);
		break;
	case GW_EV_READY:
		gw_session_do(out, GW_DO_SEND_GO, 0);
		answered(s, out);
		break;
	case GW_EV_STARTING:
		answered(s, out);
		break;
	case GW_EV_PEER_GONE:
		gw_src_lost(s, out);
		break;
	case GW_EV_TIMER:
		gw_src_enter(s, s->state, ANSWER_NS, out);
		gw_session_do(out, GW_DO_SEND_ASK, 0);
		break;
	default:
		break;
	}
}

void gw_src_commit(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case S_RECORDING_GO:
		if (!gw_src_done(s, ev, GW_EV_RECORDED, "cannot record the commit", out))
			break;
		if (s->peer_gone) {
			gw_src_lost(s, out);
			break;
		}
		gw_src_enter(s, S_GONE, ANSWER_NS, out);
		gw_session_do(out, GW_DO_SEND_GO, 0);
		break;
	case S_GONE:
	case S_LOST:
		gone_step(s, ev, out);
		break;
	case S_PERSON:
		/* A late word is better than a person's guess. */
		if (ev->type == GW_EV_RUNNING || ev->type == GW_EV_REFUSED ||
			ev->type == GW_EV_RESOLVED)
			gone_step(s, ev, out);
		break;
	case S_SETTLING:
		if (ev->type == GW_EV_TIMER)
			gw_src_let_go(s, GW_COMPLETED, "", out);
		break;
	case S_QUITTING:
		if (ev->type != GW_EV_QUIT_DONE)
			break;
		if (ev->result != 0)
			snprintf(s->error, sizeof(s->error),
				"the source's hypervisor did not end: %.200s", ev->text);
		close_stream(s, out);
		break;
	default: /* S_CLOSING */
		if (ev->type != GW_EV_STREAM_CLOSED)
			break;
		gw_src_enter(s, S_OVER, 0, out);
		gw_session_do(out, GW_DO_FINISH, 0);
		break;
	}
}
