/* SPDX-License-Identifier: BSD-3-Clause */
#include "manager_internal.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "answers.h"
#include "policy.h"
#include "reasons.h"
#include "sink_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define POLL_NS GW_NS_PER_MS
#define POLL_URGENT_NS (50 * GW_NS_PER_US)
#define POLL_LINGER_NS (10 * GW_NS_PER_MS) /* what workers still say after the last session */
#define POLL_IDLE_NS (250 * GW_NS_PER_MS)  /* the ports' links */
#define WATCH_NS (2 * GW_NS_PER_MS)
#define LINGER_NS (2 * GW_NS_PER_S)
#define STOP_STEP_NS (20 * GW_NS_PER_MS)
#define STOP_NS (30 * GW_NS_PER_S)
#define STOP_COMMITTED_NS (5 * GW_NS_PER_S)

struct gw_run *gw_manager_find_id(const struct gw_manager *m, const char *id)
{
	for (uint32_t i = 0; i < m->runs; i++)
		if (strcmp(m->run[i]->id, id) == 0)
			return m->run[i];
	return NULL;
}

struct gw_run *gw_manager_find_vm(const struct gw_manager *m, const char *vm)
{
	for (uint32_t i = 0; i < m->runs; i++)
		if (strcmp(m->run[i]->vm, vm) == 0)
			return m->run[i];
	return NULL;
}

static void set_period(struct gw_manager *m, uint64_t period_ns)
{
	if (m->period_ns == period_ns)
		return;
	m->period_ns = period_ns;
	gw_timer_set(m->poll_timer, period_ns, period_ns);
}

void gw_manager_add(struct gw_manager *m, struct gw_run *run)
{
	gw_manager_measure_yield(m, run->vm);
	m->run[m->runs++] = run;
	set_period(m, POLL_NS);
}

static void poll_events(struct gw_manager *m)
{
	struct gw_dp_event ev;

	while (gw_dp_poll_event(m->env.dp, &ev) == 1)
		for (uint32_t i = 0; i < m->runs; i++)
			if (m->run[i] == ev.ctx)
				m->run[i]->ops->dp_event(m->run[i], &ev);
}

/* A look costs the CPU that a hypervisor saves or loads on: often only while a guest waits for it.
 */
static void pace(void *ctx)
{
	struct gw_manager *m = ctx;
	bool urgent = false;

	for (uint32_t i = 0; i < m->runs; i++)
		urgent = urgent || gw_run_view(m->run[i]).urgent;
	if (urgent)
		set_period(m, POLL_URGENT_NS);
	else if (m->runs > 0)
		set_period(m, POLL_NS);
	else
		set_period(m,
			gw_now_ns() - m->last_run_ns < LINGER_NS ? POLL_LINGER_NS : POLL_IDLE_NS);
}

static void poll(void *ctx)
{
	struct gw_manager *m = ctx;
	uint64_t now = gw_now_ns();

	poll_events(m);
	if (now >= m->watch_ns) {
		m->watch_ns = now + WATCH_NS;
		gw_dp_watch_ports(m->env.dp);
	}
	for (uint32_t i = 0; i < m->runs; i++)
		gw_run_tick(m->run[i], now);
	if (m->runs > 0)
		m->last_run_ns = now;
	pace(m);
}

static void keep(struct gw_manager *m, struct gw_run *run)
{
	struct gw_session_view v = gw_run_view(run);
	json_t *status = gw_run_status(run);
	json_t *report = gw_meter_report(run->meter, &v, run->conf.verify);
	struct gw_err err;

	json_object_set_new(report, "security", json_string(gw_policy_security(m->env.config)));

	gw_info("session %s (%s): %s%s%s", run->id, run->vm,
		gw_result_name(v.result) != NULL ? gw_result_name(v.result) : "ended",
		v.error[0] != '\0' ? ": " : "", v.error);
	if (gw_report_write(report, m->env.config->report_dir, &err) != 0)
		gw_warn("session %s (%s): report: %s", run->id, run->vm, err.text);
	gw_history_add(m->history, status, report);
}

static void finished(void *ctx, struct gw_run *run)
{
	struct gw_manager *m = ctx;

	if (run->admitted && !run->conf.dry)
		keep(m, run);
	for (uint32_t i = 0; i < m->runs; i++)
		if (m->run[i] == run)
			m->run[i] = m->run[--m->runs];
	gw_run_free(&run);
}

/* ---- what peers say ---- */

static void refuse(struct gw_conn *conn, const char *id, const char *code, const char *message,
	const char *remedy)
{
	json_t *reasons = json_array();

	gw_reasons_add(reasons, "destination", code, message, remedy);
	gw_conn_send(conn, GW_MESSAGE_PREPARED,
		json_pack("{s:s, s:o}", "session", id, "reasons", reasons));
}

static int on_prepare(
	struct gw_manager *m, struct gw_conn *conn, const char *id, const json_t *body)
{
	struct gw_dst_params p = {.description = json_object_get(body, "description")};
	const char *peer = gw_peer_name(gw_conn_peer(conn));
	struct gw_run *run;
	json_t *reasons;

	if (gw_peer_initiator(gw_conn_peer(conn)) || gw_manager_find_id(m, id) != NULL ||
		!json_is_object(p.description))
		return -EPROTO;
	if (gw_message_text(body, "vm", p.vm, sizeof(p.vm)) != 0 || !gw_name_valid(p.vm))
		return -EPROTO;
	snprintf(p.id, sizeof(p.id), "%s", id);
	p.conf.dry = gw_message_bool(body, "dry");
	p.conf.verify = gw_message_bool(body, "verify");
	p.conf.hooks = gw_attendant_has_hooks(m->env.attendant);
	if (gw_announce_from_json(json_object_get(body, "announce"), &p.announce) != 0)
		return -EPROTO;
	reasons = json_array();
	if (p.announce.n > 0 && m->env.announcer == NULL)
		gw_reasons_add(reasons, "destination", "no_announce",
			"this host has no interface on which to announce the guest",
			"set announce.interface in the destination's configuration, or leave "
			"--announce out");
	p.reasons = reasons;
	p.conf.reasons = (uint32_t)json_array_size(reasons);
	if (!gw_policy_receive(m->env.config, peer, p.vm))
		refuse(conn, id, "not_allowed", "this VM is not to be received from that host",
			"change allow.receive of the peer in the destination's configuration");
	else if (gw_conn_distrusted(conn) != NULL)
		refuse(conn, id, "not_trusted", "the source's certificate is not accepted any more",
			"give the source a new certificate");
	else if (m->runs == GW_MANAGER_MAX_RUNS || m->stop_ns != 0 ||
		 gw_manager_find_vm(m, p.vm) != NULL)
		refuse(conn, id, "busy",
			gw_manager_find_vm(m, p.vm) != NULL ? "a session for this VM exists already"
							    : "no more sessions are taken",
			"try again when the other session has ended");
	else if (gw_recovery_holds(m->recovery, p.vm))
		refuse(conn, id, "busy",
			"what an earlier migration of this VM left is being settled",
			"try again in a moment");
	else if (p.conf.dry && gw_manager_measures(m, p.vm))
		refuse(conn, id, "busy", "the VM's dirty rate is being measured",
			"try again when that has ended");
	else if (gw_dst_run_start(&m->env, &p, conn, &run) != 0)
		refuse(conn, id, "no_memory", "out of memory", "free memory there");
	else
		gw_manager_add(m, run);
	json_decref(reasons);
	return 0;
}

static int on_message(
	void *ctx, struct gw_conn *conn, enum gw_message_type type, const json_t *body)
{
	struct gw_manager *m = ctx;
	char id[GW_UUID_TEXT];
	struct gw_run *run;

	if (gw_message_text(body, "session", id, sizeof(id)) != 0 || !gw_uuid_valid(id))
		return -EPROTO;
	if (type == GW_MESSAGE_PREPARE)
		return on_prepare(m, conn, id, body);
	run = gw_manager_find_id(m, id);
	if (run != NULL && !run->over)
		return gw_run_message(run, conn, type, body);
	gw_answer_for_ended(
		m->env.config->run_dir, conn, type, id, gw_recovery_settles(m->recovery, id));
	return 0;
}

static void on_gone(void *ctx, struct gw_conn *conn, const char *reason)
{
	struct gw_manager *m = ctx;

	for (uint32_t i = 0; i < m->runs; i++)
		if (m->run[i]->conn == conn)
			gw_run_conn_gone(m->run[i], reason);
}

struct gw_peers *gw_manager_peers(const struct gw_manager *m)
{
	return m->env.peers;
}

struct gw_dp *gw_manager_dp(const struct gw_manager *m)
{
	return m->env.dp;
}

const struct gw_config *gw_manager_config(const struct gw_manager *m)
{
	return m->env.config;
}

/* ---- start and stop ---- */

void gw_manager_recover_source(struct gw_manager *m, const struct gw_record *record)
{
	struct gw_session_conf conf;
	struct gw_migrate what;
	struct gw_run *run;

	gw_manager_defaults(m, &what);
	conf = gw_manager_session_conf(m, &what);
	if (m->runs == GW_MANAGER_MAX_RUNS || gw_src_run_recover(&m->env, &conf, record, &run) != 0)
		gw_error("session %s (%s): cannot be taken up again", record->id, record->vm);
	else
		gw_manager_add(m, run);
}

static void stop_step(void *ctx)
{
	struct gw_manager *m = ctx;
	uint64_t waited = gw_now_ns() - m->stop_ns;
	bool open = false;

	for (uint32_t i = 0; i < m->runs; i++)
		open = open || !gw_run_view(m->run[i]).committed;
	if (m->runs > 0 && waited < (open ? STOP_NS : STOP_COMMITTED_NS))
		return;
	for (uint32_t i = 0; i < m->runs; i++)
		gw_warn("session %s (%s): left as it is, its record is kept", m->run[i]->id,
			m->run[i]->vm);
	gw_timer_stop(m->stop_timer);
	m->stopped(m->stopped_arg);
}

void gw_manager_stop(struct gw_manager *m, void (*done)(void *arg), void *arg)
{
	if (m->stop_ns != 0)
		return;
	m->stop_ns = gw_now_ns();
	m->stopped = done;
	m->stopped_arg = arg;
	gw_manager_measure_stop(m);
	for (uint32_t i = 0; i < m->runs; i++)
		if (!gw_run_view(m->run[i]).committed)
			gw_run_abort(m->run[i], "godwitd is stopping");
	gw_timer_set(m->stop_timer, STOP_STEP_NS, STOP_STEP_NS);
}

int gw_manager_create(
	const struct gw_manager_conf *conf, struct gw_manager **out, struct gw_err *err)
{
	struct gw_manager *m = calloc(1, sizeof(*m));
	const struct gw_peers_conf peers = {.loop = conf->loop,
		.dp = conf->dp,
		.config = conf->config,
		.tls = conf->tls,
		.message = on_message,
		.gone = on_gone,
		.ctx = m};
	int rc = -ENOMEM;

	if (m == NULL)
		return gw_err(err, rc, "out of memory");
	m->env = (struct gw_run_env){.loop = conf->loop,
		.dp = conf->dp,
		.config = conf->config,
		.experience = &m->experience,
		.attendant = conf->attendant,
		.announcer = conf->announcer,
		.finished = finished,
		.hurry = pace,
		.ctx = m};
	m->poll_timer = gw_timer_create(conf->loop, poll, m);
	m->stop_timer = gw_timer_create(conf->loop, stop_step, m);
	if (m->poll_timer == NULL || m->stop_timer == NULL || gw_history_create(&m->history) != 0) {
		gw_err(err, rc, "out of memory");
		goto fail;
	}
	rc = gw_peers_create(&peers, &m->env.peers, err);
	if (rc != 0)
		goto fail;
	rc = gw_recovery_create(conf->loop, conf->config, m, &m->recovery, err);
	if (rc != 0)
		goto fail;
	set_period(m, POLL_IDLE_NS);
	*out = m;
	return 0;
fail:
	gw_manager_free(&m);
	return rc;
}

void gw_manager_free(struct gw_manager **manager)
{
	struct gw_manager *m = *manager;

	if (m == NULL)
		return;
	gw_recovery_free(&m->recovery);
	gw_manager_measure_stop(m);
	for (uint32_t i = 0; i < m->runs; i++)
		gw_run_cancel_jobs(m->run[i]);
	gw_job_wait_all(m->env.loop); /* they work on what is freed here */
	while (m->runs > 0)
		gw_run_free(&m->run[--m->runs]);
	gw_peers_free(&m->env.peers);
	gw_history_free(&m->history);
	gw_timer_free(&m->poll_timer);
	gw_timer_free(&m->stop_timer);
	free(m);
	*manager = NULL;
}
