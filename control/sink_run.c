/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink_run.h"

#include "../dataplane/base/clock.h"
#include "reasons.h"
#include "run_hv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void loaded(void *arg, int result, const struct gw_err *err)
{
	gw_run_hv_done(arg, GW_EV_LOADED, result, err);
}

static void load_opened(void *arg, int result, const struct gw_err *err)
{
	gw_run_hv_done(arg, GW_EV_LOAD_OPENED, result, err);
}

static void create_stream(struct gw_dst_run *s)
{
	struct gw_link *link = s->run.conn != NULL ? gw_conn_link(s->run.conn) : NULL;
	struct gw_dp_sink_conf conf = {.ram = s->run.ram,
		.state_limit_mib = s->run.env->config->migration.state_limit_mib,
		.ctx = &s->run};
	struct gw_err err = {.text = ""};
	int rc;

	if (link == NULL) {
		gw_run_feed(
			&s->run, GW_EV_STREAM, -ENOTCONN, 0, "no paths between the hosts' ports");
		return;
	}
	s->run.link = gw_link_get(link);
	conf.link = gw_link_dp(link);
	rc = gw_extents_create(s->run.ram, &s->extents);
	if (rc == 0)
		rc = gw_dp_sink_create(s->run.env->dp, &conf, &s->stream, &err);
	gw_run_feed(&s->run, GW_EV_STREAM, rc, 0, err.text[0] != '\0' ? err.text : strerror(-rc));
}

static void send_prepared(struct gw_dst_run *s)
{
	json_t *o = json_pack("{s:O}", "reasons", s->run.reasons);

	if (s->stream != NULL)
		json_object_set_new(o, "stream", json_integer(gw_dp_sink_stream(s->stream)));
	gw_run_send(&s->run, GW_MESSAGE_PREPARED, o);
}

static json_t *verified(const struct gw_dst_run *s)
{
	json_t *o = json_object();

	if (s->verify != NULL) {
		json_object_set_new(
			o, "pages", json_integer((json_int_t)gw_verify_total(s->verify)));
		json_object_set_new(
			o, "mismatched", json_integer((json_int_t)gw_verify_mismatched(s->verify)));
	}
	return o;
}

static void send_ready(struct gw_dst_run *s)
{
	json_t *o = verified(s);

	json_object_set_new(o, "fence_ns", json_integer((json_int_t)(s->fenced_ns - s->commit_ns)));
	json_object_set_new(
		o, "verify_ns", json_integer((json_int_t)(s->verified_ns - s->fenced_ns)));
	json_object_set_new(
		o, "load_ns", json_integer((json_int_t)(s->loaded_ns - s->verified_ns)));
	gw_run_send(&s->run, GW_MESSAGE_READY, o);
}

static void send_running(struct gw_run *run)
{
	uint64_t since_ns = run->hv_open ? gw_hv_resumed_ns(run->hv) : 0;

	/* A guest that had been paused before stays so. */
	gw_run_send(run, GW_MESSAGE_RUNNING,
		since_ns == 0 ? NULL
			      : json_pack("{s:I}", "age_ns", (json_int_t)(gw_now_ns() - since_ns)));
}

static void send_reason(struct gw_dst_run *s, enum gw_message_type type)
{
	json_t *o = verified(s);

	json_object_set_new(o, "reason", gw_message_string(gw_dst_view(s->machine).error));
	gw_run_send(&s->run, type, o);
}

static void perform(struct gw_run *run, enum gw_session_action_type type, uint64_t value)
{
	struct gw_dst_run *s = gw_dst_run_of(run);

	(void)value;
	switch (type) {
	case GW_DO_MAP:
		gw_dst_run_map(s);
		break;
	case GW_DO_STREAM_CREATE:
		/* Of the hypervisor's own memory, so that little is left to do while a guest stands
		 * still. */
		gw_exporter_touch(gw_hv_exporter(run->hv));
		create_stream(s);
		break;
	case GW_DO_FENCE:
		if (s->stream != NULL)
			gw_dp_sink_fence(s->stream);
		else
			gw_run_feed(run, GW_EV_FENCED, 0, 0, NULL);
		break;
	case GW_DO_VERIFY:
		gw_dst_run_verify(s);
		break;
	case GW_DO_LOAD_OPEN:
		/* And the guest's, which comes soon. Where it cannot be: the guest takes the faults.
		 */
		gw_exporter_touch(gw_hv_exporter(run->hv));
		gw_hv_load_open(run->hv, load_opened, run);
		break;
	case GW_DO_LOAD:
		gw_hv_load(run->hv, s->state, s->state_size, loaded, run);
		break;
	case GW_DO_PUNCH:
		gw_dst_run_punch(s);
		break;
	case GW_DO_SEND_PREPARED:
		send_prepared(s);
		break;
	case GW_DO_SEND_READY:
		send_ready(s);
		break;
	case GW_DO_SEND_STARTING:
		gw_run_send(run, GW_MESSAGE_STARTING, NULL);
		break;
	case GW_DO_SEND_RUNNING:
		send_running(run);
		break;
	case GW_DO_SEND_REFUSED:
		send_reason(s, GW_MESSAGE_REFUSED);
		break;
	case GW_DO_SEND_CRASHED:
		send_reason(s, GW_MESSAGE_CRASHED);
		break;
	case GW_DO_SEND_FAILED:
		send_reason(s, GW_MESSAGE_FAILED);
		break;
	case GW_DO_SEND_ABORTED:
		send_reason(s, GW_MESSAGE_ABORTED);
		break;
	default:
		break;
	}
}

static void step(
	struct gw_run *run, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	gw_dst_step(gw_dst_run_of(run)->machine, ev, out);
}

static struct gw_session_view view(const struct gw_run *run)
{
	return gw_dst_view(((const struct gw_dst_run *)(const void *)run)->machine);
}

static void dp_event(struct gw_run *run, const struct gw_dp_event *ev)
{
	if (ev->type != GW_DP_FENCED)
		return;
	gw_run_rest(run);
	gw_run_feed(run, GW_EV_FENCED, 0, 0, NULL);
}

static void tick(struct gw_run *run, uint64_t now_ns)
{
	struct gw_dst_run *s = gw_dst_run_of(run);

	if (!s->committed)
		gw_dst_run_announce(s, now_ns);
}

static void finish(struct gw_run *run)
{
	run->admitted = gw_dst_run_of(run)->stream != NULL;
}

static void free_sink(struct gw_run *run)
{
	struct gw_dst_run *s = gw_dst_run_of(run);

	if (s->stream != NULL)
		gw_dp_sink_free(&s->stream);
	gw_extents_free(&s->extents);
	gw_verify_free(&s->verify);
	json_decref(s->description);
	if (s->machine != NULL)
		gw_dst_free(&s->machine);
}

static const struct gw_run_ops ops = {.step = step,
	.view = view,
	.perform = perform,
	.observe = gw_dst_run_observe,
	.message = gw_dst_run_message,
	.dp_event = dp_event,
	.tick = tick,
	.finish = finish,
	.free = free_sink};

int gw_dst_run_start(const struct gw_run_env *env, const struct gw_dst_params *p,
	struct gw_conn *conn, struct gw_run **out)
{
	struct gw_dst_run *s = calloc(1, sizeof(*s));
	struct gw_run *run;
	int rc;

	if (s == NULL)
		return -ENOMEM;
	run = &s->run;
	run->conf = p->conf;
	run->announce = p->announce;
	s->description = json_deep_copy(p->description);
	rc = gw_run_init(run, env, &ops, p->id, p->vm, gw_peer_name(gw_conn_peer(conn)), false);
	if (rc == 0)
		rc = s->description != NULL ? gw_dst_create(&p->conf, &s->machine) : -ENOMEM;
	if (rc != 0) {
		gw_run_free(&run);
		return rc;
	}
	gw_reasons_append(run->reasons, p->reasons);
	gw_run_attach(run, conn);
	*out = run;
	gw_run_feed(run, GW_EV_START, 0, 0, NULL);
	return 0;
}
