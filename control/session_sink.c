/* SPDX-License-Identifier: BSD-3-Clause */
/* The destination machine. Commit and the way back have their own files. */
#include "session_sink.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define REPEAT_NS GW_NS_PER_S

static const char *const state_names[] = {
#define X(s) [K_##s] = #s,
	GW_SINK_STATES(X)
#undef X
};

int gw_dst_create(const struct gw_session_conf *conf, struct gw_dst **out)
{
	struct gw_dst *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->conf = *conf;
	*out = s;
	return 0;
}

void gw_dst_free(struct gw_dst **s)
{
	free(*s);
	*s = NULL;
}

struct gw_session_view gw_dst_view(const struct gw_dst *s)
{
	return (struct gw_session_view){.phase = s->phase,
		.result = s->result,
		.over = s->state == K_OVER,
		.committed = s->state >= K_RECORDING_START && s->state <= K_REFUSED,
		.urgent = s->state == K_FENCING,
		.state = state_names[s->state],
		.error = s->error};
}

void gw_dst_enter(
	struct gw_dst *s, enum sink_state state, uint64_t limit_ns, struct gw_session_actions *out)
{
	s->state = state;
	gw_session_do(out, GW_DO_TIMER, limit_ns);
}

void gw_dst_over(struct gw_dst *s, struct gw_session_actions *out)
{
	gw_dst_enter(s, K_OVER, 0, out);
	if (s->begun && s->conf.hooks && s->result != GW_COMPLETED)
		gw_session_do(out, GW_DO_HOOK, GW_HOOK_ON_ABORT);
	gw_session_do(out, GW_DO_FINISH, 0);
}

static bool done(struct gw_dst *s, const struct gw_session_event *ev,
	enum gw_session_event_type type, const char *what, struct gw_session_actions *out)
{
	if (ev->type != type)
		return false;
	if (ev->result == 0)
		return true;
	gw_dst_fail(s, GW_FAILED, out, "%s: %.200s", what, ev->text);
	return false;
}

static void prepare_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case K_NEW:
		if (ev->type != GW_EV_START)
			break;
		gw_dst_enter(s, K_OPENING, 0, out);
		gw_session_do(out, GW_DO_HV_OPEN, 0);
		break;
	case K_OPENING:
		/* A VM that cannot be opened is a reason like others: the driver has noted it. */
		if (ev->type != GW_EV_HV_OPENED)
			break;
		s->reasons = s->conf.reasons + ev->value;
		if (ev->result != 0) {
			gw_session_do(out, GW_DO_SEND_PREPARED, 0);
			s->result = GW_FAILED;
			snprintf(s->error, sizeof(s->error), "%.250s", ev->text);
			gw_dst_over(s, out);
			break;
		}
		gw_dst_enter(s, K_CHECKING, 0, out);
		gw_session_do(out, GW_DO_HV_CHECK, 0);
		break;
	case K_CHECKING:
		if (!done(s, ev, GW_EV_HV_CHECKED, "cannot check the VM", out))
			break;
		if (s->conf.dry || s->reasons + ev->value > 0) {
			gw_session_do(out, GW_DO_SEND_PREPARED, 0);
			s->result = s->conf.dry ? GW_COMPLETED : GW_FAILED;
			gw_dst_over(s, out);
			break;
		}
		s->mapped = true;
		gw_dst_enter(s, K_MAPPING, 0, out);
		gw_session_do(out, GW_DO_MAP, 0);
		break;
	case K_MAPPING:
		if (!done(s, ev, GW_EV_MAPPED, "cannot make the guest's memory ready", out))
			break;
		gw_dst_enter(s, K_RECORDING, 0, out);
		s->recorded = true;
		gw_session_do(out, GW_DO_RECORD, GW_STEP_PREPARED);
		break;
	case K_RECORDING:
		if (!done(s, ev, GW_EV_RECORDED, "cannot record the session", out))
			break;
		gw_dst_enter(s, K_PREPARING, 0, out);
		gw_session_do(out, GW_DO_HV_PREPARE, 0);
		break;
	case K_PREPARING:
		if (!done(s, ev, GW_EV_HV_PREPARED, "cannot prepare the hypervisor", out))
			break;
		s->stream = true;
		gw_dst_enter(s, K_CREATING, 0, out);
		gw_session_do(out, GW_DO_STREAM_CREATE, 0);
		break;
	default: /* K_CREATING */
		if (!done(s, ev, GW_EV_STREAM, "cannot start the stream", out))
			break;
		s->phase = GW_PRECOPY;
		s->begun = true;
		gw_dst_enter(s, K_RECEIVING, 0, out);
		gw_session_do(out, GW_DO_SEND_PREPARED, 0);
		break;
	}
}

void gw_dst_ready(struct gw_dst *s, struct gw_session_actions *out)
{
	gw_dst_enter(s, K_READY, REPEAT_NS, out);
	gw_session_do(out, GW_DO_SEND_READY, 0);
}

static void fence(struct gw_dst *s, struct gw_session_actions *out)
{
	s->stream = false;
	gw_dst_enter(s, K_FENCING, 0, out);
	gw_session_do(out, GW_DO_FENCE, 0);
}

/* The hypervisor gets ready for the device state as soon as the source turns to the switchover.
 * COMMIT may overtake that. */
static void receive_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case K_RECEIVING:
		if (ev->type != GW_EV_SWITCHOVER && ev->type != GW_EV_COMMIT)
			break;
		s->phase = GW_SWITCHOVER;
		gw_dst_enter(s, K_RECORDING_LOAD, 0, out);
		gw_session_do(out, GW_DO_RECORD, GW_STEP_LOADING);
		break;
	case K_RECORDING_LOAD:
		if (!done(s, ev, GW_EV_RECORDED, "cannot record the load", out))
			break;
		s->loaded = true;
		gw_dst_enter(s, K_OPENING_LOAD, 0, out);
		gw_session_do(out, GW_DO_LOAD_OPEN, 0);
		break;
	case K_OPENING_LOAD:
		if (!done(s, ev, GW_EV_LOAD_OPENED, "cannot take the device state", out))
			break;
		if (s->committed)
			fence(s, out);
		else
			gw_dst_enter(s, K_AWAITING_COMMIT, 0, out);
		break;
	case K_AWAITING_COMMIT:
		if (s->committed)
			fence(s, out);
		break;
	case K_FENCING:
		if (ev->type != GW_EV_FENCED)
			break;
		gw_dst_enter(s, K_VERIFYING, 0, out);
		gw_session_do(out, GW_DO_VERIFY, 0);
		break;
	case K_VERIFYING:
		if (!done(s, ev, GW_EV_VERIFIED, "memory differs", out))
			break;
		gw_dst_enter(s, K_LOADING, 0, out);
		gw_session_do(out, GW_DO_LOAD, 0);
		break;
	default: /* K_LOADING */
		if (done(s, ev, GW_EV_LOADED, "cannot load the device state", out))
			gw_dst_ready(s, out);
		break;
	}
}

static void note(struct gw_dst *s, const struct gw_session_event *ev)
{
	switch (ev->type) {
	case GW_EV_HV_GONE:
		s->hv_gone = true;
		break;
	case GW_EV_COMMIT:
		s->committed = true;
		s->was_paused = ev->value != 0;
		break;
	case GW_EV_PEER_GONE:
		s->peer_gone = true;
		break;
	case GW_EV_PEER_BACK:
		s->peer_gone = false;
		break;
	case GW_EV_PEER_ABORTS:
		s->peer_aborts = true;
		break;
	default:
		break;
	}
}

/* Before READY: what ends the session in every state. */
static bool fault(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (ev->type) {
	case GW_EV_FAULT:
		gw_dst_fail(s, GW_FAILED, out, "%s", ev->text);
		return true;
	case GW_EV_USER_ABORT:
		gw_dst_fail(s, GW_ABORTED, out, "%s",
			ev->text[0] != '\0' ? ev->text : "aborted by the user");
		return true;
	case GW_EV_PEER_ABORTS:
		gw_dst_fail(s, GW_ABORTED, out, "the source aborted: %.200s", ev->text);
		return true;
	case GW_EV_HV_GONE:
		gw_dst_fail(s, GW_FAILED, out, "the hypervisor is gone: %.200s", ev->text);
		return true;
	case GW_EV_PEER_GONE:
		gw_dst_fail(s, GW_FAILED, out, "the source is gone: %.200s", ev->text);
		return true;
	default:
		return false;
	}
}

void gw_dst_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	out->n = 0;
	if (s->state == K_OVER)
		return;
	note(s, ev);
	if (s->state != K_NEW && s->state < K_READY && fault(s, ev, out))
		return;
	if (s->state <= K_CREATING)
		prepare_step(s, ev, out);
	else if (s->state <= K_LOADING)
		receive_step(s, ev, out);
	else if (s->state <= K_ALONE)
		gw_dst_ready_step(s, ev, out);
	else if (s->state <= K_RUNNING)
		gw_dst_start_step(s, ev, out);
	else
		gw_dst_undo(s, ev, out);
}
