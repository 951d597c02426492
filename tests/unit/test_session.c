/* SPDX-License-Identifier: BSD-3-Clause */
/* control/session*.c: the ways of both machines, one by one. test_session_all.c looks at every
 * event in every state. */
#include "../../control/session.h"
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct gw_session_conf conf = {
	.limits = {.blackout_ns = 50000000, .min_epoch_ns = 250000000, .label_max = 65000},
	.sync_timeout_ns = 1000000000,
	.commit_timeout_ns = 1000000000,
	.quit_after = true};

/* What source_to() and sink_to() begin with. */
static const struct gw_session_conf *way_conf = &conf;

static struct gw_session_actions out;
static struct gw_src *src;
static struct gw_dst *dst;

static bool did(enum gw_session_action_type type)
{
	for (uint32_t i = 0; i < out.n; i++)
		if (out.list[i].type == type)
			return true;
	return false;
}

static uint64_t value_of(enum gw_session_action_type type)
{
	for (uint32_t i = 0; i < out.n; i++)
		if (out.list[i].type == type)
			return out.list[i].value;
	return UINT64_MAX;
}

static struct gw_session_event event(
	enum gw_session_event_type type, int result, uint64_t value, uint64_t now_ns)
{
	struct gw_session_event ev = {
		.type = type, .result = result, .value = value, .now_ns = now_ns};

	/* A fast wire, and what the guest writes until the pause takes 5 ms of it: fits any limit,
	 * and is worth a SYNC before the device state is saved. */
	ev.sample.rate_bps = ev.sample.dirty_bps = 10000000000ull;
	ev.sample.gap_ns = 5000000;
	snprintf(ev.text, sizeof(ev.text), "%s", result != 0 ? "why" : "");
	return ev;
}

static void s(enum gw_session_event_type type, int result, uint64_t value)
{
	struct gw_session_event ev = event(type, result, value, 0);

	gw_src_step(src, &ev, &out);
}

static void d(enum gw_session_event_type type, int result, uint64_t value)
{
	struct gw_session_event ev = event(type, result, value, 0);

	gw_dst_step(dst, &ev, &out);
}

static void new_source(const struct gw_session_conf *c)
{
	if (src != NULL)
		gw_src_free(&src);
	CU_ASSERT_EQUAL_FATAL(gw_src_create(c, &src), 0);
}

static void new_sink(const struct gw_session_conf *c)
{
	if (dst != NULL)
		gw_dst_free(&dst);
	CU_ASSERT_EQUAL_FATAL(gw_dst_create(c, &dst), 0);
}

/* Takes a new source to the state called name along the way without trouble. */
static void source_to(const char *name)
{
	static const struct {
		enum gw_session_event_type type;
		enum gw_session_action_type next; /* what follows */
	} way[] = {
		{GW_EV_START, GW_DO_HV_OPEN},
		{GW_EV_HV_OPENED, GW_DO_HV_CHECK},
		{GW_EV_HV_CHECKED, GW_DO_SEND_PREPARE},
		{GW_EV_PEER_PREPARED, GW_DO_MAP},
		{GW_EV_MAPPED, GW_DO_HV_PREPARE},
		{GW_EV_HV_PREPARED, GW_DO_WATCH_LINK},
		{GW_EV_LINK_UP, GW_DO_TRACK_START},
		{GW_EV_TRACKING, GW_DO_STREAM_CREATE},
		{GW_EV_STREAM, GW_DO_WALK},
		{GW_EV_WALKED, GW_DO_OPEN_LABEL},
		{GW_EV_LABEL_OPENED, GW_DO_TIMER},
		{GW_EV_IDLE, GW_DO_SYNC},
		{GW_EV_SYNCED, GW_DO_DRAIN},
		{GW_EV_DRAINED, GW_DO_HV_CHECK},
		{GW_EV_HV_CHECKED, GW_DO_OPEN_LABEL}, /* what was written during the check */
		{GW_EV_LABEL_OPENED, GW_DO_TIMER},
		{GW_EV_IDLE, GW_DO_SYNC},
		{GW_EV_SYNCED, GW_DO_DRAIN},
		{GW_EV_DRAINED, GW_DO_RECORD},
		{GW_EV_RECORDED, GW_DO_PAUSE},
		{GW_EV_PAUSED, GW_DO_SAVE},
		{GW_EV_SYNCED, GW_DO_DRAIN},
		{GW_EV_DRAINED, GW_DO_OPEN_LABEL},
		{GW_EV_SAVED, GW_DO_PUT_STATE},
		{GW_EV_HOLES, GW_DO_N},
		{GW_EV_STATE_PUT, GW_DO_N},
		{GW_EV_LABEL_OPENED, GW_DO_SYNC},
		{GW_EV_SYNCED, GW_DO_DRAIN},
		{GW_EV_DRAINED, GW_DO_AWAIT_IDLE}, /* saving wrote nothing */
		{GW_EV_IDLE, GW_DO_SEND_COMMIT},
		{GW_EV_READY, GW_DO_RECORD},
		{GW_EV_RECORDED, GW_DO_SEND_GO},
		{GW_EV_RUNNING, GW_DO_TIMER}, /* the guest there first */
		{GW_EV_TIMER, GW_DO_QUIT},
		{GW_EV_QUIT_DONE, GW_DO_STREAM_CLOSE},
		{GW_EV_STREAM_CLOSED, GW_DO_FINISH},
	};

	new_source(way_conf);
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		if (strcmp(gw_src_view(src).state, name) == 0)
			return;
		s(way[i].type, 0, 0);
		if (way[i].next != GW_DO_N)
			CU_ASSERT_FATAL(did(way[i].next));
	}
	CU_ASSERT_STRING_EQUAL_FATAL(gw_src_view(src).state, name);
}

static void sink_to(const char *name)
{
	static const struct {
		enum gw_session_event_type type;
		enum gw_session_action_type next;
	} way[] = {
		{GW_EV_START, GW_DO_HV_OPEN},
		{GW_EV_HV_OPENED, GW_DO_HV_CHECK},
		{GW_EV_HV_CHECKED, GW_DO_MAP},
		{GW_EV_MAPPED, GW_DO_RECORD},
		{GW_EV_RECORDED, GW_DO_HV_PREPARE},
		{GW_EV_HV_PREPARED, GW_DO_STREAM_CREATE},
		{GW_EV_STREAM, GW_DO_SEND_PREPARED},
		{GW_EV_SWITCHOVER, GW_DO_RECORD},
		{GW_EV_RECORDED, GW_DO_LOAD_OPEN},
		{GW_EV_LOAD_OPENED, GW_DO_TIMER},
		{GW_EV_COMMIT, GW_DO_FENCE},
		{GW_EV_FENCED, GW_DO_VERIFY},
		{GW_EV_VERIFIED, GW_DO_LOAD},
		{GW_EV_LOADED, GW_DO_SEND_READY},
		{GW_EV_GO, GW_DO_RECORD},
		{GW_EV_RECORDED, GW_DO_RESUME},
		{GW_EV_RESUMED, GW_DO_RECORD},
		{GW_EV_RECORDED, GW_DO_SEND_RUNNING},
		{GW_EV_END, GW_DO_FINISH},
	};

	new_sink(way_conf);
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		if (strcmp(gw_dst_view(dst).state, name) == 0)
			return;
		d(way[i].type, 0, 0);
		CU_ASSERT_FATAL(did(way[i].next));
	}
	CU_ASSERT_STRING_EQUAL_FATAL(gw_dst_view(dst).state, name);
}

static void test_source_way(void)
{
	source_to("OVER");
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_COMPLETED);
	CU_ASSERT_EQUAL(gw_src_view(src).label, 3);
	CU_ASSERT_STRING_EQUAL(gw_src_view(src).error, "");
}

static void test_sink_way(void)
{
	sink_to("OVER");
	CU_ASSERT_EQUAL(gw_dst_view(dst).result, GW_COMPLETED);
}

static void test_reasons_of_both_ends(void)
{
	source_to("CHECKING");
	s(GW_EV_HV_CHECKED, 0, 2);
	/* Refused here already, and the destination is asked all the same, without effect there. */
	CU_ASSERT_EQUAL(value_of(GW_DO_SEND_PREPARE), 1);
	s(GW_EV_PEER_PREPARED, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT(!did(GW_DO_SEND_ABORT));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_FAILED);

	source_to("ASKING");
	s(GW_EV_PEER_PREPARED, 0, 1);
	CU_ASSERT(did(GW_DO_FINISH));
}

static void test_dry_run(void)
{
	struct gw_session_conf c = conf;

	c.dry = true;
	new_source(&c);
	s(GW_EV_START, 0, 0);
	s(GW_EV_HV_OPENED, 0, 0);
	s(GW_EV_HV_CHECKED, 0, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_SEND_PREPARE), 1);
	s(GW_EV_PEER_PREPARED, 0, 3);
	CU_ASSERT(did(GW_DO_WATCH_LINK));
	s(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_LINK_REASON));
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_COMPLETED);

	new_sink(&c);
	d(GW_EV_START, 0, 0);
	d(GW_EV_HV_OPENED, 0, 0);
	d(GW_EV_HV_CHECKED, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_PREPARED));
	CU_ASSERT(!did(GW_DO_MAP));
	CU_ASSERT(did(GW_DO_FINISH));
}

/* A dry run whose peer is not asked; at the destination they join those that are found. */
static void test_reasons_known_before(void)
{
	struct gw_session_conf c = conf;

	c.dry = true;
	c.reasons = 1;
	new_source(&c);
	s(GW_EV_START, 0, 0);
	s(GW_EV_HV_OPENED, 0, 0);
	s(GW_EV_HV_CHECKED, 0, 2);
	CU_ASSERT(!did(GW_DO_SEND_PREPARE));
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_COMPLETED);

	c.dry = false;
	new_sink(&c);
	d(GW_EV_START, 0, 0);
	d(GW_EV_HV_OPENED, 0, 0);
	d(GW_EV_HV_CHECKED, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_PREPARED));
	CU_ASSERT(!did(GW_DO_MAP));
	CU_ASSERT_EQUAL(gw_dst_view(dst).result, GW_FAILED);
}

static void test_epochs_until_it_fits(void)
{
	struct gw_session_event ev = event(GW_EV_DRAINED, 0, 0, 400000000);

	source_to("DRAINING");
	ev.sample.next_pages =
		1u << 18; /* 1 GiB at 10 Gb/s: 859 ms, more than the 400 that the epoch took */
	gw_src_step(src, &ev, &out);
	CU_ASSERT_EQUAL(value_of(GW_DO_OPEN_LABEL), 2);
	CU_ASSERT(gw_src_view(src).predicted_ns > 800000000);
	s(GW_EV_LABEL_OPENED, 0, 0);
	s(GW_EV_IDLE, 0, 0);
	/* Hurrying gains nothing: the epoch is to last. */
	CU_ASSERT_STRING_EQUAL(gw_src_view(src).state, "PACING");
	CU_ASSERT_EQUAL(value_of(GW_DO_TIMER), conf.limits.min_epoch_ns);
	s(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_SYNC));
}

/* What did not fit does when the limit is raised in flight, and the other way round. */
static void test_limit_in_flight(void)
{
	struct gw_session_event ev = event(GW_EV_DRAINED, 0, 0, 400000000);

	ev.sample.next_pages = 1u << 18;
	ev.sample.dirty_bps = 0;
	source_to("DRAINING");
	gw_src_blackout_limit(src, 2000000000);
	gw_src_step(src, &ev, &out);
	CU_ASSERT(did(GW_DO_HV_CHECK)); /* the way to the switchover */
	source_to("DRAINING");
	gw_src_blackout_limit(src, 2000000000);
	gw_src_blackout_limit(src, 1000000);
	gw_src_step(src, &ev, &out);
	CU_ASSERT_FALSE(did(GW_DO_HV_CHECK));
	CU_ASSERT_EQUAL(value_of(GW_DO_OPEN_LABEL), 2);
}

/* An epoch that never gets through does not outlast the limit. */
static void test_time_limit_in_an_epoch(void)
{
	struct gw_session_event ev = event(GW_EV_DRAINED, 0, 0, 400000000);
	struct gw_session_conf c = conf;

	source_to("SENDING");
	s(GW_EV_TIME_UP, 0, 0);
	CU_ASSERT_EQUAL(gw_src_view(src).phase, GW_ABORT); /* on_limit: abort */
	c.limits.switch_on_limit = true;
	/* Before the first label, and in the middle of it. */
	for (int early = 0; early < 2; early++) {
		new_source(&c);
		for (int i = 0; gw_src_view(src).label == 0; i++)
			s((const enum gw_session_event_type[]){GW_EV_START, GW_EV_HV_OPENED,
				  GW_EV_HV_CHECKED, GW_EV_PEER_PREPARED, GW_EV_MAPPED,
				  GW_EV_HV_PREPARED, GW_EV_LINK_UP, GW_EV_TRACKING, GW_EV_STREAM,
				  GW_EV_WALKED}[i],
				0, 0);
		if (early)
			s(GW_EV_TIME_UP, 0, 0);
		CU_ASSERT(!did(GW_DO_SYNC));
		s(GW_EV_LABEL_OPENED, 0, 0);
		CU_ASSERT_EQUAL(did(GW_DO_SYNC), early);
		if (!early)
			s(GW_EV_TIME_UP, 0, 0);
		CU_ASSERT(did(GW_DO_SYNC));
		s(GW_EV_SYNCED, 0, 0);
		/* What was not sent may stop the guest for 0.86 s, as asked, but not for minutes.
		 */
		ev.sample.next_pages = early ? 1u << 18 : 1u << 28;
		gw_src_step(src, &ev, &out);
		CU_ASSERT_EQUAL(did(GW_DO_HV_CHECK), early);
		CU_ASSERT_EQUAL(gw_src_view(src).phase == GW_ABORT, !early);
	}
}

/* The epoch for the check takes longer than the check stays fresh: it is not made again for ever.
 */
static void test_long_epochs_are_checked_once(void)
{
	struct gw_session_event ev = event(GW_EV_DRAINED, 0, 0, 0);

	source_to("DRAINING");
	gw_src_step(src, &ev, &out);
	CU_ASSERT(did(GW_DO_HV_CHECK));
	s(GW_EV_HV_CHECKED, 0, 0);
	s(GW_EV_LABEL_OPENED, 0, 0);
	s(GW_EV_IDLE, 0, 0);
	s(GW_EV_SYNCED, 0, 0);
	ev.now_ns = 60000000000ull;
	gw_src_step(src, &ev, &out);
	CU_ASSERT(did(GW_DO_RECORD));
}

static void test_populate_first(void)
{
	struct gw_session_conf c = conf;

	c.populate_first = true;
	source_to("WALKING");
	new_source(&c);
	for (const enum gw_session_event_type *e = (const enum gw_session_event_type[]){GW_EV_START,
		     GW_EV_HV_OPENED, GW_EV_HV_CHECKED, GW_EV_PEER_PREPARED, GW_EV_MAPPED,
		     GW_EV_HV_PREPARED, GW_EV_LINK_UP, GW_EV_TRACKING, GW_EV_STREAM, GW_EV_WALKED,
		     GW_EV_N};
		*e != GW_EV_N; e++)
		s(*e, 0, 0);
	CU_ASSERT(!did(GW_DO_OPEN_LABEL));
	s(GW_EV_POPULATED, 0, 0);
	CU_ASSERT(did(GW_DO_OPEN_LABEL));
}

static void test_abort_before_pause(void)
{
	source_to("SENDING");
	s(GW_EV_USER_ABORT, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ABORT));
	CU_ASSERT(did(GW_DO_TRACK_STOP));
	CU_ASSERT(!did(GW_DO_RESUME));
	s(GW_EV_TRACK_STOPPED, 0, 0);
	CU_ASSERT(did(GW_DO_STREAM_CLOSE));
	s(GW_EV_STREAM_CLOSED, 0, 0);
	CU_ASSERT(!did(GW_DO_FINISH)); /* a retry must find the destination ready */
	s(GW_EV_PEER_ABORTED, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_ABORTED);
}

static void test_abort_after_commit_waits_for_the_disks(void)
{
	source_to("COMMITTING");
	s(GW_EV_USER_ABORT, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ABORT));
	CU_ASSERT(!did(GW_DO_RESUME));
	s(GW_EV_READY, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ABORT));
	CU_ASSERT(!did(GW_DO_RECORD));
	s(GW_EV_PEER_ABORTED, 0, 0);
	CU_ASSERT(did(GW_DO_RESUME));
	s(GW_EV_RESUMED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));

	/* Without the destination: at once. */
	source_to("COMMITTING");
	s(GW_EV_PEER_GONE, 0, 0);
	CU_ASSERT(did(GW_DO_RESUME));
}

static void test_resume_is_tried_again(void)
{
	source_to("COMMITTING");
	s(GW_EV_PEER_GONE, 0, 0);
	for (int i = 0; i < 29; i++) {
		s(GW_EV_RESUMED, -EIO, 0);
		CU_ASSERT_STRING_EQUAL(gw_src_view(src).state, "U_RETRYING");
		s(GW_EV_TIMER, 0, 0);
		CU_ASSERT(did(GW_DO_RESUME));
	}
	s(GW_EV_RESUMED, -EIO, 0);
	/* Given up: the record stays for the next start. */
	CU_ASSERT(!did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(strstr(gw_src_view(src).error, "could not be resumed") != NULL);
}

static void test_sync_times_out(void)
{
	source_to("FINAL");
	s(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_RESUME));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_FAILED);
}

static void test_paused_stays_paused(void)
{
	source_to("OPENING");
	s(GW_EV_HV_OPENED, 0, 1);
	for (const enum gw_session_event_type *e =
			(const enum gw_session_event_type[]){GW_EV_HV_CHECKED, GW_EV_PEER_PREPARED,
				GW_EV_MAPPED, GW_EV_HV_PREPARED, GW_EV_LINK_UP, GW_EV_TRACKING,
				GW_EV_STREAM, GW_EV_WALKED, GW_EV_LABEL_OPENED, GW_EV_IDLE,
				GW_EV_SYNCED, GW_EV_DRAINED, GW_EV_HV_CHECKED, GW_EV_LABEL_OPENED,
				GW_EV_IDLE, GW_EV_SYNCED, GW_EV_DRAINED, GW_EV_RECORDED, GW_EV_N};
		*e != GW_EV_N; e++) {
		s(*e, 0, 0);
		CU_ASSERT(!did(GW_DO_PAUSE));
	}
	CU_ASSERT(did(GW_DO_SAVE));
	s(GW_EV_FAULT, -EIO, 0);
	CU_ASSERT(did(GW_DO_UNSAVE));
	s(GW_EV_UNSAVED, 0, 0);
	CU_ASSERT(!did(GW_DO_RESUME));

	sink_to("AWAITING_COMMIT");
	d(GW_EV_COMMIT, 0, 1);
	d(GW_EV_FENCED, 0, 0);
	d(GW_EV_VERIFIED, 0, 0);
	d(GW_EV_LOADED, 0, 0);
	d(GW_EV_GO, 0, 0);
	d(GW_EV_RECORDED, 0, 0);
	CU_ASSERT(!did(GW_DO_RESUME));
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), GW_STEP_RUNNING);
}

/* Where a SYNC gains little: none before the device state is saved, and all that it
 * would have named comes with the one after that. */
static void test_sync_once(void)
{
	struct gw_session_event slow = event(GW_EV_DRAINED, 0, 0, 0);

	source_to("RECHECKING");
	s(GW_EV_HV_CHECKED, 0, 0);
	s(GW_EV_LABEL_OPENED, 0, 0);
	s(GW_EV_IDLE, 0, 0);
	s(GW_EV_SYNCED, 0, 0);
	slow.sample = (struct gw_convergence_sample){.next_pages = 10, .rate_bps = 10000000000ull};
	gw_src_step(src, &slow, &out);
	CU_ASSERT(did(GW_DO_RECORD));
	s(GW_EV_RECORDED, 0, 0);
	s(GW_EV_PAUSED, 0, 0);
	CU_ASSERT(did(GW_DO_SAVE));
	CU_ASSERT(did(GW_DO_FIND_HOLES));
	CU_ASSERT(!did(GW_DO_SYNC));
	s(GW_EV_HOLES, 0, 0);
	CU_ASSERT(!did(GW_DO_SYNC));
	s(GW_EV_SAVED, 0, 0);
	CU_ASSERT(!did(GW_DO_SYNC));
	s(GW_EV_STATE_PUT, 0, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_SYNC), 1); /* the last */
	s(GW_EV_SYNCED, 0, 0);
	gw_src_step(src, &slow, &out);
	CU_ASSERT(did(GW_DO_OPEN_LABEL));
	CU_ASSERT(!did(GW_DO_AWAIT_IDLE));
	s(GW_EV_LABEL_OPENED, 0, 0);
	CU_ASSERT(did(GW_DO_AWAIT_IDLE));
}

/* Once the last check is passed: the destination is ready by the pause, and told once. */
static void test_announces_switchover(void)
{
	source_to("RECHECKING");
	s(GW_EV_HV_CHECKED, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_SWITCHOVER));
	CU_ASSERT(did(GW_DO_OPEN_LABEL));
	s(GW_EV_LABEL_OPENED, 0, 0);
	s(GW_EV_IDLE, 0, 0);
	s(GW_EV_SYNCED, 0, 0);
	s(GW_EV_DRAINED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD));
	CU_ASSERT(!did(GW_DO_SEND_SWITCHOVER));
	source_to("RECHECKING");
	s(GW_EV_HV_CHECKED, 0, 1);
	CU_ASSERT(!did(GW_DO_SEND_SWITCHOVER));
	/* No time for an epoch more. */
	source_to("RECHECKING");
	s(GW_EV_TIME_UP, 0, 0);
	s(GW_EV_HV_CHECKED, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_SWITCHOVER));
	CU_ASSERT(did(GW_DO_RECORD));
}

/* The data plane is looked at often while the guest waits for it, and for nothing else. */
static void test_urgent(void)
{
	static const char *const source[] = {"FINAL", "REDRAINING", "LAST"};
	static const char *const patient[] = {
		"SENDING", "PAUSING", "RESYNCING", "COMMITTING", "GONE"};

	for (size_t i = 0; i < sizeof(source) / sizeof(source[0]); i++) {
		source_to(source[i]);
		CU_ASSERT(gw_src_view(src).urgent);
	}
	for (size_t i = 0; i < sizeof(patient) / sizeof(patient[0]); i++) {
		source_to(patient[i]);
		CU_ASSERT(!gw_src_view(src).urgent);
	}
	/* The epoch is open, and QEMU saves still. */
	source_to("FINAL");
	s(GW_EV_SYNCED, 0, 0);
	s(GW_EV_DRAINED, 0, 0);
	s(GW_EV_LABEL_OPENED, 0, 0);
	CU_ASSERT(!gw_src_view(src).urgent);
	sink_to("FENCING");
	CU_ASSERT(gw_dst_view(dst).urgent);
	sink_to("LOADING");
	CU_ASSERT(!gw_dst_view(dst).urgent);
}

static void test_lost_after_go(void)
{
	source_to("GONE");
	s(GW_EV_PEER_GONE, 0, 0);
	CU_ASSERT(!did(GW_DO_RESUME));
	s(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ASK));
	s(GW_EV_STARTING, 0, 0);
	CU_ASSERT(!did(GW_DO_RESUME));
	s(GW_EV_UNKNOWN, 0, 0);
	CU_ASSERT_STRING_EQUAL(gw_src_view(src).state, "PERSON");
	CU_ASSERT(!did(GW_DO_RESUME));
	s(GW_EV_USER_ABORT, 0, 0);
	CU_ASSERT_EQUAL(out.n, 0);
	s(GW_EV_RUNNING, 0, 0);
	CU_ASSERT(!did(GW_DO_QUIT));
	s(GW_EV_PEER_GONE, 0, 0);
	s(GW_EV_RUNNING, 0, 0);
	CU_ASSERT_EQUAL(out.n, 0);
	s(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_QUIT));
}

static enum gw_resolve_verdict may(enum gw_resolution r, bool sure)
{
	const char *why = NULL;
	enum gw_resolve_verdict v = gw_src_resolvable(src, r, sure, &why);

	CU_ASSERT_EQUAL(v == GW_RESOLVE_OK, why == NULL);
	return v;
}

static void lose_destination(void)
{
	source_to("GONE");
	s(GW_EV_PEER_GONE, 0, 0);
	CU_ASSERT_STRING_EQUAL(gw_src_view(src).state, "LOST");
	CU_ASSERT(strstr(gw_src_view(src).error, "godwitctl resolve") != NULL);
}

/* Only after GO, only without the destination, and running here only from who is sure. */
static void test_resolve_when(void)
{
	source_to("COMMITTING");
	CU_ASSERT_EQUAL(may(GW_RESOLVE_HERE, true), GW_RESOLVE_STATE);
	CU_ASSERT_EQUAL(may(GW_RESOLVE_GONE, true), GW_RESOLVE_STATE);
	s(GW_EV_RESOLVED, 0, GW_RESOLVE_HERE);
	CU_ASSERT_EQUAL(out.n, 0);
	source_to("GONE");
	CU_ASSERT_EQUAL(may(GW_RESOLVE_HERE, true), GW_RESOLVE_STATE);
	CU_ASSERT_EQUAL(may(GW_RESOLVE_THERE, true), GW_RESOLVE_STATE);
	s(GW_EV_RESOLVED, 0, GW_RESOLVE_HERE);
	CU_ASSERT_EQUAL(out.n, 0);
	lose_destination();
	CU_ASSERT_EQUAL(may(GW_RESOLVE_HERE, false), GW_RESOLVE_UNSURE);
	CU_ASSERT_EQUAL(may(GW_RESOLVE_HERE, true), GW_RESOLVE_OK);
	CU_ASSERT_EQUAL(may(GW_RESOLVE_THERE, false), GW_RESOLVE_OK);
	CU_ASSERT_EQUAL(may(GW_RESOLVE_GONE, false), GW_RESOLVE_OK);
	/* It is back: its word counts again. */
	s(GW_EV_STARTING, 0, 0);
	CU_ASSERT_STRING_EQUAL(gw_src_view(src).error, "");
	CU_ASSERT_EQUAL(may(GW_RESOLVE_HERE, true), GW_RESOLVE_STATE);
	s(GW_EV_CRASHED, 0, 0);
	CU_ASSERT_EQUAL(may(GW_RESOLVE_HERE, false), GW_RESOLVE_UNSURE);
	CU_ASSERT_EQUAL(may(GW_RESOLVE_GONE, false), GW_RESOLVE_OK);
}

static void test_resolve(void)
{
	lose_destination();
	s(GW_EV_RESOLVED, 0, GW_RESOLVE_HERE);
	CU_ASSERT(did(GW_DO_RESUME));
	CU_ASSERT(!did(GW_DO_RECORD_REMOVE));
	/* Too late: it is resumed already. */
	CU_ASSERT_EQUAL(may(GW_RESOLVE_THERE, true), GW_RESOLVE_STATE);
	s(GW_EV_RUNNING, 0, 0);
	CU_ASSERT(!did(GW_DO_QUIT));
	s(GW_EV_RESUMED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_FAILED);

	lose_destination();
	s(GW_EV_RESOLVED, 0, GW_RESOLVE_THERE);
	CU_ASSERT(did(GW_DO_QUIT));
	s(GW_EV_QUIT_DONE, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_COMPLETED);

	lose_destination();
	s(GW_EV_UNKNOWN, 0, 0);
	s(GW_EV_RESOLVED, 0, GW_RESOLVE_GONE);
	CU_ASSERT(did(GW_DO_QUIT));
	CU_ASSERT(!did(GW_DO_RESUME));
	s(GW_EV_QUIT_DONE, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_FAILED);
	CU_ASSERT(gw_src_view(src).error[0] != '\0');
}

static void test_resolution_words(void)
{
	enum gw_resolution r;

	for (int i = GW_RESOLVE_HERE; i <= GW_RESOLVE_GONE; i++) {
		CU_ASSERT_EQUAL(
			gw_resolution_parse(gw_resolution_name((enum gw_resolution)i), &r), 0);
		CU_ASSERT_EQUAL((int)r, i);
	}
	CU_ASSERT_EQUAL(gw_resolution_parse("here", &r), -EINVAL);
	CU_ASSERT_EQUAL(gw_resolution_parse("", &r), -EINVAL);
}

/* READY, and its hypervisor is gone before GO; how the record of the refusal went. */
static void sink_refuses(int recorded)
{
	sink_to("READY");
	d(GW_EV_HV_GONE, -EPIPE, 0);
	d(GW_EV_RECORDED, recorded, 0);
}

static void test_refused(void)
{
	source_to("GONE");
	s(GW_EV_REFUSED, 0, 0);
	CU_ASSERT(did(GW_DO_RESUME));
	CU_ASSERT(!did(GW_DO_SEND_END));
	s(GW_EV_RESUMED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(did(GW_DO_SEND_END));

	sink_to("STARTING");
	d(GW_EV_RESUMED, -EREMOTEIO, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), GW_STEP_REFUSED);
	CU_ASSERT(!did(GW_DO_QUIT));
	d(GW_EV_RECORDED, 0, 0);
	CU_ASSERT(did(GW_DO_QUIT));
	CU_ASSERT(!did(GW_DO_SEND_REFUSED));
	d(GW_EV_QUIT_DONE, -EIO, 0);
	CU_ASSERT(!did(GW_DO_SEND_REFUSED));
	d(GW_EV_TIMER, 0, 0);
	d(GW_EV_QUIT_DONE, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_REFUSED)); /* the source's guest waits for no memory */
	CU_ASSERT(did(GW_DO_PUNCH));
	d(GW_EV_ASK, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_REFUSED));
	d(GW_EV_END, 0, 0);
	CU_ASSERT(!did(GW_DO_FINISH));
	d(GW_EV_ASK, 0, 0);
	CU_ASSERT(!did(GW_DO_SEND_REFUSED));
	d(GW_EV_PUNCHED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(did(GW_DO_FINISH));

	/* Nor does the memory wait for the source. */
	sink_refuses(0);
	d(GW_EV_QUIT_DONE, 0, 0);
	d(GW_EV_PUNCHED, 0, 0);
	CU_ASSERT(!did(GW_DO_FINISH));
	d(GW_EV_ASK, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_REFUSED));
	d(GW_EV_END, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(did(GW_DO_FINISH));

	/* The source comes back meanwhile. */
	sink_refuses(0);
	d(GW_EV_PEER_GONE, 0, 0);
	d(GW_EV_QUIT_DONE, 0, 0);
	CU_ASSERT(!did(GW_DO_FINISH));
	d(GW_EV_PEER_BACK, 0, 0);
	d(GW_EV_ASK, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_REFUSED));
	d(GW_EV_PEER_ABORTS, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ABORTED));
	CU_ASSERT(!did(GW_DO_FINISH));
	d(GW_EV_PUNCHED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(did(GW_DO_FINISH));
}

static void test_late_resume_is_no_refusal(void)
{
	sink_to("STARTING");
	d(GW_EV_RESUMED, -ETIMEDOUT, 0);
	CU_ASSERT(!did(GW_DO_RECORD));
	d(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_RESUME));
	/* It may have run the first time: a failure now proves nothing. */
	d(GW_EV_RESUMED, -EREMOTEIO, 0);
	CU_ASSERT(!did(GW_DO_RECORD));
	d(GW_EV_TIMER, 0, 0);
	d(GW_EV_RESUMED, 0, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), GW_STEP_RUNNING);
}

/* The hypervisor took the request and the guest stands: it may have run. */
static void test_taken_resume_is_no_refusal(void)
{
	sink_to("STARTING");
	d(GW_EV_RESUMED, -EINPROGRESS, 0);
	CU_ASSERT(!did(GW_DO_RECORD));
	d(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_RESUME));
	d(GW_EV_RESUMED, -EREMOTEIO, 0);
	CU_ASSERT(!did(GW_DO_RECORD));
	CU_ASSERT_STRING_EQUAL(gw_dst_view(dst).state, "STARTING_AGAIN");
}

/* The source gave up while the destination was refusing: nobody will say END. */
static void test_abort_while_refusing(void)
{
	sink_refuses(0);
	d(GW_EV_PEER_ABORTS, 0, 0);
	d(GW_EV_QUIT_DONE, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ABORTED));
	CU_ASSERT(!did(GW_DO_SEND_REFUSED));
	d(GW_EV_PUNCHED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(did(GW_DO_FINISH));
}

/* An outcome that could not be recorded is answered by the machine until it could. */
static void outcome_without_record(enum gw_record_step step, enum gw_session_action_type word)
{
	d(GW_EV_PEER_GONE, 0, 0);
	CU_ASSERT(!did(GW_DO_FINISH));
	d(GW_EV_PEER_BACK, 0, 0);
	d(GW_EV_ASK, 0, 0);
	CU_ASSERT(did(word));
	d(GW_EV_PEER_GONE, 0, 0);
	d(GW_EV_TIMER, 0, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), step);
	d(GW_EV_RECORDED, -ENOSPC, 0);
	CU_ASSERT(!did(GW_DO_FINISH));
	d(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD));
	d(GW_EV_RECORDED, 0, 0);
	CU_ASSERT(!did(GW_DO_RECORD_REMOVE));
}

static void test_outcome_without_record(void)
{
	sink_to("RECORDING_RUN");
	d(GW_EV_RECORDED, -ENOSPC, 0);
	CU_ASSERT(did(GW_DO_SEND_RUNNING));
	outcome_without_record(GW_STEP_RUNNING, GW_DO_SEND_RUNNING);
	CU_ASSERT(did(GW_DO_FINISH));

	sink_refuses(-ENOSPC);
	d(GW_EV_QUIT_DONE, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_REFUSED));
	d(GW_EV_PUNCHED, 0, 0);
	outcome_without_record(GW_STEP_REFUSED, GW_DO_SEND_REFUSED);
	CU_ASSERT(did(GW_DO_FINISH));
}

static void test_crash_while_starting(void)
{
	sink_to("STARTING");
	d(GW_EV_HV_GONE, -EPIPE, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), GW_STEP_CRASHED);
	CU_ASSERT(did(GW_DO_SEND_CRASHED));
	CU_ASSERT(!did(GW_DO_SEND_REFUSED));
	source_to("GONE");
	s(GW_EV_CRASHED, 0, 0);
	CU_ASSERT(!did(GW_DO_RESUME));
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_FAILED);
}

static void test_sink_alone_after_ready(void)
{
	sink_to("READY");
	d(GW_EV_PEER_GONE, 0, 0);
	d(GW_EV_TIMER, 0, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), GW_STEP_REFUSED);

	sink_to("READY");
	d(GW_EV_PEER_GONE, 0, 0);
	d(GW_EV_PEER_BACK, 0, 0);
	d(GW_EV_ASK, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_READY));
	d(GW_EV_GO, 0, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), GW_STEP_STARTING);
}

/* The hypervisor takes its time to open; nothing is fenced or loaded before. */
static void test_commit_overtakes_opening(void)
{
	sink_to("OPENING_LOAD");
	d(GW_EV_COMMIT, 0, 0);
	CU_ASSERT(!did(GW_DO_FENCE));
	d(GW_EV_LOAD_OPENED, 0, 0);
	CU_ASSERT(did(GW_DO_FENCE));

	/* A source that does not announce its switchover. */
	sink_to("RECEIVING");
	d(GW_EV_COMMIT, 0, 0);
	CU_ASSERT_EQUAL(value_of(GW_DO_RECORD), GW_STEP_LOADING);
	d(GW_EV_RECORDED, 0, 0);
	d(GW_EV_LOAD_OPENED, 0, 0);
	CU_ASSERT(did(GW_DO_FENCE));

	/* Opened, it is of no use to another session. */
	sink_to("AWAITING_COMMIT");
	d(GW_EV_PEER_ABORTS, 0, 0);
	d(GW_EV_FENCED, 0, 0);
	CU_ASSERT(did(GW_DO_QUIT));
}

static void test_sink_abort(void)
{
	sink_to("RECEIVING");
	d(GW_EV_PEER_ABORTS, 0, 0);
	CU_ASSERT(did(GW_DO_FENCE));
	CU_ASSERT(!did(GW_DO_PUNCH));
	d(GW_EV_FENCED, 0, 0);
	CU_ASSERT(did(GW_DO_PUNCH));
	CU_ASSERT(!did(GW_DO_QUIT)); /* it may wait for a retry */
	d(GW_EV_PUNCHED, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ABORTED));

	sink_to("LOADING");
	d(GW_EV_PEER_ABORTS, 0, 0);
	CU_ASSERT(did(GW_DO_QUIT));
	CU_ASSERT(!did(GW_DO_SEND_ABORTED));
	d(GW_EV_QUIT_DONE, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_ABORTED)); /* before the memory is given back: the source waits,
					       paused */
	d(GW_EV_PUNCHED, 0, 0);
	CU_ASSERT(!did(GW_DO_SEND_ABORTED));
}

static void recover(enum gw_record_step step, bool was_paused)
{
	new_source(&conf);
	s(GW_EV_RECOVER, was_paused, step);
	CU_ASSERT(did(GW_DO_HV_OPEN));
	s(GW_EV_HV_OPENED, 0, 0);
}

/* To where the guest is about to be paused. */
static void source_to_hook(bool required)
{
	struct gw_session_conf c = conf;

	c.hooks = true;
	c.hook_required = required;
	way_conf = &c;
	source_to("DRAINING");
	way_conf = &conf;
	s(GW_EV_DRAINED, 0, 0);
	CU_ASSERT(did(GW_DO_HOOK));
	CU_ASSERT_EQUAL(value_of(GW_DO_HOOK), GW_HOOK_BEFORE_PAUSE);
	CU_ASSERT(!did(GW_DO_HV_CHECK));
}

static void test_hooks_at_source(void)
{
	/* Then the hazards, what was written meanwhile, and the hook not again. */
	for (int failed = 0; failed < 2; failed++) {
		source_to_hook(false);
		s(GW_EV_HOOKED, failed ? -ECANCELED : 0, 0);
		CU_ASSERT(did(GW_DO_HV_CHECK));
		s(GW_EV_HV_CHECKED, 0, 0);
		CU_ASSERT(did(GW_DO_OPEN_LABEL));
		s(GW_EV_LABEL_OPENED, 0, 0);
		s(GW_EV_IDLE, 0, 0);
		s(GW_EV_SYNCED, 0, 0);
		s(GW_EV_DRAINED, 0, 0);
		CU_ASSERT(did(GW_DO_RECORD));
		CU_ASSERT(!did(GW_DO_HOOK));
	}
	source_to_hook(true);
	s(GW_EV_HOOKED, -ECANCELED, 0);
	CU_ASSERT_EQUAL(gw_src_view(src).result, GW_FAILED);
	CU_ASSERT(!did(GW_DO_PAUSE));
	CU_ASSERT(did(GW_DO_SEND_ABORT));
	s(GW_EV_TRACK_STOPPED, 0, 0);
	s(GW_EV_STREAM_CLOSED, 0, 0);
	s(GW_EV_PEER_ABORTED, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT_EQUAL(value_of(GW_DO_HOOK), GW_HOOK_ON_ABORT);
	/* An abort does not wait for the hook. */
	source_to_hook(true);
	s(GW_EV_USER_ABORT, 0, 0);
	CU_ASSERT(did(GW_DO_TRACK_STOP));
	s(GW_EV_HOOKED, 0, 0);
	CU_ASSERT_EQUAL(out.n, 0);
}

static void test_hooks_at_destination(void)
{
	struct gw_session_conf c = conf;

	c.hooks = true;
	way_conf = &c;
	sink_to("RECORDING_RUN");
	d(GW_EV_RECORDED, 0, 0);
	CU_ASSERT(did(GW_DO_SEND_RUNNING));
	CU_ASSERT_EQUAL(value_of(GW_DO_HOOK), GW_HOOK_AFTER_RESUME);
	d(GW_EV_END, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT(!did(GW_DO_HOOK));

	sink_to("RECEIVING");
	d(GW_EV_PEER_ABORTS, 0, 0);
	d(GW_EV_FENCED, 0, 0);
	d(GW_EV_PUNCHED, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT_EQUAL(value_of(GW_DO_HOOK), GW_HOOK_ON_ABORT);
	/* Nothing had begun. */
	sink_to("CHECKING");
	d(GW_EV_PEER_ABORTS, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));
	CU_ASSERT(!did(GW_DO_HOOK));
	way_conf = &conf;
}

static void test_recovery(void)
{
	recover(GW_STEP_PAUSING, false);
	CU_ASSERT(did(GW_DO_RESUME));
	CU_ASSERT(did(GW_DO_SEND_ABORT)); /* a destination that is ready waits for a word */
	s(GW_EV_RESUMED, 0, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(!did(GW_DO_FINISH));
	s(GW_EV_READY, 0, 0); /* it was: told again */
	CU_ASSERT(did(GW_DO_SEND_ABORT));
	s(GW_EV_PEER_ABORTED, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));
	recover(GW_STEP_PAUSING, false); /* not to be reached: not waited for */
	s(GW_EV_PEER_GONE, -EPIPE, 0);
	s(GW_EV_RESUMED, 0, 0);
	CU_ASSERT(did(GW_DO_FINISH));

	/* Slow to answer: asked again. Gone for good: nothing is left to resume. */
	new_source(&conf);
	s(GW_EV_RECOVER, 0, GW_STEP_PAUSING);
	s(GW_EV_HV_OPENED, -ETIMEDOUT, 0);
	CU_ASSERT(!did(GW_DO_RECORD_REMOVE));
	s(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_HV_OPEN));
	s(GW_EV_HV_OPENED, -ENOENT, 0);
	CU_ASSERT(did(GW_DO_RECORD_REMOVE));
	CU_ASSERT(!did(GW_DO_RESUME));

	recover(GW_STEP_PAUSING, true);
	CU_ASSERT(!did(GW_DO_RESUME));
	CU_ASSERT(did(GW_DO_UNSAVE));

	recover(GW_STEP_GO, false);
	CU_ASSERT(did(GW_DO_SEND_ASK));
	CU_ASSERT(!did(GW_DO_RESUME));
	s(GW_EV_REFUSED, 0, 0);
	CU_ASSERT(did(GW_DO_RESUME));
	recover(GW_STEP_GO, false);
	s(GW_EV_RUNNING, 0, 0);
	s(GW_EV_TIMER, 0, 0);
	CU_ASSERT(did(GW_DO_QUIT));
}

static int teardown(void)
{
	gw_src_free(&src);
	gw_dst_free(&dst);
	return 0;
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"source, without trouble", test_source_way},
		{"destination, without trouble", test_sink_way},
		{"reasons of both ends", test_reasons_of_both_ends},
		{"dry run", test_dry_run},
		{"reasons known before", test_reasons_known_before},
		{"epochs until the rest fits", test_epochs_until_it_fits},
		{"limit set in flight", test_limit_in_flight},
		{"time limit within an epoch", test_time_limit_in_an_epoch},
		{"long epochs are checked once", test_long_epochs_are_checked_once},
		{"populate first", test_populate_first},
		{"abort before the pause", test_abort_before_pause},
		{"abort after COMMIT waits for the disks",
			test_abort_after_commit_waits_for_the_disks},
		{"resume is tried again", test_resume_is_tried_again},
		{"SYNC times out after the pause", test_sync_times_out},
		{"a paused guest stays paused", test_paused_stays_paused},
		{"the destination hears of the switchover in time", test_announces_switchover},
		{"one SYNC where another gains little", test_sync_once},
		{"urgent while the guest waits for the data plane", test_urgent},
		{"connection lost after GO", test_lost_after_go},
		{"when a person may resolve", test_resolve_when},
		{"resolved by a person", test_resolve},
		{"words of a person", test_resolution_words},
		{"refused", test_refused},
		{"a late resume is no refusal", test_late_resume_is_no_refusal},
		{"a resume that was taken is no refusal", test_taken_resume_is_no_refusal},
		{"abort while refusing", test_abort_while_refusing},
		{"outcome without a record", test_outcome_without_record},
		{"hypervisor ends while starting", test_crash_while_starting},
		{"destination alone after READY", test_sink_alone_after_ready},
		{"destination aborts", test_sink_abort},
		{"COMMIT overtakes the opening", test_commit_overtakes_opening},
		{"recovery", test_recovery},
		{"hooks at the source", test_hooks_at_source},
		{"hooks at the destination", test_hooks_at_destination},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"session", NULL, teardown, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
