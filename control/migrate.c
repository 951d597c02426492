/* SPDX-License-Identifier: BSD-3-Clause */
/* A migration that somebody asked for, until its session begins. */
#include "manager_internal.h"

#include "../config/class.h"
#include "../dataplane/base/clock.h"
#include "policy.h"
#include "reasons.h"
#include "rpc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define COMMIT_NS (60 * GW_NS_PER_S)
#define COMMIT_VERIFY_NS (600 * GW_NS_PER_S)

/* A migration whose peer is being connected. */
struct start {
	struct gw_manager *m;
	struct gw_src_params params;
	gw_admission admission;
	void *arg;
};

static enum gw_convergence_on_spent on_spent(const struct gw_config *c)
{
	switch (c->migration.on_slowdown_limit) {
	case GW_CONFIG_SLOWED_ABORT:
		return GW_SPENT_ABORT;
	case GW_CONFIG_SLOWED_SWITCHOVER:
		return GW_SPENT_SWITCH;
	default:
		return GW_SPENT_WAIT;
	}
}

void gw_manager_defaults(const struct gw_manager *m, struct gw_migrate *out)
{
	const struct gw_config *c = m->env.config;

	*out = (struct gw_migrate){.verify = c->migration.verify,
		.quit_after = strcmp(c->migration.after, "quit") == 0,
		.switch_on_limit = c->migration.on_limit == GW_CONFIG_SWITCHOVER,
		.blackout_limit_ms = c->migration.blackout_limit_ms,
		.max_total_s = c->migration.max_total_s,
		.max_slowdown_percent = c->migration.max_slowdown_percent,
		.on_spent = on_spent(c)};
	gw_tuning_class(&out->tuning, gw_config_class(c, c->migration.class_name));
}

struct gw_session_conf gw_manager_session_conf(
	const struct gw_manager *m, const struct gw_migrate *what)
{
	const struct gw_config *c = m->env.config;

	return (struct gw_session_conf){
		.limits = {.blackout_ns = what->blackout_limit_ms * GW_NS_PER_MS,
			.min_epoch_ns = c->migration.min_epoch_ms * GW_NS_PER_MS,
			.switch_on_limit = what->switch_on_limit,
			.on_spent = what->on_spent,
			.label_max = GW_DP_LABEL_MAX},
		.sync_timeout_ns = c->migration.sync_timeout_ms * GW_NS_PER_MS,
		.commit_timeout_ns = what->verify ? COMMIT_VERIFY_NS : COMMIT_NS,
		.dry = what->dry,
		.verify = what->verify,
		.populate_first = what->populate_first,
		.quit_after = what->quit_after,
		.hooks = gw_attendant_has_hooks(m->env.attendant),
		.hook_required = c->hooks.required};
}

/* A random (version 4) UUID. */
static void new_id(char out[GW_UUID_TEXT])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		memset(b, 0, sizeof(b)); /* cannot be: so few bytes are never refused */
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(out, GW_UUID_TEXT,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
}

/* conn NULL: a dry run, that looks at this end only. */
static void begin(struct start *st, struct gw_conn *conn)
{
	struct gw_manager *m = st->m;
	struct gw_run *run = NULL;

	if (m->stop_ns != 0 || m->runs == GW_MANAGER_MAX_RUNS)
		st->admission(st->arg, NULL, GW_RPC_STATE, "no more sessions are taken", NULL);
	else if (gw_manager_find_vm(m, st->params.vm) != NULL)
		st->admission(st->arg, NULL, GW_RPC_CONFLICT,
			"a session for this VM exists already", NULL);
	else if (st->params.conf.dry && gw_manager_measures(m, st->params.vm))
		st->admission(st->arg, NULL, GW_RPC_CONFLICT,
			"the VM's dirty rate is being measured", NULL);
	else if (gw_src_run_start(&m->env, &st->params, conn, st->admission, st->arg, &run) != 0)
		st->admission(st->arg, NULL, GW_RPC_STATE, "out of memory", NULL);
	else
		gw_manager_add(m, run);
}

/* The peer is not asked. A dry run finds what else there is against it. */
static void begin_alone(struct start *st, int code, const char *text, const char *where,
	const char *reason, const char *message, const char *remedy)
{
	json_t *reasons = json_array();

	gw_reasons_add(reasons, where, reason, message, remedy);
	st->params.reasons = reasons;
	st->params.conf.reasons = (uint32_t)json_array_size(reasons);
	if (st->params.conf.dry)
		begin(st, NULL);
	else
		st->admission(st->arg, NULL, code, text, reasons);
	json_decref(reasons);
}

static void connected(void *arg, struct gw_conn *conn, const char *why)
{
	struct start *st = arg;
	char text[GW_ERR_TEXT + GW_NAME_MAX];

	if (conn != NULL) {
		begin(st, conn);
	} else {
		snprintf(text, sizeof(text), "%s: %s", st->params.peer, why);
		begin_alone(st, GW_RPC_UNREACHABLE, text, "destination", "unreachable", text,
			"see that godwitd runs there and that both hosts name and trust each "
			"other");
	}
	free(st);
}

static void forbidden(struct start *st)
{
	begin_alone(st, GW_RPC_REFUSED, "the configuration forbids it", "source", "not_allowed",
		"this VM is not to be sent to that host",
		"change allow.send of the peer in the source's configuration");
	free(st);
}

void gw_manager_migrate(
	struct gw_manager *m, const struct gw_migrate *what, gw_admission admission, void *arg)
{
	struct start *st;

	if (gw_manager_find_vm(m, what->vm) != NULL) {
		admission(arg, NULL, GW_RPC_CONFLICT, "a session for this VM exists already", NULL);
		return;
	}
	st = calloc(1, sizeof(*st));
	if (st == NULL) {
		admission(arg, NULL, GW_RPC_STATE, "out of memory", NULL);
		return;
	}
	st->m = m;
	st->admission = admission;
	st->arg = arg;
	new_id(st->params.id);
	snprintf(st->params.vm, sizeof(st->params.vm), "%s", what->vm);
	snprintf(st->params.peer, sizeof(st->params.peer), "%s", what->host);
	st->params.conf = gw_manager_session_conf(m, what);
	st->params.tuning = what->tuning;
	st->params.announce = what->announce;
	st->params.max_total_ns = what->max_total_s * GW_NS_PER_S;
	st->params.max_slowdown_percent = what->max_slowdown_percent;
	if (gw_policy_peer(m->env.config, what->host) != NULL &&
		!gw_policy_send(m->env.config, what->host, what->vm)) {
		forbidden(st);
	} else if (gw_peers_get(m->env.peers, what->host, connected, st) != 0) {
		free(st);
		admission(arg, NULL, GW_RPC_NOT_FOUND, "no such peer is configured", NULL);
	}
}
