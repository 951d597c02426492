/* SPDX-License-Identifier: BSD-3-Clause */
#include "service.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/export/godwit_export.h"
#include "service_dirty.h"
#include "service_params.h"
#include "service_set.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define PEERS_STEP_NS (50 * GW_NS_PER_MS)
#define PEERS_STEPS 40u /* two seconds for paths to be probed */

struct gw_service {
	struct gw_loop *loop;
	struct gw_rpc *rpc;
	struct gw_manager *manager;
	struct gw_security *security;
	LIST_HEAD(, peers_query) queries;
};

/* ---- sessions ---- */

static void admitted(
	void *arg, struct gw_run *run, int code, const char *text, const json_t *reasons)
{
	struct gw_rpc_call *call = arg;

	if (code == 0)
		gw_rpc_reply(call, json_pack("{s:s}", "id", run->id));
	else
		gw_rpc_error(call, code,
			reasons != NULL ? json_pack("{s:o}", "reasons", json_deep_copy(reasons))
					: NULL,
			"%s", text);
}

static void migrate(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {"vm", "host", "verify", "after", "populate_first",
		"blackout_limit_ms", "max_total_s", "on_limit", "max_slowdown_percent",
		"on_slowdown_limit", "class", "weight", "rate", "announce", NULL};
	struct gw_service *s = ctx;
	struct gw_migrate m;

	if (gw_params_known(call, params, keys) && gw_params_migrate(s->manager, call, params, &m))
		gw_manager_migrate(s->manager, &m, admitted, call);
}

static void checked(
	void *arg, struct gw_run *run, int code, const char *text, const json_t *reasons)
{
	struct gw_rpc_call *call = arg;

	(void)run;
	if (code == 0 || code == GW_RPC_REFUSED)
		gw_rpc_reply(call,
			json_pack("{s:b, s:o}", "ok", json_array_size(reasons) == 0, "reasons",
				reasons != NULL ? json_deep_copy(reasons) : json_array()));
	else
		gw_rpc_error(call, code, NULL, "%s", text);
}

static void check(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {"vm", "host", NULL};
	struct gw_service *s = ctx;
	struct gw_migrate m;

	if (!gw_params_known(call, params, keys) ||
		!gw_params_migrate(s->manager, call, params, &m))
		return;
	m.dry = true;
	gw_manager_migrate(s->manager, &m, checked, call);
}

static void list(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;

	(void)params;
	gw_rpc_reply(call, json_pack("{s:o}", "sessions", gw_manager_list(s->manager)));
}

static void show(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;
	struct gw_params_ids ids;
	json_t *status;

	if (!gw_params_ids(call, params, &ids))
		return;
	status = gw_manager_status(s->manager, ids.id, ids.vm);
	if (status != NULL)
		gw_rpc_reply(call, status);
	else
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no such session");
}

static void abort_session(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;
	char id[GW_UUID_TEXT], reason[128];
	struct gw_params_ids ids;
	int rc;

	if (!gw_params_ids(call, params, &ids))
		return;
	gw_message_reason(params, "reason", reason, sizeof(reason));
	rc = gw_manager_abort(s->manager, ids.id, ids.vm, reason, id);
	if (rc == 0)
		gw_rpc_reply(call, json_pack("{s:s}", "id", id));
	else
		gw_rpc_error(call, rc, NULL,
			rc == GW_RPC_STATE ? "the session cannot be aborted any more"
					   : "no such session");
}

static void resolve(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {"id", "vm", "as", "sure", NULL};
	struct gw_err err = {.text = ""};
	struct gw_service *s = ctx;
	enum gw_resolution as;
	struct gw_params_ids ids;
	char id[GW_UUID_TEXT];
	bool sure = false;
	int rc;

	if (!gw_params_known(call, params, keys) || !gw_params_ids(call, params, &ids) ||
		!gw_params_resolution(call, params, &as, &sure))
		return;
	rc = gw_manager_resolve(s->manager, ids.id, ids.vm, as, sure, id, &err);
	if (rc == 0)
		gw_rpc_reply(call, json_pack("{s:s}", "id", id));
	else
		gw_rpc_error(call, rc, NULL, "%s", err.text);
}

static void report(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;
	char path[PATH_MAX];
	struct gw_params_ids ids;
	json_t *o;

	if (!gw_params_ids(call, params, &ids))
		return;
	o = gw_manager_report(s->manager, ids.id, ids.vm);
	if (o == NULL && ids.id != NULL && gw_uuid_valid(ids.id)) {
		snprintf(path, sizeof(path), "%s/%s.json",
			gw_manager_config(s->manager)->report_dir, ids.id);
		o = json_load_file(path, 0, NULL);
	}
	if (o != NULL)
		gw_rpc_reply(call, o);
	else
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no report: no such session has ended");
}

/* ---- the host ---- */

/* `peers` connects to those configured, so it answers when they are there or have failed. */
struct peers_query {
	LIST_ENTRY(peers_query) link;
	struct gw_service *s;
	struct gw_rpc_call *call;
	struct gw_timer *timer;
	uint32_t waiting, steps;
};

static void peers_step(void *ctx)
{
	struct peers_query *q = ctx;
	struct gw_peers *peers = gw_manager_peers(q->s->manager);
	json_t *o;

	if (++q->steps < PEERS_STEPS && (q->waiting > 0 || !gw_peers_settled(peers)))
		return;
	if (q->waiting > 0)
		gw_peers_forget(peers, q);
	o = json_pack("{s:o}", "peers", gw_peers_json(peers));
	gw_security_json(q->s->security, o);
	gw_rpc_reply(q->call, o);
	LIST_REMOVE(q, link);
	gw_timer_free(&q->timer);
	free(q);
}

static void peer_came(void *arg, struct gw_conn *conn, const char *why)
{
	struct peers_query *q = arg;

	(void)conn;
	(void)why;
	q->waiting--;
}

static void peers(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;
	const struct gw_config *c = gw_manager_config(s->manager);
	struct peers_query *q = calloc(1, sizeof(*q));

	(void)params;
	if (q != NULL)
		q->timer = gw_timer_create(s->loop, peers_step, q);
	if (q == NULL || q->timer == NULL) {
		free(q);
		gw_rpc_error(call, GW_RPC_STATE, NULL, "out of memory");
		return;
	}
	q->s = s;
	q->call = call;
	LIST_INSERT_HEAD(&s->queries, q, link);
	for (uint32_t i = 0; i < c->n_peers; i++) {
		q->waiting++;
		if (gw_peers_get(gw_manager_peers(s->manager), c->peers[i].name, peer_came, q) != 0)
			q->waiting--;
	}
	gw_timer_set(q->timer, 1, PEERS_STEP_NS);
}

static void add_drop(void *ctx, const char *name, uint64_t count)
{
	json_object_set_new(ctx, name, json_integer((json_int_t)count));
}

static void ports(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;
	struct gw_dp *dp = gw_manager_dp(s->manager);
	json_t *array = json_array(), *drops = json_object();

	(void)params;
	for (uint32_t i = 0; i < gw_dp_port_count(dp); i++) {
		struct gw_dp_port_info info;

		gw_dp_port_info(dp, i, &info);
		json_array_append_new(array, gw_service_port_json(&info));
	}
	/* The data plane counts drops by worker: they are the host's, not a port's. */
	gw_dp_drops(dp, add_drop, drops);
	gw_rpc_reply(call, json_pack("{s:o, s:o}", "ports", array, "drops", drops));
}

static void set(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;

	gw_service_set(s->manager, params, call);
}

static void dirty_rate(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;

	gw_service_dirty_rate(s->manager, params, call);
}

static void dirty_rate_so_far(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;

	gw_service_dirty_rate_so_far(s->manager, params, call);
}

static void dirty_rate_end(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;

	gw_service_dirty_rate_end(s->manager, params, call);
}

static void reload(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;
	struct gw_err err = {.text = ""};
	json_t *o = json_object();

	(void)params;
	if (gw_security_reload(s->security, &err) != 0) {
		json_decref(o);
		gw_rpc_error(call, GW_RPC_STATE, NULL, "%s", err.text);
		return;
	}
	gw_security_json(s->security, o);
	gw_rpc_reply(call, o);
}

static void version(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct gw_service *s = ctx;

	(void)params;
	gw_rpc_reply(call, json_pack("{s:s, s:s, s:s, s:i}", "version", GODWIT_VERSION, "name",
				   gw_manager_config(s->manager)->name, "dpdk", GODWIT_DPDK_VERSION,
				   "abi", GW_EXPORT_ABI));
}

/* `check` asks the VM's hypervisor and is its one session meanwhile: not for who may only read. */
static const struct gw_rpc_method methods[] = {{"migrate", migrate, false}, {"check", check, false},
	{"list", list, true}, {"show", show, true}, {"abort", abort_session, false},
	{"resolve", resolve, false}, {"peers", peers, true}, {"ports", ports, true}, {"report", report, true},
	{"dirty_rate", dirty_rate, false}, {"dirty_rate_so_far", dirty_rate_so_far, true},
	{"dirty_rate_end", dirty_rate_end, false}, {"set", set, false}, {"reload", reload, false}, {"version", version, true},
	{NULL, NULL, false}};

int gw_service_create(struct gw_loop *loop, const struct gw_config *config,
	struct gw_security *security, struct gw_service **out, struct gw_err *err)
{
	const struct gw_rpc_access access = {
		config->access.owner, config->access.group, config->access.mode};
	struct gw_service *s = calloc(1, sizeof(*s));
	char path[PATH_MAX];
	int rc;

	if (s == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	s->loop = loop;
	s->security = security;
	LIST_INIT(&s->queries);
	snprintf(path, sizeof(path), "%s/control.sock", config->run_dir);
	rc = gw_rpc_create(loop, path, &access, methods, s, &s->rpc, err);
	if (rc != 0) {
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void gw_service_free(struct gw_service **service)
{
	struct gw_service *s = *service;
	struct peers_query *q;

	if (s == NULL)
		return;
	while ((q = LIST_FIRST(&s->queries)) != NULL) {
		gw_peers_forget(gw_manager_peers(s->manager), q);
		gw_rpc_error(q->call, GW_RPC_STATE, NULL, "godwitd is stopping");
		LIST_REMOVE(q, link);
		gw_timer_free(&q->timer);
		free(q);
	}
	gw_rpc_free(&s->rpc);
	free(s);
	*service = NULL;
}

void gw_service_set_manager(struct gw_service *s, struct gw_manager *manager)
{
	s->manager = manager;
}
