/* SPDX-License-Identifier: BSD-3-Clause */
#include "session.h"

#include <stddef.h>

static const char *const event_names[] = {
#define X(e) [GW_EV_##e] = #e,
	GW_SESSION_EVENTS(X)
#undef X
};

static const char *const action_names[] = {
#define X(a) [GW_DO_##a] = #a,
	GW_SESSION_ACTIONS(X)
#undef X
};

const char *gw_session_event_name(enum gw_session_event_type type)
{
	return (unsigned int)type < GW_EV_N ? event_names[type] : "?";
}

const char *gw_session_action_name(enum gw_session_action_type type)
{
	return (unsigned int)type < GW_DO_N ? action_names[type] : "?";
}

const char *gw_phase_name(enum gw_phase phase)
{
	static const char *const names[] = {[GW_PREPARE] = "prepare",
		[GW_TRACE] = "trace",
		[GW_PRECOPY] = "precopy",
		[GW_SWITCHOVER] = "switchover",
		[GW_DONE] = "done",
		[GW_ABORT] = "abort"};

	return names[phase];
}

const char *gw_result_name(enum gw_result result)
{
	static const char *const names[] = {
		[GW_COMPLETED] = "completed", [GW_ABORTED] = "aborted", [GW_FAILED] = "failed"};

	return names[result];
}
