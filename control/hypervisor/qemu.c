/* SPDX-License-Identifier: BSD-3-Clause */
/* The QEMU kind: connection, description, hazards, events. */
#include "qemu.h"

#include "../../dataplane/base/log.h"
#include "../../dataplane/base/secret.h"
#include "describe.h"
#include "hazards.h"
#include "qemu_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void gw_qemu_ask(struct gw_hv *hv, const char *name, json_t *args, int fd, gw_qmp_done done)
{
	int rc = gw_qmp_command(hv->qemu->qmp, name, args, fd, GW_QEMU_ANSWER_LIMIT_NS, done, hv);

	if (rc != 0)
		gw_hv_fail(hv, rc, "'%s' could not be sent: %s", name, strerror(-rc));
}

bool gw_qemu_failed(struct gw_hv *hv, int result, const struct gw_err *err)
{
	if (result == 0)
		return false;
	gw_hv_finish(hv, result, err);
	return true;
}

/* ---- questions ---- */

struct question {
	const char *key;
	const char *command;
	const char *args; /* JSON; NULL: none */
};

#define QOM_LIST(path) "qom-list", "{\"path\":\"" path "\"}"

static const struct question description_questions[] = {
	{"status", "query-status", NULL},
	{"uuid", "query-uuid", NULL},
	{"kvm", "query-kvm", NULL},
	{"machine", "qom-get", "{\"path\":\"/machine\",\"property\":\"type\"}"},
	{"memory", "query-memory-size-summary", NULL},
	{"ramblock", "x-query-ramblock", NULL},
	{"pci", "query-pci", NULL},
	{"peripheral", QOM_LIST("/machine/peripheral")},
	{"peripheral-anon", QOM_LIST("/machine/peripheral-anon")},
	{"unattached", QOM_LIST("/machine/unattached")},
};

static const struct question hazard_questions[] = {
	{"status", "query-status", NULL},
	{"cpus", "query-cpus-fast", NULL},
	{"migrate", "query-migrate", NULL},
	{"jobs", "query-jobs", NULL},
	{"block_jobs", "query-block-jobs", NULL},
	{"block_nodes", "query-named-block-nodes", "{\"flat\":true}"},
	{"memdevs", "query-memdev", NULL},
	{"ramblock", "x-query-ramblock", NULL},
	{"network", "human-monitor-command", "{\"command-line\":\"info network\"}"},
	{"pci", "query-pci", NULL},
	{"objects", QOM_LIST("/objects")},
	{"peripheral", QOM_LIST("/machine/peripheral")},
	{"peripheral-anon", QOM_LIST("/machine/peripheral-anon")},
	{"unattached", QOM_LIST("/machine/unattached")},
};

static void ask_all(struct gw_hv *hv, const struct question *questions, size_t n_questions,
	gw_collect_done done)
{
	struct gw_qemu *q = hv->qemu;

	gw_collect_free(&q->collect);
	q->collect = gw_collect_create(q->qmp, NULL, done, hv);
	if (q->collect == NULL) {
		gw_hv_fail(hv, -ENOMEM, "no memory");
		return;
	}
	for (size_t i = 0; i < n_questions; i++)
		gw_collect_ask(q->collect, questions[i].key, questions[i].command,
			questions[i].args != NULL ? json_loads(questions[i].args, 0, NULL) : NULL,
			GW_QEMU_ANSWER_LIMIT_NS);
	gw_collect_run(q->collect);
}

static void on_description(void *arg, int result, json_t *answers, const struct gw_err *err)
{
	struct gw_hv *hv = arg;
	struct gw_err differs;

	if (gw_qemu_failed(hv, result, err))
		return;
	result = gw_describe_same_vm(hv->info, answers, &differs);
	if (gw_qemu_failed(hv, result, &differs))
		return;
	hv->run = gw_hv_run_from_qemu(json_object_get(answers, "status"));
	hv->description =
		gw_describe_base("qemu", gw_qmp_version(hv->qemu->qmp), hv->info, hv->run);
	if (hv->description == NULL) {
		gw_hv_fail(hv, -ENOMEM, "no memory");
		return;
	}
	gw_describe_qemu(hv->description, answers);
	gw_hv_finish(hv, 0, NULL);
}

static void describe_when_ready(struct gw_hv *hv)
{
	bool opening = hv->op != NULL && hv->op->kind == GW_HV_OP_OPEN;

	if (opening && hv->qemu->qmp_ready && hv->info != NULL)
		ask_all(hv, description_questions,
			sizeof(description_questions) / sizeof(description_questions[0]),
			on_description);
}

static void on_hazards(void *arg, int result, json_t *answers, const struct gw_err *err)
{
	struct gw_hv *hv = arg;
	struct gw_hazards_end end = {
		.role = hv->role, .info = hv->info, .description = hv->description};

	if (gw_qemu_failed(hv, result, err))
		return;
	hv->run = gw_hv_run_from_qemu(json_object_get(answers, "status"));
	hv->n_vcpus = gw_vcpus_parse(json_object_get(answers, "cpus"), hv->vcpu);
	end.run = hv->run;
	end.qemu_major = gw_qmp_major(hv->qemu->qmp);
	hv->op->reasons = gw_hazards_export(hv->info, hv->role, hv->run);
	if (hv->op->reasons == NULL) {
		gw_hv_fail(hv, -ENOMEM, "no memory");
		return;
	}
	gw_hazards_qemu(hv->op->reasons, &end, answers);
	gw_hv_finish(hv, 0, NULL);
}

static void qemu_check(struct gw_hv *hv)
{
	ask_all(hv, hazard_questions, sizeof(hazard_questions) / sizeof(hazard_questions[0]),
		on_hazards);
}

/* ---- events ---- */

/* A migration that nobody here asked for. */
static bool is_foreign_migration(const struct gw_qemu *q, const char *status)
{
	return !q->migrated && (strcmp(status, "setup") == 0 || strcmp(status, "active") == 0);
}

static void on_migration(struct gw_hv *hv, const char *status)
{
	if (is_foreign_migration(hv->qemu, status)) {
		gw_hv_report(hv, GW_HV_CHANGED, "somebody else started a migration of this VM");
		return;
	}
	gw_qemu_state_event(hv, status);
	gw_qemu_run_event(hv);
}

static void on_run(struct gw_hv *hv, enum gw_hv_run run)
{
	bool asked =
		hv->qemu->asked == (run == GW_HV_RUNNING ? GW_QEMU_ASKED_RUN : GW_QEMU_ASKED_PAUSE);

	hv->run = run;
	gw_qemu_run_event(hv);
	if (asked || !hv->opened)
		return;
	if (run == GW_HV_RUNNING)
		gw_hv_report(hv, GW_HV_RESUMED, "somebody else resumed the guest");
	else
		gw_hv_report(hv, GW_HV_STOPPED, "somebody else, or QEMU itself, paused the guest");
}

static void on_event(void *ctx, const char *name, const json_t *data, uint64_t at_ns)
{
	struct gw_hv *hv = ctx;
	const char *status = json_string_value(json_object_get(data, "status"));
	char text[192];

	if (strcmp(name, "STOP") == 0) {
		hv->stopped_ns = at_ns;
		on_run(hv, GW_HV_PAUSED);
	} else if (strcmp(name, "RESUME") == 0) {
		hv->resumed_ns = at_ns;
		on_run(hv, GW_HV_RUNNING);
	} else if (strcmp(name, "MIGRATION") == 0 && status != NULL && hv->opened) {
		on_migration(hv, status);
	} else if (gw_qemu_event_changes(name, data, text, sizeof(text))) {
		bool quitting = hv->op != NULL && hv->op->kind == GW_HV_OP_QUIT;

		if (strcmp(name, "SHUTDOWN") == 0)
			hv->run = GW_HV_SHUTDOWN;
		if (hv->opened && !quitting)
			gw_hv_report(hv, GW_HV_CHANGED, text);
	}
}

/* ---- life ---- */

static void on_ready(void *ctx)
{
	struct gw_hv *hv = ctx;

	hv->qemu->qmp_ready = true;
	describe_when_ready(hv);
}

static void on_broken(void *ctx, int result, const struct gw_err *err)
{
	(void)result;
	gw_hv_lost(ctx, err->text);
}

int gw_qemu_create(
	struct gw_hv *hv, const char *qmp_path, const struct gw_trust *trust, struct gw_err *err)
{
	struct gw_qmp_callbacks cb = {
		.ready = on_ready, .event = on_event, .broken = on_broken, .ctx = hv};

	hv->qemu = calloc(1, sizeof(*hv->qemu));
	if (hv->qemu == NULL)
		return gw_err(err, -ENOMEM, "%s: no memory", hv->name);
	hv->qemu->hv = hv;
	return gw_qmp_connect(hv->loop, qmp_path, trust, &cb, &hv->qemu->qmp, err);
}

int gw_qemu_same_user(const struct gw_hv *hv, uid_t exporter, struct gw_err *err)
{
	uid_t qmp = gw_qmp_uid(hv->qemu->qmp);

	if (qmp == exporter)
		return 0;
	return gw_err(err, -EPERM,
		"%s: user %u serves its QMP socket, user %u its export socket; allowed: one user "
		"for both",
		hv->name, qmp, exporter);
}

static void qemu_answered(struct gw_hv *hv, struct gw_exporter_event *ev)
{
	/* The guest's life is QMP's business; nothing of this was asked. */
	gw_warn("%s: the exporter sent an answer of type %d that nobody asked for", hv->name,
		(int)ev->type);
	if (ev->type == GW_EXPORT_SAVED)
		close(ev->saved.fd);
}

static void qemu_over(struct gw_hv *hv)
{
	if (hv->qemu->qmp != NULL)
		gw_qmp_forget(hv->qemu->qmp);
	gw_collect_free(&hv->qemu->collect);
	if (!hv->qemu->keep_stream)
		gw_qemu_state_drop(hv);
	hv->qemu->answered = false;
}

static void qemu_free(struct gw_hv *hv)
{
	if (hv->qemu == NULL)
		return;
	qemu_over(hv);
	gw_qemu_setup_undo(hv);
	gw_secret_free(hv->qemu->state_room);
	gw_qmp_free(&hv->qemu->qmp);
	json_decref(hv->qemu->undo);
	free(hv->qemu);
}

const struct gw_hv_ops gw_hv_qemu_ops = {
	.name = "qemu",
	.opened = describe_when_ready,
	.check = qemu_check,
	.prepare = gw_qemu_prepare,
	.pause = gw_qemu_pause,
	.resume = gw_qemu_resume,
	.save = gw_qemu_save,
	.load_open = gw_qemu_load_open,
	.load = gw_qemu_load,
	.unsave = gw_qemu_unsave,
	.announce = gw_qemu_announce,
	.quit = gw_qemu_quit,
	.answered = qemu_answered,
	.over = qemu_over,
	.free = qemu_free,
};
