/* SPDX-License-Identifier: BSD-3-Clause */
#include "recovery.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "hypervisor/hypervisor.h"
#include "manager.h"
#include "place.h"
#include "reasons.h"
#include "record.h"
#include "run_hv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define RETRY_NS GW_NS_PER_S

/* A destination's session that had reached PREPARED, LOADING or STARTING. */
struct settle {
	LIST_ENTRY(settle) link;
	struct gw_recovery *r;
	struct gw_record record;
	struct gw_hv *hv;
	struct gw_timer *timer;   /* the next attempt */
	struct give_back *memory; /* while a job is at it */
	bool over;
};

/* What arrived in memory that waits for another session. */
struct give_back {
	struct settle *settle; /* NULL: it does not wait any more */
	struct gw_ram *ram;
	int result;
};

struct gw_recovery {
	struct gw_loop *loop;
	const struct gw_config *config;
	struct gw_manager *manager;
	LIST_HEAD(, settle) list;
};

static void step_to(struct settle *s, enum gw_record_step step)
{
	struct gw_err err;

	s->record.step = step;
	if (gw_record_write(s->r->config->run_dir, &s->record, &err) != 0)
		gw_error("session %s (%s): %s", s->record.id, s->record.vm, err.text);
}

/* The hypervisor object is freed by the timer: this may be one of its callbacks. */
static void over(struct settle *s, const char *what)
{
	gw_info("session %s (%s): after a restart: %s", s->record.id, s->record.vm, what);
	s->over = true;
	gw_timer_set(s->timer, 1, 0);
}

static void resumed(void *arg, int result, const struct gw_err *err)
{
	struct settle *s = arg;

	if (result == 0) {
		step_to(s, GW_STEP_RUNNING);
		over(s, "the guest runs here");
	} else if (result == -EPIPE || result == -ENOTCONN) {
		step_to(s, GW_STEP_CRASHED);
		over(s, "the hypervisor ended while the guest was starting");
	} else {
		/* It may have run before the restart, so this is no refusal; asking again is
		 * harmless. */
		gw_warn("session %s (%s): cannot resume: %s", s->record.id, s->record.vm,
			err->text);
		gw_timer_set(s->timer, RETRY_NS, 0);
	}
}

static void quit_done(void *arg, int result, const struct gw_err *err)
{
	struct settle *s = arg;

	if (result == 0) {
		over(s, "the guest never ran here, its hypervisor has been ended");
		return;
	}
	gw_warn("session %s (%s): cannot end the hypervisor: %s", s->record.id, s->record.vm,
		err->text);
	gw_timer_set(s->timer, RETRY_NS, 0);
}

/* ---- what a session left that had not got past PREPARED ---- */

/* Once: nobody waits for what becomes of it, and the next session trusts no memory that it finds.
 */
static void forget(struct settle *s, const char *why_kept)
{
	gw_record_remove(s->r->config->run_dir, s->record.id);
	if (why_kept != NULL)
		gw_warn("session %s (%s): what arrived here is not given back: %s", s->record.id,
			s->record.vm, why_kept);
	over(s, "the guest never ran here");
}

static void punch(struct gw_job *job, void *arg)
{
	struct give_back *m = arg;

	(void)job; /* runs to its end: nothing is left behind */
	m->result = gw_ram_punch_all(m->ram);
}

static void punched(void *arg)
{
	struct give_back *m = arg;
	struct settle *s = m->settle;

	if (s != NULL) {
		s->memory = NULL;
		forget(s, m->result != 0 ? strerror(-m->result) : NULL);
	}
	gw_ram_free(&m->ram);
	free(m);
}

/* Until it is done the export socket stays ours and the VM is held (gw_recovery_holds()). */
static void give_back(struct settle *s)
{
	struct give_back *m = calloc(1, sizeof(*m));
	struct gw_err err = {.text = "out of memory"};

	if (m == NULL || gw_run_hv_map_ram(s->hv, true, &m->ram, &err) != 0) {
		free(m);
		forget(s, err.text);
		return;
	}
	m->settle = s;
	if (gw_job_start(s->r->loop, punch, punched, m) != NULL) {
		s->memory = m;
		return;
	}
	gw_ram_free(&m->ram);
	free(m);
	forget(s, "no thread for it");
}

/* Whoever else uses a hypervisor that waits keeps what it has. */
static void checked(void *arg, int result, json_t *reasons, const struct gw_err *err)
{
	struct settle *s = arg;
	char text[GW_ERR_TEXT];

	gw_reasons_text(reasons, text, sizeof(text));
	if (result != 0)
		forget(s, err->text);
	else if (json_array_size(reasons) > 0)
		forget(s, text);
	else
		give_back(s);
	json_decref(reasons);
}

/* ---- steps ---- */

static void gone(struct settle *s)
{
	bool started = s->record.step == GW_STEP_STARTING;

	if (s->record.step == GW_STEP_PREPARED) {
		forget(s, NULL);
		return;
	}
	step_to(s, started ? GW_STEP_CRASHED : GW_STEP_REFUSED);
	over(s, started ? "the hypervisor ended while the guest was starting"
			: "the guest never ran here, its hypervisor is gone");
}

static void proceed(struct settle *s)
{
	if (gw_exporter_info(gw_hv_exporter(s->hv))->pid != s->record.pid) {
		gone(s);
	} else if (s->record.step == GW_STEP_PREPARED) {
		gw_hv_check(s->hv, checked, s);
	} else if (s->record.step == GW_STEP_LOADING || s->record.step == GW_STEP_REFUSED) {
		/* STARTING was never recorded, so no cont was sent. Recorded before the hypervisor
		 * is ended. */
		step_to(s, GW_STEP_REFUSED);
		gw_hv_quit(s->hv, quit_done, s);
	} else if (s->record.was_paused) {
		step_to(s, GW_STEP_RUNNING);
		over(s, "the guest is here, paused as it was");
	} else {
		gw_hv_resume(s->hv, resumed, s);
	}
}

static void opened(void *arg, int result, const struct gw_err *err)
{
	struct settle *s = arg;

	if (result == 0) {
		proceed(s);
		return;
	}
	if (result == -ENOENT || result == -ECONNREFUSED) {
		gone(s);
		return;
	}
	if (s->record.step == GW_STEP_PREPARED) {
		forget(s, err->text);
		return;
	}
	gw_warn("session %s (%s): cannot reach the hypervisor: %s", s->record.id, s->record.vm,
		err->text);
	gw_timer_set(s->timer, RETRY_NS, 0);
}

static void on_event(void *ctx, enum gw_hv_event event, const char *text)
{
	(void)ctx;
	(void)event;
	(void)text;
}

static void on_exporter(void *ctx, const struct gw_exporter_event *ev)
{
	(void)ctx;
	(void)ev;
}

/* A job that still empties its memory goes on. */
static void drop(struct settle *s)
{
	if (s->hv != NULL)
		gw_hv_free(&s->hv);
	if (s->memory != NULL)
		s->memory->settle = NULL;
	gw_timer_free(&s->timer);
	LIST_REMOVE(s, link);
	free(s);
}

static void attempt(void *ctx)
{
	struct settle *s = ctx;
	const struct gw_hv_callbacks cb = {on_event, on_exporter, s};
	struct gw_err err = {.text = ""};
	struct gw_hv_place place;
	int rc;

	if (s->hv != NULL)
		gw_hv_free(&s->hv);
	if (s->over) {
		drop(s);
		return;
	}
	gw_place_of(s->r->config, &place);
	rc = gw_hv_open(
		s->r->loop, &place, s->record.vm, GW_HV_DESTINATION, &cb, opened, s, &s->hv, &err);
	if (rc != 0) {
		s->hv = NULL;
		opened(s, rc, &err);
	}
}

static void settle(struct gw_recovery *r, const struct gw_record *record)
{
	struct settle *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->r = r;
		s->record = *record;
		s->timer = gw_timer_create(r->loop, attempt, s);
	}
	if (s == NULL || s->timer == NULL) {
		free(s);
		gw_error("session %s (%s): out of memory", record->id, record->vm);
		return;
	}
	LIST_INSERT_HEAD(&r->list, s, link);
	gw_timer_set(s->timer, 1, 0);
}

static void found(void *ctx, const struct gw_record *record)
{
	struct gw_recovery *r = ctx;

	switch (record->step) {
	case GW_STEP_PAUSING:
	case GW_STEP_GO:
		gw_manager_recover_source(r->manager, record);
		break;
	case GW_STEP_PREPARED:
	case GW_STEP_LOADING:
	case GW_STEP_STARTING:
	case GW_STEP_REFUSED:
		settle(r, record);
		break;
	default:
		break; /* kept: it answers until END */
	}
}

int gw_recovery_create(struct gw_loop *loop, const struct gw_config *config,
	struct gw_manager *manager, struct gw_recovery **out, struct gw_err *err)
{
	struct gw_recovery *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	r->loop = loop;
	r->config = config;
	r->manager = manager;
	LIST_INIT(&r->list);
	gw_record_each(config->run_dir, found, r);
	*out = r;
	return 0;
}

bool gw_recovery_holds(const struct gw_recovery *r, const char *vm)
{
	const struct settle *s;

	LIST_FOREACH(s, &r->list, link)
	if (!s->over && strcmp(s->record.vm, vm) == 0)
		return true;
	return false;
}

bool gw_recovery_settles(const struct gw_recovery *r, const char *id)
{
	const struct settle *s;

	LIST_FOREACH(s, &r->list, link)
	if (!s->over && strcmp(s->record.id, id) == 0)
		return true;
	return false;
}

void gw_recovery_free(struct gw_recovery **recovery)
{
	struct gw_recovery *r = *recovery;
	struct settle *s;

	if (r == NULL)
		return;
	while ((s = LIST_FIRST(&r->list)) != NULL)
		drop(s);
	free(r);
	*recovery = NULL;
}
