/* SPDX-License-Identifier: BSD-3-Clause */
#include "source_run.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"

#include <string.h>

#define LOOK_NS (250 * GW_NS_PER_MS)
/* Looking takes the hypervisor's time, and each page that is tracked anew costs the guest a fault:
 * at most a fiftieth. */
#define LOOK_SHARE 50u
/* A look that spares the wire less time than ten times its own was not worth it: the next waits
 * twice as long. */
#define LOOK_WORTH 10u
#define LOOK_MAX_NS (8 * GW_NS_PER_S)
#define PAGES_MAX (UINT64_C(1) << 40) /* what an exporter counts is not to be trusted */

static struct gw_exporter *exporter_of(const struct gw_src_run *s)
{
	return s->run.hv_open ? gw_hv_exporter(s->run.hv) : NULL;
}

static void told(void *ctx, int result, uint32_t percent, const char *text)
{
	struct gw_src_run *s = ctx;

	gw_meter_slowdown(s->run.meter, percent, gw_now_ns());
	if (result == 0)
		return;
	gw_warn("session %s (%s): the guest cannot be slowed: %s", s->run.id, s->run.vm, text);
	gw_stun_init(&s->brake.stun, 0);
}

void gw_src_brake_init(struct gw_src_run *s, uint32_t max_percent)
{
	gw_stun_init(&s->brake.stun, max_percent);
	s->brake.holdback =
		(struct gw_holdback){.attendant = s->run.env->attendant, .told = told, .ctx = s};
}

static void apply(struct gw_src_run *s)
{
	uint32_t percent = gw_stun_percent(&s->brake.stun);

	if (percent == s->brake.holdback.asked || !s->run.hv_open)
		return;
	if (s->brake.holdback.asked == 0)
		gw_info("session %s (%s): the guest dirties its memory faster than it can be sent: "
			"slowing it by %u %%",
			s->run.id, s->run.vm, percent);
	gw_holdback_set(&s->brake.holdback, s->run.hv, percent);
}

/* What was dirtied since the last count. */
static void judge(
	struct gw_src_run *s, uint64_t pages, uint64_t rate_bps, bool outruns, uint64_t now_ns)
{
	struct gw_src_brake *b = &s->brake;

	if (outruns && !b->stun.on && b->stun.max_percent != 0 && s->run.hv_open &&
		!gw_holdback_possible(&b->holdback, s->run.hv)) {
		gw_warn("session %s (%s): the guest dirties its memory faster than it can be sent, "
			"and its hypervisor has no way to slow it",
			s->run.id, s->run.vm);
		gw_stun_init(&b->stun, 0);
	}
	if (pages > PAGES_MAX)
		pages = PAGES_MAX;
	gw_stun_look(&b->stun, now_ns - b->looked_ns, pages * GW_CONVERGENCE_PAGE_BYTES, rate_bps,
		outruns);
	b->looked_ns = now_ns;
	apply(s);
}

void gw_src_brake_opened(struct gw_src_run *s, uint64_t now_ns)
{
	if (gw_src_view(s->machine).phase != GW_PRECOPY)
		return;
	/* From one count to the next: what is dirtied while a label is opened belongs to it. */
	if (s->brake.looked_ns == 0)
		s->brake.looked_ns = now_ns;
	s->brake.opened_ns = now_ns;
	s->brake.pause_ns = LOOK_NS;
	s->brake.next_ns = now_ns + LOOK_NS;
}

void gw_src_brake_tick(struct gw_src_run *s, uint64_t now_ns)
{
	struct gw_src_brake *b = &s->brake;
	struct gw_session_view v;

	if (b->looked_ns == 0)
		return;
	v = gw_src_view(s->machine);
	if (v.phase == GW_ABORT || v.phase == GW_DONE) {
		gw_src_brake_lift(s);
		return;
	}
	if (v.phase != GW_PRECOPY || !s->waiting_idle || b->look_number != 0 ||
		now_ns < b->next_ns || exporter_of(s) == NULL)
		return;
	if (gw_exporter_sync(exporter_of(s), s->sync_number + 1, false) != 0)
		return;
	b->look_number = ++s->sync_number;
	b->look_began_ns = now_ns;
}

bool gw_src_brake_holds_sync(struct gw_src_run *s)
{
	s->brake.sync_waits = s->brake.look_number != 0;
	return s->brake.sync_waits;
}

/* Epoch 0 sends what there is, however much of it is dirtied: its looks only keep pages from being
 * sent that will be sent again. */
static void spared(struct gw_src_brake *b, uint64_t pages, uint64_t rate_bps, uint64_t took_ns)
{
	uint64_t spared_ns = gw_convergence_send_ns(pages * GW_CONVERGENCE_PAGE_BYTES, rate_bps);

	if (spared_ns / LOOK_WORTH >= took_ns)
		b->pause_ns = LOOK_NS;
	else if (b->pause_ns < LOOK_MAX_NS)
		b->pause_ns *= 2;
}

static void look_over(struct gw_src_run *s, uint64_t pages, uint64_t now_ns)
{
	struct gw_src_brake *b = &s->brake;
	struct gw_convergence_sample sample = {.rate_bps = 0};
	uint64_t rate_bps, took_ns = now_ns - b->look_began_ns;
	bool outruns;

	if (pages > PAGES_MAX)
		pages = PAGES_MAX;
	gw_src_run_sample(s, &sample);
	rate_bps = sample.rate_bps;
	if (gw_src_view(s->machine).label < 2)
		spared(b, pages, rate_bps, took_ns);
	else
		b->pause_ns = LOOK_NS;
	b->next_ns =
		now_ns + (took_ns * LOOK_SHARE > b->pause_ns ? took_ns * LOOK_SHARE : b->pause_ns);
	if (b->looked_ns == 0) /* lifted meanwhile */
		return;
	if (gw_src_view(s->machine).label < 2) {
		b->looked_ns = now_ns;
		return;
	}
	outruns = gw_convergence_send_ns(pages * GW_CONVERGENCE_PAGE_BYTES, rate_bps) >
			  now_ns - b->looked_ns &&
		  gw_convergence_room_ns(s->run.conf.limits.blackout_ns, &sample) > 0 &&
		  gw_convergence_blackout_ns(&sample) > s->run.conf.limits.blackout_ns;
	judge(s, pages, rate_bps, outruns, now_ns);
}

static bool synced(struct gw_src_run *s, const struct gw_export_synced *ev, uint64_t now_ns)
{
	struct gw_src_brake *b = &s->brake;

	if (b->look_number == 0 || ev->epoch != b->look_number) {
		b->pages = ev->pages;
		return false;
	}
	b->look_number = 0;
	look_over(s, ev->pages, now_ns);
	if (b->sync_waits) {
		b->sync_waits = false;
		gw_src_run_sync(s);
	}
	return true;
}

static bool failed(struct gw_src_run *s, const struct gw_export_error *ev)
{
	struct gw_src_brake *b = &s->brake;

	if (ev->request != GW_EXPORT_SYNC || b->look_number == 0)
		return false;
	b->look_number = 0;
	if (b->sync_waits) /* that one has failed as well */
		return false;
	/* What the exporter had taken is lost. */
	gw_run_fault(&s->run, "exporter: %s", ev->text);
	return true;
}

bool gw_src_brake_export(struct gw_src_run *s, const struct gw_exporter_event *ev, uint64_t now_ns)
{
	if (gw_holdback_answer(&s->brake.holdback, s->run.hv, ev))
		return true;
	switch (ev->type) {
	case GW_EXPORT_SYNCED:
		return synced(s, &ev->synced, now_ns);
	case GW_EXPORT_ERROR:
		return failed(s, &ev->error);
	default:
		return false;
	}
}

void gw_src_brake_drained(
	struct gw_src_run *s, struct gw_convergence_sample *sample, uint64_t now_ns)
{
	struct gw_src_brake *b = &s->brake;
	uint64_t limit_ns = s->run.conf.limits.blackout_ns;
	bool outruns;

	if (b->looked_ns == 0 || gw_src_view(s->machine).phase != GW_PRECOPY)
		return;
	outruns = !gw_convergence_shrinks(sample, now_ns - b->opened_ns) &&
		  gw_convergence_blackout_ns(sample) > limit_ns &&
		  gw_convergence_room_ns(limit_ns, sample) > 0;
	judge(s, b->pages, sample->rate_bps, outruns, now_ns);
	sample->stun_percent = gw_stun_percent(&b->stun);
	sample->spent = b->stun.spent;
}

void gw_src_brake_lift(struct gw_src_run *s)
{
	gw_stun_release(&s->brake.stun);
	s->brake.looked_ns = 0;
	if (s->run.hv_open)
		gw_holdback_set(&s->brake.holdback, s->run.hv, 0);
}

void gw_src_brake_end(struct gw_src_run *s)
{
	gw_holdback_end(&s->brake.holdback);
}
