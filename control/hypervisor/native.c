/* SPDX-License-Identifier: BSD-3-Clause */
/* A hypervisor that does everything over its export socket: the synthetic guest, other VMMs. */
#include "hv.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"
#include "describe.h"
#include "hazards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Memory is received only into a guest that says that it waits for it: one that is merely paused
 * has an owner, and what the peer says of the guest that it sends is no proof of being that. */
static enum gw_hv_run run_of(uint32_t caps)
{
	if (!(caps & GW_EXPORT_CAP_PAUSED))
		return GW_HV_RUNNING;
	return caps & GW_EXPORT_CAP_INCOMING ? GW_HV_INCOMING : GW_HV_PAUSED;
}

static void native_opened(struct gw_hv *hv)
{
	if (!(hv->info->caps & GW_EXPORT_CAP_LIFECYCLE)) {
		gw_hv_fail(hv, -EOPNOTSUPP,
			"%s: the exporter cannot pause or save its guest, and there is no %s.qmp "
			"beside its socket",
			hv->name, hv->name);
		return;
	}
	hv->run = run_of(hv->info->caps);
	hv->description = gw_describe_base("native", "", hv->info, hv->run);
	if (hv->description == NULL)
		gw_hv_fail(hv, -ENOMEM, "no memory");
	else
		gw_hv_finish(hv, 0, NULL);
}

static void native_check(struct gw_hv *hv)
{
	hv->op->reasons = gw_hazards_export(hv->info, hv->role, hv->run);
	gw_hv_finish(hv, 0, NULL);
}

static void native_nothing(struct gw_hv *hv)
{
	gw_hv_finish(hv, 0, NULL);
}

static void native_asked(struct gw_hv *hv, int rc)
{
	/* The same was asked before and its answer is still to come: that one will do. */
	if (rc != 0 && rc != -EALREADY)
		gw_hv_fail(hv, rc, "the exporter takes no request: %s", strerror(-rc));
}

static void native_pause(struct gw_hv *hv)
{
	native_asked(hv, gw_exporter_pause(hv->exporter));
}

static void native_resume(struct gw_hv *hv)
{
	native_asked(hv, gw_exporter_resume(hv->exporter));
}

static void native_save(struct gw_hv *hv)
{
	native_asked(hv, gw_exporter_save(hv->exporter));
}

static void native_load(struct gw_hv *hv)
{
	int rc;

	gw_secret_file_close(&hv->loading);
	rc = gw_secret_file_open(&hv->loading, "godwit-state", hv->op->size);
	if (rc != 0) {
		gw_hv_fail(hv, rc, "no memory file for the device state: %s", strerror(-rc));
		return;
	}
	memcpy(hv->loading.at, hv->op->load, hv->op->size);
	native_asked(hv, gw_exporter_load(hv->exporter, hv->loading.fd, hv->op->size));
}

static void native_quit(struct gw_hv *hv)
{
	/* Where the request does not get through, the time limit of quit kills the process. */
	if (gw_exporter_quit(hv->exporter) != 0)
		gw_warn("%s: the exporter takes no QUIT", hv->name);
}

static void native_saved(struct gw_hv *hv, const struct gw_exporter_event *ev)
{
	uint8_t *state = gw_secret_alloc(ev->saved.size > 0 ? ev->saved.size : 1);
	uint64_t got = 0;

	while (state != NULL && got < ev->saved.size) {
		ssize_t n = pread(ev->saved.fd, state + got, ev->saved.size - got, (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (uint64_t)n;
	}
	if (state == NULL || got < ev->saved.size) {
		gw_secret_free(state);
		gw_hv_fail(hv, -EIO, "the device state is shorter than the exporter said");
		return;
	}
	hv->op->saved = state;
	hv->op->size = got;
	gw_hv_finish(hv, 0, NULL);
}

static void native_resumed(struct gw_hv *hv, uint64_t at_ns)
{
	hv->run = GW_HV_RUNNING;
	if (hv->resumed_ns == 0)
		hv->resumed_ns = gw_told_ns(at_ns, hv->resume_ns, gw_now_ns());
}

static void native_answered(struct gw_hv *hv, struct gw_exporter_event *ev)
{
	static const struct {
		enum gw_export_type answer, request;
	} answers[GW_HV_OP_KINDS] = {
		[GW_HV_OP_PAUSE] = {GW_EXPORT_PAUSED, GW_EXPORT_PAUSE},
		[GW_HV_OP_RESUME] = {GW_EXPORT_RESUMED, GW_EXPORT_RESUME},
		[GW_HV_OP_SAVE] = {GW_EXPORT_SAVED, GW_EXPORT_SAVE},
		[GW_HV_OP_LOAD] = {GW_EXPORT_LOADED, GW_EXPORT_LOAD},
		[GW_HV_OP_QUIT] = {0, GW_EXPORT_QUIT},
	};
	enum gw_hv_op_kind kind = hv->op != NULL ? hv->op->kind : GW_HV_OP_OPEN;

	if (ev->type == GW_EXPORT_LOADED ||
		(ev->type == GW_EXPORT_ERROR && ev->error.request == GW_EXPORT_LOAD))
		gw_secret_file_close(&hv->loading);
	/* Also where nobody waits for the answer any more. */
	if (ev->type == GW_EXPORT_PAUSED || ev->type == GW_EXPORT_LOADED)
		hv->run = GW_HV_PAUSED;
	else if (ev->type == GW_EXPORT_RESUMED)
		native_resumed(hv, ev->resumed_at_ns);

	if (ev->type == GW_EXPORT_ERROR && answers[kind].request == ev->error.request)
		gw_hv_fail(hv, ev->error.code < 0 ? ev->error.code : -EPROTO, "%s", ev->error.text);
	else if (ev->type == GW_EXPORT_SAVED && answers[kind].answer == ev->type)
		native_saved(hv, ev);
	else if (answers[kind].answer == ev->type)
		gw_hv_finish(hv, 0, NULL);
	if (ev->type == GW_EXPORT_SAVED)
		close(ev->saved.fd);
}

static void native_ignore(struct gw_hv *hv)
{
	(void)hv;
}

static void native_free(struct gw_hv *hv)
{
	gw_secret_file_close(&hv->loading);
}

const struct gw_hv_ops gw_hv_native_ops = {
	.name = "native",
	.opened = native_opened,
	.check = native_check,
	.prepare = native_nothing,
	.pause = native_pause,
	.resume = native_resume,
	.save = native_save,
	.load_open = native_nothing,
	.load = native_load,
	.unsave = native_nothing,
	.announce = native_nothing,
	.quit = native_quit,
	.answered = native_answered,
	.over = native_ignore,
	.free = native_free,
};
