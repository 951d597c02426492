/* SPDX-License-Identifier: BSD-3-Clause */
#include "source_run.h"

#include "../config/class.h"
#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "../dataplane/base/secret.h"
#include "reasons.h"
#include "rpc.h"
#include "run_hv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void paused(void *arg, int result, const struct gw_err *err)
{
	struct gw_run *run = arg;

	if (result == 0)
		gw_meter_mark(run->meter, GW_MARK_PAUSE, gw_hv_stopped_ns(run->hv));
	gw_run_hv_done(arg, GW_EV_PAUSED, result, err);
}

static void unsaved(void *arg, int result, const struct gw_err *err)
{
	gw_run_hv_done(arg, GW_EV_UNSAVED, result, err);
}

static void saved(void *arg, int result, uint8_t *state, uint64_t size, const struct gw_err *err)
{
	struct gw_src_run *s = arg;

	gw_secret_free(s->state);
	s->state = result == 0 ? state : NULL;
	s->state_size = result == 0 ? size : 0;
	if (result != 0)
		gw_secret_free(state);
	gw_run_hv_done(&s->run, GW_EV_SAVED, result, err);
}

/* While the destination is asked: what the files hold gets page tables meanwhile. */
static void map_ram(struct gw_src_run *s)
{
	const struct gw_exporter_info *info = gw_exporter_info(gw_hv_exporter(s->run.hv));
	struct gw_populate_conf conf = {.ram = NULL};
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < info->n_regions; i++)
		bytes += info->region[i].size;
	gw_meter_total(s->run.meter, bytes);
	s->map_result = gw_run_hv_map_ram(s->run.hv, false, &s->run.ram, &s->map_err);
	if (s->map_result != 0)
		return;
	conf.ram = s->run.ram;
	gw_run_populate(&s->run, &conf, &s->run.ahead);
}

static void send_prepare(struct gw_src_run *s, bool dry)
{
	json_t *o = json_pack("{s:s, s:O, s:b, s:b}", "vm", s->run.vm, "description",
		gw_hv_description(s->run.hv), "verify", s->run.conf.verify ? 1 : 0, "dry",
		dry ? 1 : 0);

	if (s->run.announce.n > 0)
		json_object_set_new(o, "announce", gw_announce_to_json(&s->run.announce));
	gw_run_send(&s->run, GW_MESSAGE_PREPARE, o);
}

static void send_commit(struct gw_src_run *s, uint64_t label)
{
	char hex[GW_DIGEST_TEXT];

	gw_meter_mark(s->run.meter, GW_MARK_SENT, gw_now_ns());
	gw_run_rest(&s->run);
	gw_digest_print(s->state_digest, hex);
	gw_run_send(&s->run, GW_MESSAGE_COMMIT,
		json_pack("{s:I, s:I, s:s, s:b, s:b}", "label", (json_int_t)label, "state_size",
			(json_int_t)s->state_size, "state_digest", hex, "verify",
			s->run.conf.verify ? 1 : 0, "was_paused", s->run.was_paused ? 1 : 0));
	if (s->run.conf.verify)
		gw_src_run_digest(s);
}

static void say(struct gw_src_run *s, enum gw_message_type type)
{
	gw_run_send(&s->run, type,
		type == GW_MESSAGE_ABORT ? json_pack("{s:o}", "reason",
						   gw_message_string(gw_src_view(s->machine).error))
					 : NULL);
}

static void back(void *arg, struct gw_conn *conn, const char *why)
{
	struct gw_src_run *s = arg;

	s->reconnecting = false;
	if (conn == NULL) {
		gw_run_feed(&s->run, GW_EV_PEER_GONE, -EPIPE, 0, why);
		return;
	}
	gw_run_attach(&s->run, conn);
	say(s, s->reconnecting_for);
}

/* To a destination that may have to be reached again first. */
static void say_again(struct gw_src_run *s, enum gw_message_type type)
{
	if (s->run.conn != NULL) {
		say(s, type);
		return;
	}
	s->reconnecting_for = type;
	if (s->reconnecting)
		return;
	s->reconnecting = true;
	if (gw_peers_get(s->run.env->peers, s->run.peer, back, s) != 0)
		back(s, NULL, "it is not among the configured peers");
}

static void admit(struct gw_src_run *s, int code, const char *text)
{
	gw_admission fn = s->admission;

	s->admission = NULL;
	if (fn != NULL)
		fn(s->admission_arg, &s->run, code, text, s->run.reasons);
}

static void finish(struct gw_run *run)
{
	struct gw_src_run *s = gw_src_run_of(run);
	struct gw_session_view v = gw_src_view(s->machine);

	if (run->conf.dry && v.result == GW_COMPLETED) {
		admit(s, 0, "");
	} else if (s->admission != NULL) {
		if (json_array_size(run->reasons) == 0 && s->code == GW_RPC_REFUSED)
			gw_run_reason(run, "failed", v.error, "see the log");
		admit(s, json_array_size(run->reasons) > 0 ? GW_RPC_REFUSED : s->code, v.error);
	}
}

static void failed_at_once(struct gw_src_run *s, enum gw_session_event_type answer, int rc)
{
	if (rc != 0)
		gw_run_feed(&s->run, answer, rc, 0, strerror(-rc));
}

void gw_src_run_sync(struct gw_src_run *s)
{
	struct gw_exporter *x = s->run.hv != NULL ? gw_hv_exporter(s->run.hv) : NULL;

	if (gw_src_brake_holds_sync(s))
		return;
	s->sync_asked_ns = gw_now_ns();
	failed_at_once(s, GW_EV_SYNCED,
		x != NULL ? gw_exporter_sync(x, ++s->sync_number, s->sync_last) : -ENOTCONN);
}

static void track(struct gw_src_run *s, bool on)
{
	struct gw_exporter *x = s->run.hv != NULL ? gw_hv_exporter(s->run.hv) : NULL;

	if (!on)
		gw_src_brake_lift(s);
	failed_at_once(s, on ? GW_EV_TRACKING : GW_EV_TRACK_STOPPED,
		x == NULL ? -ENOTCONN
		: on      ? gw_exporter_start(x)
			  : gw_exporter_stop(x));
}

static void perform(struct gw_run *run, enum gw_session_action_type type, uint64_t value)
{
	struct gw_src_run *s = gw_src_run_of(run);

	switch (type) {
	case GW_DO_PAUSE:
		gw_announcer_end(run->env->announcer, run->vm);
		gw_hv_pause(run->hv, paused, run);
		break;
	case GW_DO_SAVE:
		gw_src_brake_lift(s); /* of a guest that somebody else had paused */
		gw_hv_save(run->hv, saved, s);
		break;
	case GW_DO_UNSAVE:
		gw_hv_unsave(run->hv, unsaved, run);
		break;
	case GW_DO_SEND_PREPARE:
		send_prepare(s, value != 0);
		if (value == 0)
			map_ram(s);
		break;
	case GW_DO_MAP:
		gw_run_feed(run, GW_EV_MAPPED, s->map_result, 0, s->map_err.text);
		break;
	case GW_DO_WATCH_LINK:
		s->watching_link = true;
		break;
	case GW_DO_LINK_REASON:
		gw_run_reason(run, "no_path", "no path to the destination's ports answers",
			"check the ports and their addresses");
		break;
	case GW_DO_ADMITTED:
		run->admitted = true;
		admit(s, 0, "");
		break;
	case GW_DO_TRACK_START:
	case GW_DO_TRACK_STOP:
		track(s, type == GW_DO_TRACK_START);
		break;
	case GW_DO_SYNC:
		s->sync_last = value != 0;
		gw_src_run_sync(s);
		break;
	case GW_DO_SEND_SWITCHOVER:
		gw_run_send(run, GW_MESSAGE_SWITCHOVER, NULL);
		break;
	case GW_DO_SEND_COMMIT:
		send_commit(s, value);
		break;
	case GW_DO_SEND_GO:
		gw_run_send(run, GW_MESSAGE_GO, NULL);
		break;
	case GW_DO_SEND_ASK:
		say_again(s, GW_MESSAGE_ASK);
		break;
	case GW_DO_SEND_END:
		gw_run_send(run, GW_MESSAGE_END, gw_src_run_costs(s));
		break;
	case GW_DO_SEND_ABORT:
		say_again(s, GW_MESSAGE_ABORT);
		break;
	default:
		gw_src_run_stream(s, type, value);
		break;
	}
}

static void step(
	struct gw_run *run, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	gw_src_step(gw_src_run_of(run)->machine, ev, out);
}

static struct gw_session_view view(const struct gw_run *run)
{
	return gw_src_view(((const struct gw_src_run *)(const void *)run)->machine);
}

static enum gw_resolve_verdict resolvable(
	const struct gw_run *run, enum gw_resolution resolution, bool sure, const char **why)
{
	return gw_src_resolvable(
		((const struct gw_src_run *)(const void *)run)->machine, resolution, sure, why);
}

static void retune(struct gw_run *run)
{
	struct gw_src_run *s = gw_src_run_of(run);

	gw_src_blackout_limit(s->machine, run->conf.limits.blackout_ns);
	if (s->stream == NULL) /* then it begins with these */
		return;
	gw_dp_source_weigh(s->stream, run->tuning.weight);
	gw_dp_source_rate(s->stream, run->tuning.rate_bps);
}

static void free_source(struct gw_run *run)
{
	struct gw_src_run *s = gw_src_run_of(run);

	gw_src_brake_end(s);
	gw_extents_free(&s->extents);
	gw_verify_free(&s->verify);
	gw_secret_free(s->state);
	if (s->machine != NULL)
		gw_src_free(&s->machine);
}

static const struct gw_run_ops ops = {.step = step,
	.view = view,
	.perform = perform,
	.observe = gw_src_run_observe,
	.message = gw_src_run_message,
	.dp_event = gw_src_run_dp_event,
	.tick = gw_src_run_tick,
	.export_event = gw_src_run_export,
	.resolvable = resolvable,
	.retune = retune,
	.finish = finish,
	.free = free_source};

static int create(const struct gw_run_env *env, const struct gw_session_conf *conf, const char *id,
	const char *vm, const char *peer, struct gw_src_run **out)
{
	struct gw_src_run *s = calloc(1, sizeof(*s));
	struct gw_run *run;
	int rc;

	if (s == NULL)
		return -ENOMEM;
	run = &s->run;
	run->conf = *conf;
	s->code = GW_RPC_REFUSED;
	s->paths_up_ns = gw_now_ns();
	rc = gw_run_init(run, env, &ops, id, vm, peer, true);
	if (rc == 0)
		rc = gw_src_create(conf, &s->machine);
	if (rc != 0)
		gw_run_free(&run);
	else
		*out = s;
	return rc;
}

int gw_src_run_start(const struct gw_run_env *env, const struct gw_src_params *p,
	struct gw_conn *conn, gw_admission admission, void *arg, struct gw_run **out)
{
	struct gw_src_run *s;
	int rc = create(env, &p->conf, p->id, p->vm, p->peer, &s);

	if (rc != 0)
		return rc;
	s->run.tuning = p->tuning;
	s->run.announce = p->announce;
	gw_reasons_append(s->run.reasons, p->reasons);
	s->admission = admission;
	s->admission_arg = arg;
	gw_src_brake_init(s, p->max_slowdown_percent);
	s->deadline_ns = p->max_total_ns != 0 ? gw_now_ns() + p->max_total_ns : 0;
	gw_run_attach(&s->run, conn);
	*out = &s->run;
	gw_run_feed(&s->run, GW_EV_START, 0, 0, NULL);
	return 0;
}

int gw_src_run_recover(const struct gw_run_env *env, const struct gw_session_conf *conf,
	const struct gw_record *record, struct gw_run **out)
{
	struct gw_src_run *s;
	int rc = create(env, conf, record->id, record->vm, record->peer, &s);

	if (rc != 0)
		return rc;
	s->run.was_paused = record->was_paused;
	gw_tuning_class(
		&s->run.tuning, gw_config_class(env->config, env->config->migration.class_name));
	s->recover_pid = record->pid;
	s->run.admitted = true;
	*out = &s->run;
	gw_run_feed(&s->run, GW_EV_RECOVER, record->was_paused, (uint64_t)record->step, NULL);
	return 0;
}
