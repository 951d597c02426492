/* SPDX-License-Identifier: BSD-3-Clause */
#include "run.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "link_message.h"
#include "policy.h"
#include "reasons.h"
#include "run_hv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void on_timer(void *ctx)
{
	struct gw_run *run = ctx;

	gw_run_feed(run, GW_EV_TIMER, 0, 0, NULL);
}

static void on_end(void *ctx)
{
	struct gw_run *run = ctx;

	run->env->finished(run->env->ctx, run);
}

int gw_run_init(struct gw_run *run, const struct gw_run_env *env, const struct gw_run_ops *ops,
	const char *id, const char *vm, const char *peer, bool is_source)
{
	run->env = env;
	run->ops = ops;
	run->is_source = is_source;
	snprintf(run->id, sizeof(run->id), "%s", id);
	snprintf(run->vm, sizeof(run->vm), "%s", vm);
	snprintf(run->peer, sizeof(run->peer), "%s", peer);
	gw_dp_active(env->dp, true);
	run->awake = true;
	run->reasons = json_array();
	run->timer = gw_timer_create(env->loop, on_timer, run);
	run->end_timer = gw_timer_create(env->loop, on_end, run);
	if (run->reasons == NULL || run->timer == NULL || run->end_timer == NULL)
		return -ENOMEM;
	return gw_meter_create(env->dp, id, vm, peer, is_source, &run->meter);
}

void gw_run_free(struct gw_run **r)
{
	struct gw_run *run = *r;

	if (run == NULL)
		return;
	gw_hook_cancel(&run->hook);
	gw_peers_forget(run->env->peers, run);
	gw_run_attach(run, NULL);
	run->ops->free(run);
	gw_timer_free(&run->timer);
	gw_timer_free(&run->end_timer);
	if (run->hv != NULL)
		gw_hv_free(&run->hv);
	if (run->ram != NULL)
		gw_ram_free(&run->ram);
	gw_populate_free(&run->ahead);
	gw_populate_free(&run->populate);
	gw_populate_free(&run->again);
	gw_link_put(&run->link);
	gw_meter_free(&run->meter);
	json_decref(run->reasons);
	gw_run_rest(run);
	free(run);
	*r = NULL;
}

void gw_run_rest(struct gw_run *run)
{
	if (run->awake)
		gw_dp_active(run->env->dp, false);
	run->awake = false;
}

void gw_run_attach(struct gw_run *run, struct gw_conn *conn)
{
	if (conn != NULL)
		gw_conn_hold(conn);
	if (run->conn != NULL)
		gw_conn_release(run->conn);
	run->conn = conn;
}

static void end_now(struct gw_run *run)
{
	run->ops->finish(run);
	/* Whoever called us may still use the hypervisor or the connection. */
	gw_timer_set(run->end_timer, 1, 0);
}

static void record(struct gw_run *run, enum gw_record_step step)
{
	struct gw_record r = {
		.step = step, .was_paused = run->was_paused, .pid = gw_run_hv_pid(run)};
	struct gw_err err = {.text = ""};
	int rc;

	snprintf(r.id, sizeof(r.id), "%s", run->id);
	snprintf(r.vm, sizeof(r.vm), "%s", run->vm);
	snprintf(r.peer, sizeof(r.peer), "%s", run->peer);
	rc = gw_record_write(run->env->config->run_dir, &r, &err);
	if (rc != 0)
		gw_error("session %s (%s): %s", run->id, run->vm, err.text);
	gw_run_feed(run, GW_EV_RECORDED, rc, (uint64_t)step, err.text);
}

static void perform(struct gw_run *run, enum gw_session_action_type type, uint64_t value)
{
	switch (type) {
	case GW_DO_TIMER:
		if (value != 0)
			gw_timer_set(run->timer, value, 0);
		else
			gw_timer_stop(run->timer);
		break;
	case GW_DO_RECORD:
		run->announced_pause = true;
		record(run, (enum gw_record_step)value);
		break;
	case GW_DO_RECORD_REMOVE:
		gw_record_remove(run->env->config->run_dir, run->id);
		break;
	case GW_DO_HOOK:
		gw_run_hook(run, (enum gw_hook_point)value);
		break;
	case GW_DO_FINISH:
		run->over = true;
		gw_timer_stop(run->timer);
		gw_run_when_free(run, end_now);
		break;
	default:
		if (!gw_run_hv_perform(run, type))
			run->ops->perform(run, type, value);
		break;
	}
}

static void log_change(const struct gw_run *run, const struct gw_session_view *was,
	const struct gw_session_view *is)
{
	if (was->state != is->state)
		gw_debug("session %s (%s): %s", run->id, run->vm, is->state);
	if (was->phase != is->phase) {
		gw_meter_phase(run->meter, is->phase);
		gw_info("session %s (%s): %s%s%s", run->id, run->vm, gw_phase_name(is->phase),
			is->phase == GW_ABORT ? ": " : "", is->phase == GW_ABORT ? is->error : "");
	}
}

static void step(struct gw_run *run, struct gw_session_event *ev)
{
	struct gw_session_view was = gw_run_view(run), is;
	struct gw_session_actions out;

	if (run->ops->observe != NULL)
		run->ops->observe(run, ev);
	run->ops->step(run, ev, &out);
	is = gw_run_view(run);
	log_change(run, &was, &is);
	if (was.urgent != is.urgent)
		run->env->hurry(run->env->ctx);
	for (uint32_t i = 0; i < out.n; i++)
		perform(run, out.list[i].type, out.list[i].value);
}

void gw_run_event(struct gw_run *run, const struct gw_session_event *ev)
{
	if (run->over)
		return;
	if (run->queued == GW_RUN_QUEUE) {
		gw_error("session %s (%s): event %s lost", run->id, run->vm,
			gw_session_event_name(ev->type));
		return;
	}
	run->queue[run->queued] = *ev;
	run->queue[run->queued++].now_ns = gw_now_ns();
	if (run->feeding)
		return;
	run->feeding = true;
	while (run->queued > 0 && !run->over) {
		struct gw_session_event first = run->queue[0];

		memmove(run->queue, run->queue + 1, --run->queued * sizeof(run->queue[0]));
		step(run, &first);
	}
	run->feeding = false;
}

void gw_run_feed(struct gw_run *run, enum gw_session_event_type type, int result, uint64_t value,
	const char *text)
{
	struct gw_session_event ev = {.type = type, .result = result, .value = value};

	snprintf(ev.text, sizeof(ev.text), "%s", text != NULL ? text : "");
	gw_run_event(run, &ev);
}

void gw_run_fault(struct gw_run *run, const char *fmt, ...)
{
	struct gw_session_event ev = {.type = GW_EV_FAULT, .result = -EIO};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ev.text, sizeof(ev.text), fmt, ap);
	va_end(ap);
	gw_run_event(run, &ev);
}

void gw_run_send(struct gw_run *run, enum gw_message_type type, json_t *body)
{
	if (run->conn == NULL) {
		json_decref(body);
		return;
	}
	if (body == NULL)
		body = json_object();
	json_object_set_new(body, "session", json_string(run->id));
	gw_conn_send(run->conn, type, body);
}

void gw_run_reason(struct gw_run *run, const char *code, const char *message, const char *remedy)
{
	gw_reasons_add(
		run->reasons, run->is_source ? "source" : "destination", code, message, remedy);
}

int gw_run_message(
	struct gw_run *run, struct gw_conn *conn, enum gw_message_type type, const json_t *body)
{
	/* Only the other end of this session may speak for it; after a loss it comes by another
	 * connection. */
	if (run->conn != conn) {
		if (run->conn != NULL || run->is_source ||
			strcmp(gw_peer_name(gw_conn_peer(conn)), run->peer) != 0)
			return -EPROTO;
		gw_run_attach(run, conn);
		gw_run_feed(run, GW_EV_PEER_BACK, 0, 0, NULL);
	}
	return run->ops->message(run, type, body);
}

void gw_run_conn_gone(struct gw_run *run, const char *reason)
{
	gw_run_attach(run, NULL);
	gw_run_feed(run, GW_EV_PEER_GONE, -EPIPE, 0, reason);
}

void gw_run_tick(struct gw_run *run, uint64_t now_ns)
{
	if (run->over)
		return;
	if (run->ram != NULL && gw_ram_broken(run->ram))
		gw_run_fault(run, "the guest's memory file shrank");
	gw_meter_tick(run->meter, now_ns);
	run->ops->tick(run, now_ns);
}

void gw_run_abort(struct gw_run *run, const char *reason)
{
	gw_run_feed(run, GW_EV_USER_ABORT, 0, 0, reason);
}

void gw_tuning_class(struct gw_tuning *t, const struct gw_config_class *class)
{
	snprintf(t->class_name, sizeof(t->class_name), "%s", class->name);
	t->weight = class->weight;
	t->rate_bps = class->rate_bps;
}

void gw_run_change(struct gw_run *run, const struct gw_changes *c)
{
	struct gw_tuning *t = &run->tuning;

	if (c->class != NULL)
		gw_tuning_class(t, c->class);
	if (c->has_weight)
		t->weight = c->weight;
	if (c->has_rate)
		t->rate_bps = c->rate_bps;
	if (c->has_blackout_limit)
		run->conf.limits.blackout_ns = c->blackout_limit_ms * GW_NS_PER_MS;
	run->ops->retune(run);
	gw_info("session %s (%s): class %s, weight %u, cap %llu bit/s, blackout limit %llu ms",
		run->id, run->vm, t->class_name, t->weight, (unsigned long long)t->rate_bps,
		(unsigned long long)(run->conf.limits.blackout_ns / GW_NS_PER_MS));
}

struct gw_session_view gw_run_view(const struct gw_run *run)
{
	return run->ops->view(run);
}

json_t *gw_run_status(const struct gw_run *run)
{
	struct gw_session_view v = gw_run_view(run);
	const char *result = v.over ? gw_result_name(v.result) : NULL;
	struct gw_dp_host host;
	json_t *o;

	gw_dp_host(run->env->dp, &host);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:s}", "id", run->id, "vm", run->vm,
		"role", run->is_source ? "source" : "destination", "peer", run->peer, "phase",
		gw_phase_name(v.phase), "result",
		result != NULL ? json_string(result) : json_null(), "error",
		v.error[0] != '\0' ? gw_message_string(v.error) : json_null(), "verify",
		run->conf.verify ? 1 : 0, "integrity", gw_integrity_name(host.integrity));
	json_object_set_new(o, "security", json_string(gw_policy_security(run->env->config)));
	json_object_set_new(o, "predicted_blackout_ms",
		v.predicted_ns == 0 ? json_null()
				    : json_real((double)v.predicted_ns / GW_NS_PER_MS));
	if (run->is_source)
		json_object_update_new(
			o, json_pack("{s:s, s:I, s:I, s:I}", "class", run->tuning.class_name,
				   "weight", (json_int_t)run->tuning.weight, "rate_bps",
				   (json_int_t)run->tuning.rate_bps, "blackout_limit_ms",
				   (json_int_t)(run->conf.limits.blackout_ns / GW_NS_PER_MS)));
	gw_meter_status(run->meter, o);
	return o;
}
