/* SPDX-License-Identifier: BSD-3-Clause */
/* The source's switchover: the guest pauses, the last epochs and the device state go out, COMMIT.
 */
#include "session_source.h"

#include "../dataplane/base/clock.h"

#define LAST_PAGES_NS (60 * GW_NS_PER_S)
#define CHECK_FRESH_NS (2 * GW_NS_PER_S)

static void enter_final(struct gw_src *s, struct gw_session_actions *out)
{
	s->saved = true;
	s->state_done = s->holes_done = false;
	s->label_done = s->sync_once;
	if (s->sync_once)
		gw_src_enter(s, S_FINAL, 0, out);
	else
		gw_src_sync(s, S_FINAL, out);
	gw_session_do(out, GW_DO_SAVE, 0);
	gw_session_do(out, GW_DO_FIND_HOLES, 0);
}

/* Three chains run side by side: SYNC, drain, label (unless one SYNC is to do); save, put state;
 * and the search for pages that were given back. What that finds waits in next for the label that
 * follows the last SYNC. */
static void final_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	if (ev->type == GW_EV_TIMER && !s->label_done)
		gw_src_sync_late(s, out);
	else if (gw_src_done(s, ev, GW_EV_SYNCED, "exporter", out))
		gw_session_do(out, GW_DO_DRAIN, 0);
	else if (s->state == S_FINAL &&
		 gw_src_done(s, ev, GW_EV_DRAINED, "cannot drain the rings", out))
		gw_session_do(out, GW_DO_OPEN_LABEL, ++s->label);
	else if (s->state == S_FINAL &&
		 gw_src_done(s, ev, GW_EV_HOLES, "cannot find given-back pages", out))
		s->holes_done = true;
	else if (s->state == S_FINAL &&
		 gw_src_done(s, ev, GW_EV_LABEL_OPENED, "cannot open the final epoch", out))
		s->label_done = true;
	else if (s->state == S_FINAL &&
		 gw_src_done(s, ev, GW_EV_SAVED, "cannot save the device state", out))
		gw_session_do(out, GW_DO_PUT_STATE, 0);
	else if (s->state == S_FINAL &&
		 gw_src_done(s, ev, GW_EV_STATE_PUT, "cannot send the device state", out))
		s->state_done = true;

	if (s->state == S_FINAL && s->label_done && s->state_done && s->holes_done)
		gw_src_sync(s, S_RESYNCING, out);
}

/* The IDLE of an earlier moment says nothing: device state and given-back pages came since. */
static void await_last(struct gw_src *s, struct gw_session_actions *out)
{
	gw_src_enter(s, S_LAST, LAST_PAGES_NS, out);
	gw_session_do(out, GW_DO_AWAIT_IDLE, 0);
}

/* The destination's hypervisor gets ready while the guest still runs. */
static void announce(struct gw_src *s, struct gw_session_actions *out)
{
	if (!s->announced)
		gw_session_do(out, GW_DO_SEND_SWITCHOVER, 0);
	s->announced = true;
}

static void begin(struct gw_src *s, struct gw_session_actions *out)
{
	s->phase = GW_SWITCHOVER;
	s->recorded = true;
	gw_src_enter(s, S_RECORDING_PAUSE, 0, out);
	announce(s, out);
	gw_session_do(out, GW_DO_RECORD, GW_STEP_PAUSING);
}

static void recheck(struct gw_src *s, struct gw_session_actions *out)
{
	gw_src_enter(s, S_RECHECKING, 0, out);
	gw_session_do(out, GW_DO_HV_CHECK, 0);
}

void gw_src_switch(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	/* However long the epoch took that was sent for the check: another would take as long. */
	if (s->checked && (s->checked_ns == 0 || ev->now_ns - s->checked_ns < CHECK_FRESH_NS)) {
		begin(s, out);
		return;
	}
	/* Both take their time, and the guest runs meanwhile. */
	if (s->conf.hooks && !s->hooked) {
		gw_src_enter(s, S_HOOKING, 0, out);
		gw_session_do(out, GW_DO_HOOK, GW_HOOK_BEFORE_PAUSE);
		return;
	}
	recheck(s, out);
}

static void hooked(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	s->hooked = true;
	if (ev->result != 0 && s->conf.hook_required)
		gw_src_fail(s, GW_FAILED, out, "%.250s", ev->text);
	else
		recheck(s, out);
}

void gw_src_switchover(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	switch (s->state) {
	case S_HOOKING:
		if (ev->type == GW_EV_HOOKED)
			hooked(s, ev, out);
		break;
	case S_RECHECKING:
		if (!gw_src_done(s, ev, GW_EV_HV_CHECKED, "cannot check the VM", out))
			break;
		if (ev->value > 0) {
			gw_src_fail(s, GW_FAILED, out, "the VM can no longer be moved: %.200s",
				ev->text);
			break;
		}
		s->checked = true;
		s->checked_ns = 0;
		/* The check took its time and the guest wrote: an epoch more, so that the pause
		 * finds little. */
		if (s->time_up || s->label + 3 >= s->conf.limits.label_max) {
			begin(s, out);
			break;
		}
		/* By the pause it is ready, and leaves this host's CPUs, where they are the same
		 * ones, to the hypervisor that stops. */
		announce(s, out);
		gw_src_open(s, S_OPENING_LABEL, out);
		break;
	case S_RECORDING_PAUSE:
		if (!gw_src_done(s, ev, GW_EV_RECORDED, "cannot record the pause", out))
			break;
		if (s->was_paused) {
			enter_final(s, out);
			break;
		}
		s->held = true;
		gw_src_enter(s, S_PAUSING, 0, out);
		gw_session_do(out, GW_DO_PAUSE, 0);
		break;
	case S_PAUSING:
		if (gw_src_done(s, ev, GW_EV_PAUSED, "cannot pause the guest", out))
			enter_final(s, out);
		break;
	case S_FINAL:
		final_step(s, ev, out);
		break;
	case S_RESYNCING:
		if (ev->type == GW_EV_TIMER) {
			gw_src_sync_late(s, out);
		} else if (gw_src_done(s, ev, GW_EV_SYNCED, "exporter", out)) {
			gw_src_enter(s, S_REDRAINING, s->conf.sync_timeout_ns, out);
			gw_session_do(out, GW_DO_DRAIN, 0);
		}
		break;
	case S_REDRAINING:
		if (ev->type == GW_EV_TIMER)
			gw_src_sync_late(s, out);
		else if (!gw_src_done(s, ev, GW_EV_DRAINED, "cannot drain the rings", out))
			break;
		else if (ev->sample.next_pages != 0)
			gw_src_open(s, S_REOPENING, out);
		else
			await_last(s, out);
		break;
	case S_REOPENING:
		if (ev->type == GW_EV_TIMER)
			gw_src_fail(
				s, GW_FAILED, out, "the data plane did not open the last epoch");
		else if (gw_src_done(s, ev, GW_EV_LABEL_OPENED, "cannot open the last epoch", out))
			await_last(s, out);
		break;
	case S_LAST:
		if (ev->type == GW_EV_TIMER)
			gw_src_fail(
				s, GW_FAILED, out, "the last pages were not acknowledged in time");
		if (ev->type != GW_EV_IDLE)
			break;
		s->loading = true;
		gw_src_enter(s, S_COMMITTING, s->conf.commit_timeout_ns, out);
		gw_session_do(out, GW_DO_SEND_COMMIT, s->label);
		break;
	default: /* S_COMMITTING */
		if (ev->type == GW_EV_TIMER) {
			gw_src_fail(
				s, GW_FAILED, out, "the destination did not become ready in time");
		} else if (ev->type == GW_EV_READY) {
			gw_src_enter(s, S_RECORDING_GO, 0, out);
			gw_session_do(out, GW_DO_RECORD, GW_STEP_GO);
		}
		break;
	}
}
