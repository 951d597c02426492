/* SPDX-License-Identifier: BSD-3-Clause */
#include "hypervisor.h"

#include "../../dataplane/base/log.h"
#include "hv.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EXPORTER_BATCH 64

void gw_hv_report(struct gw_hv *hv, enum gw_hv_event event, const char *text)
{
	hv->cb.event(hv->cb.ctx, event, text);
}

void gw_hv_lost(struct gw_hv *hv, const char *why)
{
	bool asked = hv->op != NULL && hv->op->kind == GW_HV_OP_QUIT;
	bool opening = hv->op != NULL && hv->op->kind == GW_HV_OP_OPEN;

	if (hv->gone)
		return;
	hv->gone = true;
	gw_watch_free(&hv->exporter_watch);
	/* QUIT waits for the process itself. */
	if (!asked)
		gw_hv_fail(hv, -EPIPE, "%s", why);
	if (!asked && !opening)
		gw_hv_report(hv, GW_HV_GONE, why);
}

/* ---- the export socket ---- */

static void on_hello(struct gw_hv *hv)
{
	const struct gw_exporter_info *info = gw_exporter_info(hv->exporter);
	int rc;

	if (hv->op == NULL || hv->op->kind != GW_HV_OP_OPEN)
		return; /* too late */
	hv->info = info;
	if (info->uffd_lent)
		gw_info("%s: its hypervisor (process %d, user %u) was lent /dev/userfaultfd",
			hv->name, (int)info->pid, info->uid);
	rc = gw_process_open(hv->loop, info->pidfd, &hv->process);
	if (rc != 0) {
		gw_hv_fail(hv, rc, "the exporter's process %d cannot be held: %s", (int)info->pid,
			strerror(-rc));
		return;
	}
	hv->ops->opened(hv);
}

/* The answers that the session drives by itself, through gw_hv_exporter(). */
static bool is_tracking(const struct gw_exporter_event *ev)
{
	enum gw_export_type type = ev->type;

	if (type == GW_EXPORT_ERROR)
		type = ev->error.request;
	switch (type) {
	case GW_EXPORT_START:
	case GW_EXPORT_STARTED:
	case GW_EXPORT_STOP:
	case GW_EXPORT_STOPPED:
	case GW_EXPORT_THROTTLE:
	case GW_EXPORT_THROTTLED:
	case GW_EXPORT_TOUCH:
	case GW_EXPORT_TOUCHED:
	case GW_EXPORT_SYNC:
	case GW_EXPORT_SYNCED:
		return true;
	default:
		return false;
	}
}

static void on_exporter_event(struct gw_hv *hv, struct gw_exporter_event *ev)
{
	if (ev->type == GW_EXPORT_HELLO)
		on_hello(hv);
	else if (is_tracking(ev))
		hv->cb.exporter(hv->cb.ctx, ev);
	else if (ev->type == GW_EXPORT_ERROR && ev->error.request == GW_EXPORT_HELLO) {
		/* It hangs up next: that must not hide why. */
		gw_watch_free(&hv->exporter_watch);
		gw_hv_fail(hv, ev->error.code < 0 ? ev->error.code : -EPROTO,
			"the exporter refuses: %s", ev->error.text);
	} else
		hv->ops->answered(hv, ev);
}

static void exporter_io(void *ctx, uint32_t events)
{
	struct gw_hv *hv = ctx;
	struct gw_exporter_event ev;
	struct gw_err err = {"the exporter is gone"};
	bool freed = false;
	int rc = 0;

	(void)events;
	hv->freed = &freed;
	for (int i = 0; i < EXPORTER_BATCH && hv->exporter_watch != NULL; i++) {
		rc = gw_exporter_read(hv->exporter, &ev, &err);
		if (rc <= 0)
			break;
		on_exporter_event(hv, &ev);
		if (freed)
			return;
	}
	hv->freed = NULL;
	if (rc < 0)
		gw_hv_lost(hv, err.text);
}

/* ---- life ---- */

static bool name_is_safe(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL &&
	       strlen(name) < GW_EXPORT_NAME_MAX;
}

int gw_hv_open(struct gw_loop *loop, const struct gw_hv_place *place, const char *name,
	enum gw_hv_role role, const struct gw_hv_callbacks *cb, gw_hv_done done, void *arg,
	struct gw_hv **out, struct gw_err *err)
{
	char path[PATH_MAX];
	struct gw_hv *hv;
	int rc;

	if (!name_is_safe(name))
		return gw_err(err, -EINVAL,
			"'%s' is no name for a VM: 1 to %u characters, no '/', no '.' in front",
			name, GW_EXPORT_NAME_MAX - 1);
	hv = calloc(1, sizeof(*hv));
	if (hv == NULL)
		return gw_err(err, -ENOMEM, "%s: no memory", name);
	hv->loop = loop;
	hv->role = role;
	hv->cb = *cb;
	hv->state_limit_bytes = place->state_limit_bytes;
	hv->run = GW_HV_OTHER;
	snprintf(hv->name, sizeof(hv->name), "%s", name);

	snprintf(path, sizeof(path), "%s/%s.qmp", place->vm_dir, name);
	hv->ops = access(path, F_OK) == 0 ? &gw_hv_qemu_ops : &gw_hv_native_ops;
	rc = gw_hv_ops_create(hv);
	if (rc != 0)
		goto no_memory;
	if (hv->ops == &gw_hv_qemu_ops) {
		rc = gw_qemu_create(hv, path, &place->trust, err);
		if (rc != 0)
			goto fail;
	}
	snprintf(path, sizeof(path), "%s/%s.export", place->vm_dir, name);
	rc = gw_exporter_connect(
		path, name, place->state_limit_bytes, &place->trust, &hv->exporter, err);
	if (rc == 0 && hv->qemu != NULL)
		rc = gw_qemu_same_user(hv, gw_exporter_info(hv->exporter)->uid, err);
	if (rc != 0)
		goto fail;
	hv->exporter_watch =
		gw_watch_add(loop, gw_exporter_fd(hv->exporter), EPOLLIN, exporter_io, hv);
	if (hv->exporter_watch == NULL)
		goto no_memory;
	gw_hv_start_open(hv, done, arg);
	*out = hv;
	return 0;
no_memory:
	rc = gw_err(err, -ENOMEM, "%s: no memory", name);
fail:
	gw_hv_free(&hv);
	return rc;
}

void gw_hv_free(struct gw_hv **hv)
{
	struct gw_hv *h = *hv;

	if (h == NULL)
		return;
	*hv = NULL;
	if (h->freed != NULL)
		*h->freed = true;
	h->ops->free(h);
	gw_watch_free(&h->exporter_watch);
	gw_exporter_free(&h->exporter);
	gw_process_free(&h->process);
	gw_hv_ops_free(h);
	json_decref(h->description);
	free(h);
}

const char *gw_hv_kind(const struct gw_hv *hv)
{
	return hv->ops->name;
}

struct gw_exporter *gw_hv_exporter(struct gw_hv *hv)
{
	return hv->exporter;
}

uint32_t gw_hv_vcpus(const struct gw_hv *hv, const pid_t **tids)
{
	*tids = hv->vcpu;
	return hv->n_vcpus;
}

enum gw_hv_run gw_hv_run_state(const struct gw_hv *hv)
{
	return hv->run;
}

const json_t *gw_hv_description(const struct gw_hv *hv)
{
	return hv->description;
}
