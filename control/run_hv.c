/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_hv.h"

#include "../dataplane/base/log.h"
#include "place.h"
#include "reasons.h"

#include <errno.h>
#include <string.h>

static void on_event(void *ctx, enum gw_hv_event event, const char *text)
{
	struct gw_run *run = ctx;

	switch (event) {
	case GW_HV_GONE:
		gw_run_feed(run, GW_EV_HV_GONE, -EPIPE, 0, text);
		break;
	case GW_HV_STOPPED:
		gw_run_feed(run, GW_EV_GUEST_STOPPED, 0, 0, text);
		break;
	case GW_HV_RESUMED:
		gw_run_feed(run, GW_EV_GUEST_RESUMED, 0, 0, text);
		break;
	case GW_HV_CHANGED:
		gw_run_fault(run, "the VM changed: %s", text);
		break;
	}
}

static void on_exporter(void *ctx, const struct gw_exporter_event *ev)
{
	struct gw_run *run = ctx;

	if (run->ops->export_event != NULL)
		run->ops->export_event(run, ev);
}

void gw_run_hv_done(
	struct gw_run *run, enum gw_session_event_type type, int result, const struct gw_err *err)
{
	gw_run_feed(run, type, result, 0,
		result == 0                           ? ""
		: err != NULL && err->text[0] != '\0' ? err->text
						      : strerror(-result));
}

static void opened(void *arg, int result, const struct gw_err *err)
{
	struct gw_run *run = arg;

	run->hv_open = result == 0;
	gw_run_feed(run, GW_EV_HV_OPENED, result,
		result == 0 && gw_hv_run_state(run->hv) == GW_HV_PAUSED,
		err != NULL ? err->text : NULL);
}

static void checked(void *arg, int result, json_t *reasons, const struct gw_err *err)
{
	struct gw_run *run = arg;
	char text[GW_SESSION_TEXT];

	if (result != 0) {
		json_decref(reasons);
		gw_run_hv_done(run, GW_EV_HV_CHECKED, result, err);
		return;
	}
	gw_reasons_text(reasons, text, sizeof(text));
	gw_reasons_append(run->reasons, reasons);
	gw_run_feed(run, GW_EV_HV_CHECKED, 0, json_array_size(reasons), text);
	json_decref(reasons);
}

static void prepared(void *arg, int result, const struct gw_err *err)
{
	gw_run_hv_done(arg, GW_EV_HV_PREPARED, result, err);
}

static void resumed(void *arg, int result, const struct gw_err *err)
{
	gw_run_hv_done(arg, GW_EV_RESUMED, result, err);
}

static void quit_done(void *arg, int result, const struct gw_err *err)
{
	gw_run_hv_done(arg, GW_EV_QUIT_DONE, result, err);
}

static void announced(void *arg, int result, const struct gw_err *err)
{
	struct gw_run *run = arg;

	if (result != 0)
		gw_warn("session %s (%s): cannot announce the guest to the network: %s", run->id,
			run->vm, err != NULL ? err->text : strerror(-result));
}

/* QEMU knows its guest's NICs; of others somebody has to say what they are. */
static void announce(struct gw_run *run)
{
	char label[GW_UUID_TEXT + GW_NAME_MAX + 16];

	snprintf(label, sizeof(label), "session %s (%s)", run->id, run->vm);
	gw_announcer_begin(run->env->announcer, run->vm, label, &run->announce);
	gw_hv_announce(run->hv, announced, run);
}

static void open_hv(struct gw_run *run)
{
	const struct gw_hv_callbacks cb = {on_event, on_exporter, run};
	struct gw_err err = {.text = ""};
	struct gw_hv_place place;
	int rc;

	if (run->hv != NULL)
		gw_hv_free(&run->hv); /* of an attempt that failed */
	gw_place_of(run->env->config, &place);
	rc = gw_hv_open(run->env->loop, &place, run->vm,
		run->is_source ? GW_HV_SOURCE : GW_HV_DESTINATION, &cb, opened, run, &run->hv,
		&err);

	if (rc != 0) {
		run->hv = NULL;
		gw_run_feed(run, GW_EV_HV_OPENED, rc, 0, err.text);
	}
}

int gw_run_hv_map_ram(struct gw_hv *hv, bool writable, struct gw_ram **out, struct gw_err *err)
{
	const struct gw_exporter_info *info = gw_exporter_info(gw_hv_exporter(hv));
	struct gw_ram_region region[GW_EXPORT_MAX_REGIONS];

	for (uint32_t i = 0; i < info->n_regions; i++)
		region[i] = (struct gw_ram_region){.id = info->region[i].id,
			.size = info->region[i].size,
			.file_offset = info->region[i].file_offset,
			.fd = info->region_fd[i]};
	return gw_ram_map(region, info->n_regions, writable, out, err);
}

int gw_run_hv_pid(const struct gw_run *run)
{
	return run->hv_open ? gw_exporter_info(gw_hv_exporter(run->hv))->pid : 0;
}

/* Without a hypervisor (it could not be opened) there is nothing to end and nothing to resume. */
static void without(struct gw_run *run, enum gw_session_action_type type)
{
	if (type == GW_DO_QUIT)
		gw_run_hv_done(run, GW_EV_QUIT_DONE, 0, NULL);
	else if (type == GW_DO_RESUME)
		gw_run_hv_done(run, GW_EV_RESUMED, -ENOTCONN, NULL);
	else if (type == GW_DO_HV_CHECK)
		gw_run_hv_done(run, GW_EV_HV_CHECKED, -ENOTCONN, NULL);
	else if (type == GW_DO_HV_PREPARE)
		gw_run_hv_done(run, GW_EV_HV_PREPARED, -ENOTCONN, NULL);
}

bool gw_run_hv_perform(struct gw_run *run, enum gw_session_action_type type)
{
	switch (type) {
	case GW_DO_HV_OPEN:
		open_hv(run);
		return true;
	case GW_DO_HV_CHECK:
	case GW_DO_HV_PREPARE:
	case GW_DO_RESUME:
	case GW_DO_QUIT:
	case GW_DO_ANNOUNCE:
		break;
	default:
		return false;
	}
	if (!run->hv_open)
		without(run, type);
	else if (type == GW_DO_HV_CHECK)
		gw_hv_check(run->hv, checked, run);
	else if (type == GW_DO_HV_PREPARE)
		gw_hv_prepare(run->hv, prepared, run);
	else if (type == GW_DO_RESUME)
		gw_hv_resume(run->hv, resumed, run);
	else if (type == GW_DO_QUIT)
		gw_hv_quit(run->hv, quit_done, run);
	else
		announce(run);
	return true;
}
