/* SPDX-License-Identifier: BSD-3-Clause */
/* What arrives at a source session, as events for its machine. */
#include "source_run.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "reasons.h"
#include "rpc.h"
#include "run_hv.h"

#include <errno.h>
#include <string.h>

/* An operator is not to guess why nothing ends. */
static void tell_unmet(struct gw_src_run *s, const struct gw_convergence_sample *sample)
{
	uint64_t limit_ns = s->run.conf.limits.blackout_ns;

	if (s->told_unmet || gw_convergence_room_ns(limit_ns, sample) > 0)
		return;
	s->told_unmet = true;
	gw_warn("session %s (%s): beside pages a blackout takes %.0f ms here, so blackout_limit_ms "
		"of %.0f cannot be met: raise it (godwitctl set %s blackout_limit_ms=N), or let "
		"max_total_s or on_slowdown_limit decide",
		s->run.id, s->run.vm, (double)gw_convergence_fixed_ns(sample) / GW_NS_PER_MS,
		(double)limit_ns / GW_NS_PER_MS, s->run.vm);
}

static void epoch_drained(struct gw_src_run *s, struct gw_session_event *ev)
{
	gw_meter_epoch_drained(s->run.meter);
	gw_src_run_sample(s, &ev->sample);
	s->dirty_bps = gw_convergence_dirty_bps(
		s->dirty_bps, ev->sample.next_pages, ev->now_ns - s->opened_ns);
	ev->sample.dirty_bps = s->dirty_bps;
	gw_src_brake_drained(s, &ev->sample, ev->now_ns);
	if (gw_src_view(s->machine).phase == GW_PRECOPY) {
		s->decided = ev->sample;
		s->decided_ns = ev->now_ns;
		tell_unmet(s, &ev->sample);
	} else if (s->final_pages == 0) {
		s->final_pages = ev->sample.next_pages; /* the guest stands */
	}
}

static void observe_opened(struct gw_src_run *s, struct gw_session_event *ev)
{
	if (ev->result != 0) {
		if (ev->result == -ENOENT || ev->result == -ECONNREFUSED)
			s->code = GW_RPC_NOT_FOUND;
		return;
	}
	/* An exporter resumes a guest that godwit paused when its socket closes: a native one must
	 * end. */
	gw_src_quit_after(
		s->machine, s->run.conf.quit_after || strcmp(gw_hv_kind(s->run.hv), "native") == 0);
	if (s->recover_pid == 0) {
		s->run.was_paused = ev->value != 0;
	} else if (gw_run_hv_pid(&s->run) != s->recover_pid) {
		s->run.hv_open = false;
		ev->result = -ESTALE;
		snprintf(ev->text, sizeof(ev->text), "the hypervisor of that name is another one");
	}
}

void gw_src_run_observe(struct gw_run *run, struct gw_session_event *ev)
{
	struct gw_src_run *s = gw_src_run_of(run);

	switch (ev->type) {
	case GW_EV_HV_OPENED:
		observe_opened(s, ev);
		break;
	case GW_EV_GUEST_STOPPED:
	case GW_EV_GUEST_RESUMED:
		if (!run->announced_pause)
			run->was_paused = ev->type == GW_EV_GUEST_STOPPED;
		break;
	case GW_EV_PEER_GONE:
		s->code = GW_RPC_UNREACHABLE;
		s->peer_was_gone = true;
		break;
	case GW_EV_TIMER:
		if (s->watching_link) {
			gw_src_run_link_text(s, ev->text, sizeof(ev->text));
			s->watching_link = false;
			s->code = GW_RPC_UNREACHABLE;
		}
		break;
	case GW_EV_LABEL_OPENED:
		gw_meter_epoch_opened(run->meter, gw_src_view(s->machine).label);
		gw_src_brake_opened(s, ev->now_ns);
		s->opened_ns = ev->now_ns;
		s->waiting_idle = true;
		break;
	case GW_EV_IDLE:
		gw_meter_epoch_idle(run->meter);
		break;
	case GW_EV_DRAINED:
		epoch_drained(s, ev);
		break;
	case GW_EV_PAUSED:
		/* Not before: in the time that the pause takes it would dirty more than was sent.
		 */
		gw_src_brake_lift(s);
		gw_meter_mark(run->meter, GW_MARK_PAUSED, ev->now_ns);
		break;
	case GW_EV_SAVED:
		gw_meter_mark(run->meter, GW_MARK_SAVED, ev->now_ns);
		break;
	case GW_EV_READY:
		gw_meter_mark(run->meter, GW_MARK_READY, ev->now_ns);
		break;
	case GW_EV_RUNNING:
		if (gw_meter_mark_ns(run->meter, GW_MARK_RUNNING) != 0)
			break; /* it is repeated */
		/* The word comes late where the destination's CPUs are busy, with the guest first
		 * of all; it cannot have run before READY. */
		gw_meter_mark(run->meter, GW_MARK_RUNNING,
			gw_told_ns(ev->now_ns - s->running_age_ns,
				gw_meter_mark_ns(run->meter, GW_MARK_READY), ev->now_ns));
		gw_src_run_learn(s);
		break;
	default:
		break;
	}
}

static int take_prepared(struct gw_src_run *s, const json_t *body)
{
	size_t before = json_array_size(s->run.reasons);
	uint64_t stream = 0;

	if (gw_reasons_take(s->run.reasons, json_object_get(body, "reasons")) != 0)
		return -EPROTO;
	/* Only a destination that is ready to receive has a stream. */
	if (json_object_get(body, "stream") != NULL &&
		gw_message_u64(body, "stream", UINT16_MAX, &stream) != 0)
		return -EPROTO;
	s->stream_number = (uint16_t)stream;
	gw_run_feed(
		&s->run, GW_EV_PEER_PREPARED, 0, json_array_size(s->run.reasons) - before, NULL);
	return 0;
}

static int take_populated(struct gw_src_run *s, const json_t *body)
{
	uint64_t id, pages;

	if (s->stream == NULL)
		return 0;
	if (gw_message_u64(body, "region", UINT8_MAX, &id) != 0 ||
		gw_message_u64(body, "pages", INT64_MAX, &pages) != 0)
		return -EPROTO;
	for (uint32_t i = 0; i < gw_ram_regions(s->run.ram); i++) {
		uint64_t size;
		uint8_t own;

		gw_ram_region(s->run.ram, i, &own, &size);
		if (own == id) {
			if (pages > size || pages < s->populated[i])
				return -EPROTO;
			s->populated[i] = pages;
		}
	}
	gw_src_run_let_out(s, gw_now_ns());
	return 0;
}

static int take_question(struct gw_src_run *s, const json_t *body)
{
	json_t *answer =
		s->verify != NULL && s->run.jobs == 0 ? gw_verify_pages(s->verify, body) : NULL;

	if (answer == NULL)
		return -EPROTO;
	gw_run_send(&s->run, GW_MESSAGE_DIGEST_PAGES, answer);
	return 0;
}

/* What the destination measured; figures for people only. */
static void take_parts(struct gw_src_run *s, const json_t *body)
{
	static const char *const key[] = {"fence_ns", "verify_ns", "load_ns"};
	static const char *const part[] = {
		"destination_fence", "destination_verify", "destination_load"};
	uint64_t ns, pages = 0, mismatched = 0;

	for (int i = 0; i < 3; i++)
		if (gw_message_u64(body, key[i], INT64_MAX, &ns) == 0)
			gw_meter_part(s->run.meter, part[i], ns);
	if (gw_message_u64(body, "verify_ns", INT64_MAX, &ns) == 0)
		s->verified_ns = ns;
	if (s->run.conf.verify && gw_message_u64(body, "pages", INT64_MAX, &pages) == 0 &&
		gw_message_u64(body, "mismatched", INT64_MAX, &mismatched) == 0)
		gw_meter_verified(s->run.meter, pages, mismatched);
}

static void take_plain(struct gw_src_run *s, enum gw_session_event_type type, const json_t *body)
{
	char text[GW_SESSION_TEXT];

	gw_message_reason(body, "reason", text, sizeof(text));
	gw_run_feed(&s->run, type, 0, 0, text);
}

int gw_src_run_message(struct gw_run *run, enum gw_message_type type, const json_t *body)
{
	struct gw_src_run *s = gw_src_run_of(run);

	switch (type) {
	case GW_MESSAGE_PREPARED:
		return take_prepared(s, body);
	case GW_MESSAGE_POPULATED:
		return take_populated(s, body);
	case GW_MESSAGE_DIGEST_ASK:
		return take_question(s, body);
	case GW_MESSAGE_READY:
		take_parts(s, body);
		gw_run_feed(run, GW_EV_READY, 0, 0, NULL);
		return 0;
	case GW_MESSAGE_STARTING:
		take_plain(s, GW_EV_STARTING, body);
		return 0;
	case GW_MESSAGE_RUNNING:
		/* None of a guest that stays paused, nor of a godwitd from before. */
		if (gw_message_u64(body, "age_ns", INT64_MAX, &s->running_age_ns) != 0)
			s->running_age_ns = 0;
		take_plain(s, GW_EV_RUNNING, body);
		return 0;
	case GW_MESSAGE_REFUSED:
		take_plain(s, GW_EV_REFUSED, body);
		return 0;
	case GW_MESSAGE_CRASHED:
		take_plain(s, GW_EV_CRASHED, body);
		return 0;
	case GW_MESSAGE_UNKNOWN:
		take_plain(s, GW_EV_UNKNOWN, body);
		return 0;
	case GW_MESSAGE_FAILED:
		take_parts(s, body);
		take_plain(s, GW_EV_PEER_FAILED, body);
		return 0;
	case GW_MESSAGE_ABORTED:
		take_plain(s, GW_EV_PEER_ABORTED, body);
		return 0;
	default:
		return -EPROTO;
	}
}

void gw_src_run_export(struct gw_run *run, const struct gw_exporter_event *ev)
{
	struct gw_src_run *s = gw_src_run_of(run);
	enum gw_session_event_type type;

	if (gw_src_brake_export(s, ev, gw_now_ns()))
		return;
	switch (ev->type) {
	case GW_EXPORT_STARTED:
		gw_run_feed(run, GW_EV_TRACKING, 0, 0, NULL);
		break;
	case GW_EXPORT_STOPPED:
		gw_run_feed(run, GW_EV_TRACK_STOPPED, 0, 0, NULL);
		break;
	case GW_EXPORT_SYNCED:
		/* One that was given up may still be answered. */
		if (ev->synced.epoch != s->sync_number)
			break;
		s->sync_before_ns = s->sync_ns;
		s->sync_ns = gw_now_ns() - s->sync_asked_ns;
		memcpy(s->head, ev->synced.head, sizeof(s->head));
		gw_run_feed(run, GW_EV_SYNCED, 0, 0, NULL);
		break;
	case GW_EXPORT_ERROR:
		type = ev->error.request == GW_EXPORT_START  ? GW_EV_TRACKING
		       : ev->error.request == GW_EXPORT_SYNC ? GW_EV_SYNCED
							     : GW_EV_TRACK_STOPPED;
		gw_run_feed(
			run, type, ev->error.code < 0 ? ev->error.code : -EIO, 0, ev->error.text);
		break;
	default:
		break;
	}
}
