/* SPDX-License-Identifier: BSD-3-Clause */
/* The source's pages: its stream through the data plane, and the jobs that look at guest memory. */
#include "source_run.h"

#include <errno.h>
#include <string.h>

#define SEARCH_BYTES (1ull << 30)
#define MAX_SEARCHES 8u

static int make_stream(struct gw_src_run *s, struct gw_err *err)
{
	const struct gw_exporter_info *info = gw_exporter_info(gw_hv_exporter(s->run.hv));
	struct gw_link *link = s->run.conn != NULL ? gw_conn_link(s->run.conn) : NULL;
	struct gw_dp_source_conf conf = {.ram = s->run.ram,
		.stream = s->stream_number,
		.ring = info->ring,
		.n_rings = info->n_rings,
		.state_limit_mib = s->run.env->config->migration.state_limit_mib,
		.weight = s->run.tuning.weight,
		.rate_bps = s->run.tuning.rate_bps,
		.ctx = &s->run};
	int rc;

	if (link == NULL)
		return gw_err(err, -ENOTCONN, "the connection's paths are gone");
	s->n_rings = info->n_rings;
	s->run.link = gw_link_get(link);
	conf.link = gw_link_dp(link);
	rc = gw_extents_create(s->run.ram, &s->extents);
	if (rc != 0)
		return gw_err(err, rc, "out of memory");
	rc = gw_dp_source_create(s->run.env->dp, &conf, &s->stream, err);
	if (rc != 0)
		return rc;
	gw_meter_source(s->run.meter, s->stream);
	/* Nothing of epoch 0 goes out before both ends have their memory ready. */
	for (uint32_t i = 0; i < gw_ram_regions(s->run.ram); i++)
		gw_dp_source_limit(s->stream, i, 0);
	return 0;
}

static void create_stream(struct gw_src_run *s)
{
	struct gw_err err = {.text = ""};
	int rc = make_stream(s, &err);

	gw_run_feed(&s->run, GW_EV_STREAM, rc, 0, err.text);
}

static void close_stream(struct gw_run *run)
{
	struct gw_src_run *s = gw_src_run_of(run);

	s->telling = s->verify_telling = false;
	if (s->stream != NULL)
		gw_dp_source_close(s->stream);
	else
		gw_run_feed(run, GW_EV_STREAM_CLOSED, 0, 0, NULL);
}

struct walk {
	struct gw_src_run *s;
	struct gw_job *job;
	uint32_t region;
};

static int walk_extent(void *ctx, uint64_t first, uint64_t count)
{
	struct walk *w = ctx;

	gw_dp_source_mark_data(w->s->stream, w->region, first, count);
	gw_extents_add(w->s->extents, w->region, first, count);
	return gw_job_cancelled(w->job) ? -ECANCELED : 0;
}

static void walk(struct gw_job *job, void *arg)
{
	struct gw_src_run *s = arg;
	struct walk w = {.s = s, .job = job};

	s->walk_result = 0;
	for (; w.region < gw_ram_regions(s->run.ram) && s->walk_result == 0; w.region++)
		s->walk_result =
			gw_ram_extents(s->run.ram, w.region, 0, UINT64_MAX, walk_extent, &w);
}

static void walked(void *arg)
{
	struct gw_src_run *s = arg;

	if (s->walk_result == 0) {
		const struct gw_populate_conf conf = {.ram = s->run.ram};

		gw_dp_source_mark_all(s->stream);
		s->telling = true;
		gw_run_populate(&s->run, &conf, &s->run.populate);
	}
	gw_run_feed(&s->run, GW_EV_WALKED, s->walk_result, 0,
		s->walk_result != 0 ? strerror(-s->walk_result) : NULL);
}

static void find_holes(struct gw_job *job, void *arg)
{
	struct gw_src_run *s = arg;
	int64_t n = gw_dp_source_find_holes(s->stream, &s->hole_slice);

	(void)job;
	if (n < 0)
		__atomic_store_n(&s->hole_result, (int)n, __ATOMIC_RELAXED);
}

static void found_holes(void *arg)
{
	struct gw_src_run *s = arg;
	int rc;

	if (--s->hole_searches > 0)
		return;
	rc = s->hole_result;
	if (rc == 0)
		gw_dp_source_still(s->stream);
	gw_run_feed(&s->run, GW_EV_HOLES, rc, 0, rc != 0 ? strerror(-rc) : NULL);
}

/* In the blackout: a thread for each GiB, and one more, so that whichever CPU the hypervisor leaves
 * alone does most of it; not more than CPUs. With fewer than wanted it only takes longer. */
static int search_holes(struct gw_src_run *s)
{
	uint64_t slices = gw_dp_source_hole_slices(s->stream);
	uint64_t want = 1 + slices * GW_DP_HOLE_SLICE_BYTES / SEARCH_BYTES;
	uint32_t cpus = gw_job_cpus(s->run.env->loop);
	int rc = 0;

	s->hole_slice = 0;
	s->hole_result = 0;
	s->hole_searches = 0;
	want = want < MAX_SEARCHES ? want : MAX_SEARCHES;
	want = want < slices ? want : slices;
	want = want < cpus ? want : cpus;
	do {
		rc = gw_run_job(&s->run, find_holes, found_holes, s);
		if (rc != 0)
			break;
		s->hole_searches++;
	} while (s->hole_searches < want);
	return s->hole_searches > 0 ? 0 : rc;
}

static void digest(struct gw_job *job, void *arg)
{
	struct gw_src_run *s = arg;

	gw_verify_work(job, s->verify);
}

static void digested(void *arg)
{
	struct gw_src_run *s = arg;

	if (gw_verify_result(s->verify) == 0)
		s->verify_telling = true;
	else if (gw_verify_result(s->verify) != -ECANCELED)
		gw_run_fault(&s->run, "cannot digest the guest's memory: %s",
			strerror(-gw_verify_result(s->verify)));
}

void gw_src_run_digest(struct gw_src_run *s)
{
	if (gw_verify_create(s->run.ram, &s->verify) != 0 ||
		gw_run_job(&s->run, digest, digested, s) != 0)
		gw_run_fault(&s->run, "cannot digest the guest's memory");
}

void gw_src_run_stream(struct gw_src_run *s, enum gw_session_action_type type, uint64_t value)
{
	enum gw_session_event_type answer = GW_EV_DRAINED;
	struct gw_err err = {.text = ""};
	int rc;

	switch (type) {
	case GW_DO_STREAM_CREATE:
		create_stream(s);
		return;
	case GW_DO_STREAM_CLOSE:
		gw_run_when_free(&s->run, close_stream);
		return;
	case GW_DO_DRAIN:
		rc = gw_dp_source_drain_to(s->stream, s->head, s->n_rings);
		break;
	case GW_DO_OPEN_LABEL:
		answer = GW_EV_LABEL_OPENED;
		s->waiting_idle = false;
		rc = gw_dp_source_open(s->stream, (uint16_t)value);
		break;
	case GW_DO_AWAIT_IDLE:
		s->waiting_idle = true;
		return;
	case GW_DO_WALK:
		answer = GW_EV_WALKED;
		rc = gw_run_job(&s->run, walk, walked, s);
		break;
	case GW_DO_FIND_HOLES:
		answer = GW_EV_HOLES;
		rc = search_holes(s);
		break;
	default: /* GW_DO_PUT_STATE */
		gw_meter_state(s->run.meter, s->state_size);
		s->state_digest = gw_digest_bytes(s->state, s->state_size);
		rc = gw_dp_source_state(s->stream, &s->state, s->state_size, &err);
		gw_run_feed(&s->run, GW_EV_STATE_PUT, rc, 0, err.text);
		return;
	}
	if (rc != 0)
		gw_run_feed(&s->run, answer, rc, 0, strerror(-rc));
}

void gw_src_run_dp_event(struct gw_run *run, const struct gw_dp_event *ev)
{
	struct gw_src_run *s = gw_src_run_of(run);

	switch (ev->type) {
	case GW_DP_DRAINED:
		gw_run_feed(run, GW_EV_DRAINED, 0, 0, NULL);
		break;
	case GW_DP_OPENED:
		gw_run_feed(run, GW_EV_LABEL_OPENED, 0, ev->value, NULL);
		break;
	case GW_DP_SOURCE_CLOSED:
		gw_meter_source(run->meter, NULL);
		gw_dp_source_free(&s->stream);
		gw_link_put(&run->link);
		gw_run_feed(run, GW_EV_STREAM_CLOSED, 0, 0, NULL);
		break;
	case GW_DP_RING_BROKEN:
		gw_run_fault(run, "the exporter's ring is broken: entry 0x%llx is impossible",
			(unsigned long long)ev->value);
		break;
	default:
		break;
	}
}
