/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU: the guest stops, runs on, is announced, ends. */
#include "qemu.h"

#include "describe.h"

#include <errno.h>
#include <string.h>

/* ---- pause ---- */

/* QEMU stops the guest itself, on its way to saving it. */
void gw_qemu_pause(struct gw_hv *hv)
{
	hv->qemu->asked = GW_QEMU_ASKED_PAUSE;
	if (hv->run == GW_HV_PAUSED)
		gw_hv_finish(hv, 0, NULL);
	else
		gw_qemu_save_early(hv);
}

/* ---- resume ---- */

static void on_run_status(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_hv *hv = arg;

	/* It took 'cont', so the guest may have run, whatever is said now. */
	if (result == -EPIPE || result == -ENOTCONN) {
		gw_hv_finish(hv, result, err);
		return;
	}
	if (result == 0)
		hv->run = gw_hv_run_from_qemu(ret);
	if (result == 0 && hv->run == GW_HV_RUNNING)
		gw_hv_finish(hv, 0, NULL);
	else if (result == 0)
		gw_hv_fail(hv, -EINPROGRESS, "QEMU took 'cont', yet the guest does not run (%s)",
			gw_hv_run_name(hv->run));
	else
		gw_hv_fail(hv, -EINPROGRESS,
			"QEMU took 'cont' and does not say what came of it: %s",
			err != NULL ? err->text : "");
}

static void on_continued(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_hv *hv = arg;

	(void)ret;
	if (gw_qemu_failed(hv, result, err))
		return;
	if (hv->run == GW_HV_RUNNING)
		gw_hv_finish(hv, 0, NULL);
	else
		gw_qemu_ask(hv, "query-status", NULL, -1, on_run_status);
}

static void guest_continue(struct gw_hv *hv)
{
	hv->qemu->asked = GW_QEMU_ASKED_RUN;
	gw_qemu_ask(hv, "cont", NULL, -1, on_continued);
}

/* ---- a migration that is not over must be, before anything else ---- */

static void settled(struct gw_hv *hv)
{
	hv->qemu->answered = false;
	hv->qemu->migrated = false;
	if (hv->op->kind == GW_HV_OP_RESUME)
		guest_continue(hv);
	else
		gw_hv_finish(hv, 0, NULL);
}

static bool migration_is_over(const char *status)
{
	static const char *const over[] = {"none", "completed", "failed", "cancelled"};

	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		if (strcmp(status, over[i]) == 0)
			return true;
	return false;
}

static void on_settle_status(void *arg, int result, const json_t *ret, const struct gw_err *err);

static void on_cancelled(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_hv *hv = arg;

	(void)ret;
	if (gw_qemu_failed(hv, result, err))
		return;
	gw_qemu_ask(hv, "query-migrate", NULL, -1, on_settle_status);
}

static void on_settle_status(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_hv *hv = arg;
	const char *status = json_string_value(json_object_get(ret, "status"));

	if (gw_qemu_failed(hv, result, err))
		return;
	if (status == NULL || migration_is_over(status)) {
		settled(hv);
	} else if (!hv->qemu->answered) {
		hv->qemu->answered = true; /* from here on the MIGRATION event asks again */
		gw_qemu_ask(hv, "migrate_cancel", NULL, -1, on_cancelled);
	}
}

static void settle(struct gw_hv *hv)
{
	hv->qemu->answered = false;
	/* A migration that is cancelled lets the guest run again by itself. */
	if (hv->op->kind == GW_HV_OP_RESUME)
		hv->qemu->asked = GW_QEMU_ASKED_RUN;
	gw_qemu_ask(hv, "query-migrate", NULL, -1, on_settle_status);
}

static void on_resume_status(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_hv *hv = arg;

	if (gw_qemu_failed(hv, result, err))
		return;
	hv->run = gw_hv_run_from_qemu(ret);
	switch (hv->run) {
	case GW_HV_RUNNING:
		/* At the source a migration may be under way that stops it in a moment. */
		if (hv->role == GW_HV_DESTINATION) {
			hv->qemu->asked = GW_QEMU_ASKED_RUN;
			gw_hv_finish(hv, 0, NULL);
			return;
		}
		/* fall through */
	case GW_HV_PAUSED:
		settle(hv);
		return;
	case GW_HV_INCOMING:
		/* 'cont' would be kept, and start the guest as soon as its state is loaded. */
		gw_hv_fail(hv, -EBUSY, "the guest still waits for its state");
		return;
	case GW_HV_SHUTDOWN:
	case GW_HV_OTHER:
		gw_hv_fail(hv, -EIO, "a guest in state '%s' cannot be resumed",
			gw_hv_run_name(hv->run));
		return;
	}
}

void gw_qemu_resume(struct gw_hv *hv)
{
	gw_qemu_state_drop(hv);
	/* The blackout runs: what load has just made sure of is not asked again. */
	if (hv->qemu->loaded && hv->run == GW_HV_PAUSED)
		guest_continue(hv);
	else
		gw_qemu_ask(hv, "query-status", NULL, -1, on_resume_status);
}

void gw_qemu_unsave(struct gw_hv *hv)
{
	gw_qemu_state_drop(hv);
	settle(hv);
}

void gw_qemu_run_event(struct gw_hv *hv)
{
	enum gw_hv_op_kind kind;

	if (hv->op == NULL)
		return;
	kind = hv->op->kind;
	if (kind == GW_HV_OP_PAUSE && hv->run == GW_HV_PAUSED)
		gw_qemu_state_keep(hv);
	else if (!hv->qemu->answered)
		return;
	else if (kind == GW_HV_OP_RESUME || kind == GW_HV_OP_UNSAVE)
		gw_qemu_ask(hv, "query-migrate", NULL, -1, on_settle_status);
}

/* ---- afterwards ---- */

static void on_done(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	(void)ret;
	gw_hv_finish(arg, result, err);
}

void gw_qemu_announce(struct gw_hv *hv)
{
	/* QEMU's own defaults for the end of a migration. Rounds after the first go on by
	 * themselves. */
	gw_qemu_ask(hv, "announce-self",
		json_pack("{s:i, s:i, s:i, s:i}", "initial", 50, "max", 550, "rounds", 5, "step",
			100),
		-1, on_done);
}

static void on_quit_answer(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	/* The process's end is what counts, and it is killed where it does not come. */
	(void)arg;
	(void)result;
	(void)ret;
	(void)err;
}

void gw_qemu_quit(struct gw_hv *hv)
{
	if (hv->qemu->qmp_ready)
		gw_qmp_command(hv->qemu->qmp, "quit", NULL, -1, GW_QEMU_ANSWER_LIMIT_NS,
			on_quit_answer, hv);
}
