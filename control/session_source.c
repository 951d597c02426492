/* SPDX-License-Identifier: BSD-3-Clause */
/* The source machine: what holds in every state, and prepare. The other phases have their own
 * files. */
#include "session_source.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A start of tracking may take as long as so many syncs: it goes over all of the memory. */
#define START_SYNCS 3
#define ASK_NS (60 * GW_NS_PER_S) /* the destination may have to punch its memory first */
#define LINK_NS (5 * GW_NS_PER_S)

static const char *const state_names[] = {
#define X(s) [S_##s] = #s,
	GW_SOURCE_STATES(X)
#undef X
};

int gw_src_create(const struct gw_session_conf *conf, struct gw_src **out)
{
	struct gw_src *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->conf = *conf;
	*out = s;
	return 0;
}

void gw_src_free(struct gw_src **s)
{
	free(*s);
	*s = NULL;
}

void gw_src_blackout_limit(struct gw_src *s, uint64_t blackout_ns)
{
	s->conf.limits.blackout_ns = blackout_ns;
	s->fitting = 0; /* counted under another limit */
}

void gw_src_quit_after(struct gw_src *s, bool quit)
{
	s->conf.quit_after = quit;
}

static bool committed(const struct gw_src *s)
{
	return s->state >= S_RECORDING_GO && s->state <= S_CLOSING;
}

/* The guest stands, and what the data plane says next is waited for. */
static bool urgent(const struct gw_src *s)
{
	return (s->state == S_FINAL && !s->label_done) ||
	       (s->state >= S_REDRAINING && s->state <= S_LAST);
}

struct gw_session_view gw_src_view(const struct gw_src *s)
{
	return (struct gw_session_view){.phase = s->phase,
		.result = s->result,
		.over = s->state == S_OVER,
		.label = s->label,
		.predicted_ns = s->predicted_ns,
		.committed = committed(s),
		.paused = s->held,
		.urgent = urgent(s),
		.state = state_names[s->state],
		.error = s->error};
}

void gw_src_enter(struct gw_src *s, enum source_state state, uint64_t limit_ns,
	struct gw_session_actions *out)
{
	s->state = state;
	gw_session_do(out, GW_DO_TIMER, limit_ns);
}

/* True where ev is the completion waited for and it succeeded; a failed one ends the session. */
bool gw_src_done(struct gw_src *s, const struct gw_session_event *ev,
	enum gw_session_event_type type, const char *what, struct gw_session_actions *out)
{
	if (ev->type != type)
		return false;
	if (ev->result == 0)
		return true;
	gw_src_fail(s, GW_FAILED, out, "%s: %.200s", what, ev->text);
	return false;
}

void gw_src_sync(struct gw_src *s, enum source_state state, struct gw_session_actions *out)
{
	gw_src_enter(s, state, s->conf.sync_timeout_ns, out);
	gw_session_do(out, GW_DO_SYNC, state == S_RESYNCING);
}

void gw_src_open(struct gw_src *s, enum source_state state, struct gw_session_actions *out)
{
	gw_src_enter(s, state, s->conf.sync_timeout_ns, out);
	gw_session_do(out, GW_DO_OPEN_LABEL, ++s->label);
}

void gw_src_sync_late(struct gw_src *s, struct gw_session_actions *out)
{
	gw_src_fail(s, GW_FAILED, out, "the exporter did not give all dirty pages within %llu ms",
		(unsigned long long)(s->conf.sync_timeout_ns / GW_NS_PER_MS));
}

static void peer_prepared(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	if (s->reasons + ev->value > 0 && !s->conf.dry) {
		/* Having answered with reasons (or to a dry run) the destination keeps nothing. */
		s->peer_asked = false;
		gw_src_fail(s, GW_FAILED, out, "refused: %llu reasons",
			(unsigned long long)(s->reasons + ev->value));
		return;
	}
	if (s->conf.dry) {
		s->peer_asked = false;
		gw_src_enter(s, S_LINKING, LINK_NS, out);
		gw_session_do(out, GW_DO_WATCH_LINK, 0);
		return;
	}
	gw_src_enter(s, S_MAPPING, 0, out);
	gw_session_do(out, GW_DO_MAP, 0);
}

static void checked_dry(struct gw_src *s, struct gw_session_actions *out)
{
	s->result = GW_COMPLETED;
	gw_src_enter(s, S_OVER, 0, out);
	gw_session_do(out, GW_DO_FINISH, 0);
}

static void linked(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	if (ev->type != GW_EV_LINK_UP && ev->type != GW_EV_TIMER)
		return;
	if (s->conf.dry) {
		if (ev->type == GW_EV_TIMER)
			gw_session_do(out, GW_DO_LINK_REASON, 0);
		checked_dry(s, out);
	} else if (ev->type == GW_EV_TIMER) {
		gw_src_fail(s, GW_FAILED, out, "%.250s",
			ev->text[0] != '\0' ? ev->text : "no path to the peer's ports is up");
	} else {
		s->phase = GW_TRACE;
		s->tracking = true;
		s->begun = true;
		gw_session_do(out, GW_DO_ADMITTED, 0);
		gw_src_enter(s, S_STARTING, START_SYNCS * s->conf.sync_timeout_ns, out);
		gw_session_do(out, GW_DO_TRACK_START, 0);
	}
}

static void prepare_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case S_NEW:
		if (ev->type == GW_EV_RECOVER) {
			s->recover = (enum gw_record_step)ev->value;
			s->was_paused = ev->result != 0;
			gw_src_enter(s, S_R_OPENING, 0, out);
			gw_session_do(out, GW_DO_HV_OPEN, 0);
		} else if (ev->type == GW_EV_START) {
			gw_src_enter(s, S_OPENING, 0, out);
			gw_session_do(out, GW_DO_HV_OPEN, 0);
		}
		break;
	case S_OPENING:
		if (!gw_src_done(s, ev, GW_EV_HV_OPENED, "cannot open the VM", out))
			break;
		s->was_paused = ev->value != 0;
		gw_src_enter(s, S_CHECKING, 0, out);
		gw_session_do(out, GW_DO_HV_CHECK, 0);
		break;
	case S_CHECKING:
		if (!gw_src_done(s, ev, GW_EV_HV_CHECKED, "cannot check the VM", out))
			break;
		/* Only a dry run begins with reasons, and they are why no peer is asked. */
		if (s->conf.reasons > 0) {
			checked_dry(s, out);
			break;
		}
		s->reasons = ev->value;
		s->peer_asked = true;
		gw_src_enter(s, S_ASKING, ASK_NS, out);
		/* Also a session that is refused here is put to the destination: all reasons at
		 * once. */
		gw_session_do(out, GW_DO_SEND_PREPARE, s->conf.dry || s->reasons > 0);
		break;
	case S_ASKING:
		if (ev->type == GW_EV_TIMER)
			gw_src_fail(s, GW_FAILED, out, "the destination did not answer in time");
		else if (gw_src_done(s, ev, GW_EV_PEER_PREPARED, "destination", out))
			peer_prepared(s, ev, out);
		break;
	case S_MAPPING:
		if (!gw_src_done(s, ev, GW_EV_MAPPED, "cannot map the guest's memory", out))
			break;
		gw_src_enter(s, S_PREPARING, 0, out);
		gw_session_do(out, GW_DO_HV_PREPARE, 0);
		break;
	case S_PREPARING:
		if (!gw_src_done(s, ev, GW_EV_HV_PREPARED, "cannot prepare the hypervisor", out))
			break;
		gw_src_enter(s, S_LINKING, LINK_NS, out);
		gw_session_do(out, GW_DO_WATCH_LINK, 0);
		break;
	default:
		linked(s, ev, out);
		break;
	}
}

/* Keeps the facts that hold in every state. */
static void note(struct gw_src *s, const struct gw_session_event *ev)
{
	switch (ev->type) {
	case GW_EV_HV_GONE:
		s->hv_gone = true;
		break;
	case GW_EV_POPULATED:
		s->populated = true;
		break;
	case GW_EV_TIME_UP:
		s->time_up = true;
		break;
	case GW_EV_PEER_GONE:
		s->peer_gone = true;
		break;
	case GW_EV_PEER_ABORTED:
		s->peer_clear = true;
		break;
	case GW_EV_GUEST_STOPPED:
	case GW_EV_GUEST_RESUMED:
		if (s->state < S_RECORDING_PAUSE)
			s->was_paused = ev->type == GW_EV_GUEST_STOPPED;
		break;
	default:
		break;
	}
}

/* Before GO: what ends the session in every state. True where it did. */
static bool fault(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (ev->type) {
	case GW_EV_FAULT:
		gw_src_fail(s, GW_FAILED, out, "%s", ev->text);
		return true;
	case GW_EV_USER_ABORT:
		gw_src_fail(s, GW_ABORTED, out, "%s",
			ev->text[0] != '\0' ? ev->text : "aborted by the user");
		return true;
	case GW_EV_HV_GONE:
		gw_src_fail(s, GW_FAILED, out, "the hypervisor is gone: %.200s", ev->text);
		return true;
	case GW_EV_PEER_GONE:
		gw_src_fail(s, GW_FAILED, out, "the destination is gone: %.200s", ev->text);
		return true;
	case GW_EV_PEER_ABORTED:
	case GW_EV_PEER_FAILED:
		gw_src_fail(s, GW_FAILED, out, "the destination gave up: %.200s", ev->text);
		return true;
	case GW_EV_GUEST_RESUMED:
		if (s->state < S_RECORDING_PAUSE)
			return false;
		gw_src_fail(s, GW_FAILED, out, "somebody resumed the guest during the switchover");
		return true;
	case GW_EV_TIME_UP:
		if (s->conf.limits.switch_on_limit || s->state >= S_RECHECKING)
			return false;
		gw_src_fail(s, GW_FAILED, out, "not done within the time limit");
		return true;
	default:
		return false;
	}
}

void gw_src_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	out->n = 0;
	if (s->state == S_OVER)
		return;
	note(s, ev);
	if (s->state != S_NEW && s->state < S_RECORDING_GO && fault(s, ev, out))
		return;
	if (s->state <= S_LINKING)
		prepare_step(s, ev, out);
	else if (s->state <= S_POPULATING)
		gw_src_trace(s, ev, out);
	else if (s->state <= S_DRAINING)
		gw_src_precopy(s, ev, out);
	else if (s->state <= S_COMMITTING)
		gw_src_switchover(s, ev, out);
	else if (s->state <= S_CLOSING)
		gw_src_commit(s, ev, out);
	else if (ev->type == GW_EV_READY && !s->peer_clear)
		gw_session_do(out, GW_DO_SEND_ABORT, 0);
	else
		gw_src_undo(s, ev, out);
}
