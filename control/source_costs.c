/* SPDX-License-Identifier: BSD-3-Clause */
/* What the blackout of a source session will cost, and what it did cost. */
#include "source_run.h"

#include "../dataplane/base/clock.h"

#define GIB (1ull << 30)

static void take_costs(const struct gw_experience_costs *c, struct gw_convergence_sample *sample)
{
	sample->state_bytes = c->state_bytes;
	sample->save_ns = c->save_ns;
	sample->state_ns = c->fixed_ns;
	sample->gap_ns = c->gap_ns;
}

/* Before a save nobody knows: what earlier sessions measured. Where that leaves the limit no room,
 * what they surely say. */
static void estimate_costs(const struct gw_src_run *s, struct gw_convergence_sample *sample)
{
	const struct gw_experience *e = s->run.env->experience;
	const char *kind = gw_hv_kind(s->run.hv);
	struct gw_experience_costs least = gw_experience_default(kind), c = least;

	gw_experience_recall(e, s->run.peer, kind, &c);
	take_costs(&c, sample);
	if (s->run.conf.verify)
		sample->verify_ns = (uint64_t)((double)c.verify_ns_per_gib *
					       (double)gw_meter_total_bytes(s->run.meter) / GIB);
	if (gw_convergence_room_ns(s->run.conf.limits.blackout_ns, sample) > 0)
		return;
	gw_experience_recall_least(e, s->run.peer, kind, &least);
	take_costs(&least, sample);
}

void gw_src_run_learn(struct gw_src_run *s)
{
	uint64_t paused_ns = gw_meter_mark_ns(s->run.meter, GW_MARK_PAUSE);
	uint64_t running_ns = gw_meter_mark_ns(s->run.meter, GW_MARK_RUNNING);
	uint64_t stood_ns = gw_meter_mark_ns(s->run.meter, GW_MARK_PAUSED);
	uint64_t saved_ns = gw_meter_mark_ns(s->run.meter, GW_MARK_SAVED);
	uint64_t total = gw_meter_total_bytes(s->run.meter), reckoned_ns;
	struct gw_convergence_sample actual = s->decided;
	struct gw_experience_costs c = {
		.state_bytes = s->state_size, .rate_bps = s->decided.rate_bps};
	bool verified = s->run.conf.verify && s->verified_ns != 0 && total != 0;

	/* A blackout that waited for a lost peer says nothing of the next one. */
	if (s->peer_was_gone || s->decided_ns == 0 || paused_ns <= s->decided_ns ||
		running_ns <= paused_ns)
		return;
	c.gap_ns = paused_ns - s->decided_ns;
	if (saved_ns > stood_ns)
		c.save_ns = saved_ns - stood_ns;
	if (verified)
		c.verify_ns_per_gib = (uint64_t)((double)s->verified_ns * GIB / (double)total);
	actual.state_bytes = s->state_size;
	/* What it came to, not what was predicted: an error about pages is none about costs. */
	actual.next_pages = s->final_pages;
	actual.gap_ns = 0;
	actual.save_ns = c.save_ns;
	actual.verify_ns = s->run.conf.verify ? s->verified_ns : 0;
	actual.state_ns = 0;
	reckoned_ns = gw_convergence_reckon_ns(&actual, gw_convergence_sync_once(&s->decided));
	if (running_ns - paused_ns > reckoned_ns)
		c.fixed_ns = running_ns - paused_ns - reckoned_ns;
	gw_experience_learn(
		s->run.env->experience, s->run.peer, gw_hv_kind(s->run.hv), &c, verified);
	s->costs = c;
	s->costs_known = true;
}

json_t *gw_src_run_costs(const struct gw_src_run *s)
{
	if (!s->costs_known)
		return NULL;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "save_ns", (json_int_t)s->costs.save_ns,
		"state_bytes", (json_int_t)s->costs.state_bytes, "fixed_ns",
		(json_int_t)s->costs.fixed_ns, "gap_ns", (json_int_t)s->costs.gap_ns,
		"verify_ns_per_gib", (json_int_t)s->costs.verify_ns_per_gib, "rate_bps",
		(json_int_t)s->costs.rate_bps);
}

void gw_src_run_sample(struct gw_src_run *s, struct gw_convergence_sample *sample)
{
	struct gw_dp_link_status st = {0};

	if (s->run.link != NULL)
		gw_dp_link_status(gw_link_dp(s->run.link), &st);
	gw_meter_sample(s->run.meter, st.rate_bps, sample);
	sample->rtt_ns = st.rtt_ns;
	/* One that waited for a CPU says nothing of the next. */
	sample->sync_ns = s->sync_before_ns != 0 && s->sync_before_ns < s->sync_ns
				  ? s->sync_before_ns
				  : s->sync_ns;
	estimate_costs(s, sample);
}
