/* SPDX-License-Identifier: BSD-3-Clause */
/* What arrives at a destination session, as events for its machine. */
#include "sink_run.h"

#include "../dataplane/base/clock.h"
#include "reasons.h"

#include <errno.h>
#include <string.h>

#define COST_MAX_NS (2 * GW_NS_PER_S)
#define COST_MAX_BYTES (1ull << 30)
#define COST_MAX_BPS 10000000000000ull

#define MIB (1ull << 20)

static void observe_opened(struct gw_dst_run *s, struct gw_session_event *ev)
{
	json_t *differ;

	if (ev->result != 0) {
		gw_run_reason(&s->run, "vm_unavailable", ev->text,
			"start the VM there so that it waits for an incoming migration");
	} else {
		differ = gw_hv_compare(s->description, gw_hv_description(s->run.hv));
		gw_reasons_append(s->run.reasons, differ);
		json_decref(differ);
		if (s->run.conn != NULL && gw_conn_link(s->run.conn) == NULL)
			gw_run_reason(&s->run, "no_path",
				gw_conn_link_error(s->run.conn)[0] != '\0'
					? gw_conn_link_error(s->run.conn)
					: "no paths between the hosts' ports",
				"check the ports and their addresses on both hosts");
	}
	ev->value = json_array_size(s->run.reasons);
}

void gw_dst_run_observe(struct gw_run *run, struct gw_session_event *ev)
{
	struct gw_dst_run *s = gw_dst_run_of(run);

	switch (ev->type) {
	case GW_EV_HV_OPENED:
		observe_opened(s, ev);
		break;
	case GW_EV_COMMIT:
		s->commit_ns = ev->now_ns;
		run->was_paused = ev->value != 0;
		break;
	case GW_EV_FENCED:
		s->fenced_ns = ev->now_ns;
		break;
	case GW_EV_VERIFIED:
		s->verified_ns = ev->now_ns;
		break;
	case GW_EV_LOADED:
		s->loaded_ns = ev->now_ns;
		break;
	default:
		break;
	}
}

static int take_extents(struct gw_dst_run *s, const json_t *body)
{
	bool last;

	/* What they would populate was, or is about to be, given back. */
	if (gw_dst_view(s->machine).phase == GW_ABORT)
		return 0;
	if (s->extents == NULL || s->run.populate != NULL)
		return -EPROTO;
	if (gw_extents_take(s->extents, body, &last) != 0)
		return -EPROTO;
	if (last)
		gw_dst_run_populate(s);
	return 0;
}

static int take_commit(struct gw_dst_run *s, const json_t *body)
{
	uint64_t limit = s->run.env->config->migration.state_limit_mib * MIB;
	char hex[GW_DIGEST_TEXT];
	uint64_t label, size;

	if (s->stream == NULL)
		return gw_dst_view(s->machine).phase == GW_ABORT ? 0 : -EPROTO;
	if (s->committed || gw_message_u64(body, "label", GW_DP_LABEL_MAX, &label) != 0 ||
		label == 0)
		return -EPROTO;
	if (gw_message_u64(body, "state_size", limit, &size) != 0)
		return -EPROTO;
	if (gw_message_text(body, "state_digest", hex, sizeof(hex)) != 0 ||
		gw_digest_parse(hex, &s->state_digest) != 0)
		return -EPROTO;
	if (gw_message_bool(body, "verify") != s->run.conf.verify)
		return -EPROTO;
	s->committed = true;
	s->state_size = size;
	gw_meter_state(s->run.meter, size);
	if (s->run.conf.verify && gw_verify_create(s->run.ram, &s->verify) != 0) {
		gw_run_fault(&s->run, "cannot verify: out of memory");
		return 0;
	}
	gw_run_feed(&s->run, GW_EV_COMMIT, 0, gw_message_bool(body, "was_paused"), NULL);
	return 0;
}

static int take_digests(struct gw_dst_run *s, const json_t *body)
{
	if (gw_dst_view(s->machine).phase == GW_ABORT)
		return 0;
	if (s->verify == NULL || gw_verify_take(s->verify, body) != 0)
		return -EPROTO;
	gw_dst_run_compare(s);
	return 0;
}

static int take_answer(struct gw_dst_run *s, const json_t *body)
{
	if (gw_dst_view(s->machine).phase == GW_ABORT)
		return 0;
	if (s->verify == NULL || s->run.jobs > 0 ||
		gw_verify_answer(s->verify, body, s->run.id) != 0)
		return -EPROTO;
	gw_dst_run_compare(s);
	return 0;
}

/* What the move cost: the way back will cost as much, and the first one would have to guess. From a
 * source that is of another version they may be missing. What no move can cost is not believed. */
static void take_costs(struct gw_run *run, const json_t *body)
{
	struct gw_experience_costs c;

	if (!run->hv_open ||
		gw_message_u64(body, "state_bytes", COST_MAX_BYTES, &c.state_bytes) != 0 ||
		gw_message_u64(body, "fixed_ns", COST_MAX_NS, &c.fixed_ns) != 0 ||
		gw_message_u64(body, "save_ns", COST_MAX_NS, &c.save_ns) != 0 ||
		gw_message_u64(body, "gap_ns", COST_MAX_NS, &c.gap_ns) != 0 ||
		gw_message_u64(body, "verify_ns_per_gib", COST_MAX_NS, &c.verify_ns_per_gib) != 0 ||
		gw_message_u64(body, "rate_bps", COST_MAX_BPS, &c.rate_bps) != 0)
		return;
	gw_experience_learn(
		run->env->experience, run->peer, gw_hv_kind(run->hv), &c, c.verify_ns_per_gib != 0);
}

int gw_dst_run_message(struct gw_run *run, enum gw_message_type type, const json_t *body)
{
	struct gw_dst_run *s = gw_dst_run_of(run);
	char text[GW_SESSION_TEXT];

	switch (type) {
	case GW_MESSAGE_EXTENTS:
		return take_extents(s, body);
	case GW_MESSAGE_SWITCHOVER:
		gw_run_feed(run, GW_EV_SWITCHOVER, 0, 0, NULL);
		return 0;
	case GW_MESSAGE_COMMIT:
		return take_commit(s, body);
	case GW_MESSAGE_DIGESTS:
		return take_digests(s, body);
	case GW_MESSAGE_DIGEST_PAGES:
		return take_answer(s, body);
	case GW_MESSAGE_GO:
		gw_run_feed(run, GW_EV_GO, 0, 0, NULL);
		return 0;
	case GW_MESSAGE_ASK:
		gw_run_feed(run, GW_EV_ASK, 0, 0, NULL);
		return 0;
	case GW_MESSAGE_END:
		take_costs(run, body);
		gw_run_feed(run, GW_EV_END, 0, 0, NULL);
		return 0;
	case GW_MESSAGE_ABORT:
		gw_message_reason(body, "reason", text, sizeof(text));
		gw_run_feed(run, GW_EV_PEER_ABORTS, 0, 0, text);
		return 0;
	default:
		return -EPROTO;
	}
}
