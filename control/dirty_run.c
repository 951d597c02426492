/* SPDX-License-Identifier: BSD-3-Clause */
#include "dirty_run.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "dirty_json.h"
#include "place.h"
#include "rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INTERVAL_NS (100 * GW_NS_PER_MS)
#define TICK_NS GW_NS_PER_MS /* as the manager's */
#define STOP_NS (5 * GW_NS_PER_S)
/* A harvest of much memory takes a while; the guest has at least three times as long without. */
#define HARVEST_SHARE 4u
/* What one tick takes from the rings: other sessions wait meanwhile. */
#define DRAIN_PAGES 65536u
#define DRAIN_BURST 64u

enum step { OPENING, CHECKING, STARTING, WAITING, SYNCING, DRAINING, STOPPING, OVER };

struct gw_dirty_run {
	const struct gw_run_env *env;
	const struct gw_dirty_run_ops *ops;
	void *arg;
	char vm[GW_NAME_MAX];
	enum step step;
	struct gw_hv *hv;
	struct gw_timer *timer;
	struct gw_space space;
	struct gw_dirty_log *log; /* NULL: entries do not count yet */
	struct gw_ring_reader ring[GW_EXPORT_MAX_RINGS];
	uint32_t n_rings;
	uint64_t head[GW_EXPORT_MAX_RINGS];
	uint64_t memory_bytes, data_bytes;
	uint64_t epoch;
	uint64_t duration_ns, start_ns; /* start: of the first interval */
	uint64_t interval_ns, asked_ns, next_ns, limit_ns;
	bool cut; /* ended before its time */
	/* What done is told. */
	int code;
	char text[2 * GW_ERR_TEXT];
	json_t *result, *reasons;
};

/* ---- the end ---- */

static void end_now(struct gw_dirty_run *r)
{
	json_t *result = r->result, *reasons = r->reasons;
	char text[sizeof(r->text)];

	gw_timer_stop(r->timer);
	/* Whoever is told may connect at once: the exporter serves one client. */
	if (r->hv != NULL)
		gw_hv_free(&r->hv);
	gw_info("%s: its dirty rate was %s%s%s", r->vm, r->code == 0 ? "measured" : "not measured",
		r->code == 0 ? "" : ": ", r->code == 0 ? "" : r->text);
	/* It is freed by who is told. */
	r->result = r->reasons = NULL;
	memcpy(text, r->text, sizeof(text));
	r->ops->done(r->arg, r, r->code, text, result, reasons);
	json_decref(reasons);
}

/* Told by the timer: whoever called may still use the hypervisor. reasons are borrowed. */
static void finish(struct gw_dirty_run *r, int code, const char *text, json_t *reasons)
{
	if (r->step == OVER)
		return;
	r->result = code == 0 ? gw_dirty_run_json(r) : NULL;
	r->step = OVER;
	r->code = code;
	snprintf(r->text, sizeof(r->text), "%s", text);
	r->reasons = json_incref(reasons);
	gw_timer_set(r->timer, 1, 0);
}

static void fail_rc(struct gw_dirty_run *r, int rc, const char *what, const char *why)
{
	char text[2 * GW_ERR_TEXT];

	snprintf(text, sizeof(text), "%s: %s", what,
		why != NULL && why[0] != '\0' ? why : strerror(-rc));
	finish(r, GW_RPC_STATE, text, NULL);
}

static void stop_tracking(struct gw_dirty_run *r)
{
	int rc = gw_exporter_stop(gw_hv_exporter(r->hv));

	r->step = STOPPING;
	r->limit_ns = gw_now_ns() + STOP_NS;
	if (rc != 0)
		fail_rc(r, rc, "cannot stop tracking", NULL);
}

void gw_dirty_run_end(struct gw_dirty_run *r)
{
	if (r->step == STOPPING || r->step == OVER)
		return;
	r->cut = true;
	if (r->step == WAITING || r->step == SYNCING || r->step == DRAINING)
		stop_tracking(r);
	else
		finish(r, GW_RPC_STATE, "ended before anything was measured", NULL);
}

void gw_dirty_run_fail(struct gw_dirty_run *r, int code, const char *text)
{
	finish(r, code, text, NULL);
	end_now(r);
}

/* ---- intervals ---- */

static void drained(struct gw_dirty_run *r, uint64_t now_ns)
{
	uint64_t harvest_ns = now_ns - r->asked_ns, wait_ns = INTERVAL_NS;

	if (r->log == NULL) {
		/* From here on it counts: how long tracking took to start is not known. */
		if (gw_dirty_log_create(&r->space, &r->log) != 0) {
			finish(r, GW_RPC_STATE, "out of memory", NULL);
			return;
		}
		r->start_ns = now_ns;
	} else {
		gw_dirty_log_interval(r->log, now_ns - r->interval_ns);
	}
	r->interval_ns = now_ns;
	if (now_ns - r->start_ns >= r->duration_ns) {
		stop_tracking(r);
		return;
	}
	if (wait_ns < harvest_ns * HARVEST_SHARE)
		wait_ns = harvest_ns * HARVEST_SHARE;
	r->next_ns = r->asked_ns + wait_ns;
	if (r->next_ns > r->start_ns + r->duration_ns)
		r->next_ns = r->start_ns + r->duration_ns;
	r->step = WAITING;
}

static void sync_now(struct gw_dirty_run *r, uint64_t now_ns)
{
	int rc = gw_exporter_sync(gw_hv_exporter(r->hv), ++r->epoch, false);

	r->asked_ns = now_ns;
	r->limit_ns = now_ns + r->env->config->migration.sync_timeout_ms * GW_NS_PER_MS;
	r->step = SYNCING;
	if (rc != 0)
		fail_rc(r, rc, "the exporter takes no SYNC", NULL);
}

/* False where it has failed. *reached: every ring was read up to the heads of the last SYNC. */
static bool drain(struct gw_dirty_run *r, bool *reached)
{
	uint64_t entry[DRAIN_BURST];
	uint64_t pages = 0;
	int n;

	*reached = true;
	for (uint32_t i = 0; i < r->n_rings; i++) {
		while (pages < DRAIN_PAGES &&
			(n = gw_ring_pop(&r->ring[i], entry, DRAIN_BURST)) != 0) {
			for (int k = 0; k < n; k++) {
				int count = r->log != NULL ? gw_dirty_log_add(r->log, entry[k]) : 1;

				if (count < 0)
					n = count;
				else
					pages += (uint32_t)count;
			}
			if (n < 0) {
				finish(r, GW_RPC_STATE, "the exporter's ring is broken", NULL);
				return false;
			}
		}
		/* Signed distance: cursors count for ever and may wrap. */
		if ((int64_t)(r->head[i] - r->ring[i].tail) > 0)
			*reached = false;
	}
	return true;
}

static void tick(void *ctx)
{
	struct gw_dirty_run *r = ctx;
	uint64_t now_ns = gw_now_ns();
	bool reached = false;

	if (r->step == OVER) {
		end_now(r);
		return;
	}
	if (r->step < WAITING)
		return; /* the hypervisor's own time limits count */
	if (!r->ops->wanted(r->arg)) {
		finish(r, GW_RPC_STATE, "nobody waits for it any more", NULL);
		return;
	}
	if (r->step < STOPPING && !drain(r, &reached))
		return;
	if (r->step == DRAINING && reached)
		drained(r, now_ns);
	else if (r->step == WAITING && now_ns >= r->next_ns)
		sync_now(r, now_ns);
	else if (r->step != WAITING && now_ns >= r->limit_ns)
		finish(r, GW_RPC_STATE, "the exporter does not answer in time", NULL);
}

/* ---- what the hypervisor says ---- */

static void on_event(void *ctx, enum gw_hv_event event, const char *text)
{
	if (event == GW_HV_GONE)
		fail_rc(ctx, -EPIPE, "the hypervisor is gone", text);
}

static void started(struct gw_dirty_run *r)
{
	r->step = WAITING;
	r->next_ns = 0;
}

static void on_exporter(void *ctx, const struct gw_exporter_event *ev)
{
	struct gw_dirty_run *r = ctx;

	if (ev->type == GW_EXPORT_ERROR)
		fail_rc(r, ev->error.code < 0 ? ev->error.code : -EIO, "exporter", ev->error.text);
	else if (ev->type == GW_EXPORT_STARTED && r->step == STARTING)
		started(r);
	else if (ev->type == GW_EXPORT_STOPPED && r->step == STOPPING)
		finish(r, 0, "", NULL);
	else if (ev->type == GW_EXPORT_SYNCED && r->step == SYNCING &&
		 ev->synced.epoch == r->epoch) {
		memcpy(r->head, ev->synced.head, sizeof(r->head));
		r->step = DRAINING;
	}
}

/* Some reasons forbid a move, but no tracking. */
static bool only_moves(const json_t *reason)
{
	static const char *const codes[] = {
		"migration_blocked", "migration_active", "block_job", "ram_block_in_stream"};
	const char *code = json_string_value(json_object_get(reason, "code"));

	for (size_t i = 0; code != NULL && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

static void begin(struct gw_dirty_run *r)
{
	const struct gw_exporter_info *info = gw_exporter_info(gw_hv_exporter(r->hv));
	struct stat st;
	int rc;

	for (uint32_t i = 0; i < info->n_regions; i++) {
		const struct gw_export_region *region = &info->region[i];

		gw_space_add(&r->space, region->id, NULL, region->size >> GW_EXPORT_PAGE_SHIFT);
		r->memory_bytes += region->size;
		/* The first region of a file stands for all of it. */
		if (region->file_offset == 0 && fstat(info->region_fd[i], &st) == 0)
			r->data_bytes += (uint64_t)st.st_blocks * 512;
	}
	if (r->data_bytes > r->memory_bytes)
		r->data_bytes = r->memory_bytes;
	r->n_rings = info->n_rings;
	memcpy(r->ring, info->ring, sizeof(r->ring));
	r->step = STARTING;
	rc = gw_exporter_start(gw_hv_exporter(r->hv));
	if (rc != 0)
		fail_rc(r, rc, "cannot track writes", NULL);
}

static void checked(void *arg, int result, json_t *reasons, const struct gw_err *err)
{
	struct gw_dirty_run *r = arg;

	for (size_t i = json_array_size(reasons); i-- > 0;)
		if (only_moves(json_array_get(reasons, i)))
			json_array_remove(reasons, i);
	if (result != 0)
		fail_rc(r, result, "cannot look at the VM", err != NULL ? err->text : NULL);
	else if (json_array_size(reasons) > 0)
		finish(r, GW_RPC_REFUSED, "its writes cannot be tracked", reasons);
	else
		begin(r);
	json_decref(reasons);
}

static void opened(void *arg, int result, const struct gw_err *err)
{
	struct gw_dirty_run *r = arg;

	if (result != 0) {
		fail_rc(r, result, r->vm, err != NULL ? err->text : NULL);
		return;
	}
	r->step = CHECKING;
	gw_hv_check(r->hv, checked, r);
}

/* ---- life ---- */

int gw_dirty_run_start(const struct gw_run_env *env, const char *vm, uint64_t duration_ns,
	const struct gw_dirty_run_ops *ops, void *arg, struct gw_dirty_run **out)
{
	struct gw_dirty_run *r = calloc(1, sizeof(*r));
	const struct gw_hv_callbacks cb = {on_event, on_exporter, r};
	struct gw_err err = {.text = ""};
	struct gw_hv_place place;
	int rc;

	if (r == NULL)
		return -ENOMEM;
	*r = (struct gw_dirty_run){.env = env, .ops = ops, .arg = arg, .duration_ns = duration_ns};
	snprintf(r->vm, sizeof(r->vm), "%s", vm);
	r->timer = gw_timer_create(env->loop, tick, r);
	if (r->timer == NULL) {
		free(r);
		return -ENOMEM;
	}
	gw_place_of(env->config, &place);
	gw_timer_set(r->timer, TICK_NS, TICK_NS);
	rc = gw_hv_open(env->loop, &place, vm, GW_HV_SOURCE, &cb, opened, r, &r->hv, &err);
	if (rc != 0) {
		r->hv = NULL;
		finish(r, rc == -ENOENT || rc == -ECONNREFUSED ? GW_RPC_NOT_FOUND : GW_RPC_STATE,
			err.text, NULL);
	}
	*out = r;
	return 0;
}

void gw_dirty_run_free(struct gw_dirty_run **run)
{
	struct gw_dirty_run *r = *run;

	if (r == NULL)
		return;
	if (r->hv != NULL)
		gw_hv_free(&r->hv);
	gw_timer_free(&r->timer);
	gw_dirty_log_free(&r->log);
	json_decref(r->result);
	json_decref(r->reasons);
	free(r);
	*run = NULL;
}

const char *gw_dirty_run_vm(const struct gw_dirty_run *r)
{
	return r->vm;
}

json_t *gw_dirty_run_json(const struct gw_dirty_run *r)
{
	const struct gw_dirty_subject subject = {.vm = r->vm,
		.kind = r->hv != NULL ? gw_hv_kind(r->hv) : "",
		.log = r->log,
		.memory_bytes = r->memory_bytes,
		.data_bytes = r->data_bytes,
		.asked_ns = r->duration_ns,
		.complete = !r->cut && r->step >= STOPPING};

	return gw_dirty_json(r->env, &subject);
}
