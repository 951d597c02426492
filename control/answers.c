/* SPDX-License-Identifier: BSD-3-Clause */
#include "answers.h"

#include "../dataplane/base/log.h"
#include "record.h"

#include <string.h>

static void say(struct gw_conn *conn, enum gw_message_type type, const char *id, const char *reason)
{
	json_t *o = json_pack("{s:s}", "session", id);

	if (reason != NULL)
		json_object_set_new(o, "reason", json_string(reason));
	gw_conn_send(conn, type, o);
}

/* What the destination's record says to a source that asks. No record is never a refusal. */
static void tell_outcome(struct gw_conn *conn, const struct gw_record *r, const char *id)
{
	switch (r->step) {
	case GW_STEP_RUNNING:
		say(conn, GW_MESSAGE_RUNNING, id, NULL);
		break;
	case GW_STEP_REFUSED:
		say(conn, GW_MESSAGE_REFUSED, id, "it never ran there");
		break;
	case GW_STEP_CRASHED:
		say(conn, GW_MESSAGE_CRASHED, id, NULL);
		break;
	case GW_STEP_LOADING:
	case GW_STEP_STARTING:
		say(conn, GW_MESSAGE_STARTING, id, NULL);
		break;
	default:
		say(conn, GW_MESSAGE_UNKNOWN, id, NULL);
		break;
	}
}

void gw_answer_for_ended(const char *run_dir, struct gw_conn *conn, enum gw_message_type type,
	const char *id, bool settling)
{
	struct gw_record r = {.step = GW_STEP_NONE};

	if (gw_record_read(run_dir, id, &r) != 0)
		r.step = GW_STEP_NONE;
	/* Another host's word about this session counts for nothing. */
	if (r.step != GW_STEP_NONE && strcmp(r.peer, gw_peer_name(gw_conn_peer(conn))) != 0)
		r.step = GW_STEP_NONE;
	/* What the record says next is not yet true. (Of one that was only prepared it says
	 * nothing.) */
	if (settling && r.step != GW_STEP_NONE && r.step != GW_STEP_PREPARED)
		r.step = GW_STEP_STARTING;
	switch (type) {
	case GW_MESSAGE_ASK:
	case GW_MESSAGE_GO:
		tell_outcome(conn, &r, id);
		break;
	case GW_MESSAGE_END:
		if (r.step == GW_STEP_RUNNING || r.step == GW_STEP_REFUSED ||
			r.step == GW_STEP_CRASHED)
			gw_record_remove(run_dir, id);
		break;
	case GW_MESSAGE_ABORT:
		/* A source aborts before GO, so nothing of this session was started here. */
		if (!settling && (r.step == GW_STEP_PREPARED || r.step == GW_STEP_REFUSED))
			gw_record_remove(run_dir, id);
		if (r.step == GW_STEP_NONE || r.step == GW_STEP_PREPARED ||
			r.step == GW_STEP_REFUSED) {
			say(conn, GW_MESSAGE_ABORTED, id, NULL);
		} else {
			tell_outcome(conn, &r, id);
		}
		break;
	default:
		gw_debug("session %s: '%s' came late", id, gw_message_name(type));
		break;
	}
}
