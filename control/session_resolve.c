/* SPDX-License-Identifier: BSD-3-Clause */
/* What a person may say of a guest after GO, when the destination never comes back. */
#include "session_source.h"

#include <errno.h>
#include <string.h>

static const char *const names[] = {[GW_RESOLVE_HERE] = "running-here",
	[GW_RESOLVE_THERE] = "running-there",
	[GW_RESOLVE_GONE] = "gone"};

const char *gw_resolution_name(enum gw_resolution r)
{
	return names[r];
}

int gw_resolution_parse(const char *text, enum gw_resolution *out)
{
	for (int i = GW_RESOLVE_HERE; i <= GW_RESOLVE_GONE; i++)
		if (strcmp(names[i], text) == 0) {
			*out = (enum gw_resolution)i;
			return 0;
		}
	return -EINVAL;
}

enum gw_resolve_verdict gw_src_resolvable(
	const struct gw_src *s, enum gw_resolution r, bool sure, const char **why)
{
	if (s->state < S_RECORDING_GO) {
		*why = "the guest has not been handed over: godwitctl abort keeps it here";
		return GW_RESOLVE_STATE;
	}
	if (s->state == S_RECORDING_GO || s->state == S_GONE) {
		*why = "the destination is connected: it will say itself what became of the guest";
		return GW_RESOLVE_STATE;
	}
	if (s->state != S_LOST && s->state != S_PERSON) {
		*why = "nothing is left to resolve: the session is ending";
		return GW_RESOLVE_STATE;
	}
	if (r == GW_RESOLVE_HERE && !sure) {
		*why = "the destination was told to run the guest: if its host lives, two would "
		       "run it and spoil its disks. Make sure that the host is off, or that the "
		       "guest's hypervisor there has ended, and say so with --sure";
		return GW_RESOLVE_UNSURE;
	}
	return GW_RESOLVE_OK;
}

/* Sure was asked for before. */
void gw_src_resolved(struct gw_src *s, enum gw_resolution r, struct gw_session_actions *out)
{
	if (s->state != S_LOST && s->state != S_PERSON)
		return;
	switch (r) {
	case GW_RESOLVE_HERE:
		gw_src_take_back(s, out, "resolved by a person: the guest runs here again");
		break;
	case GW_RESOLVE_THERE:
		gw_src_let_go(s, GW_COMPLETED, "", out);
		break;
	case GW_RESOLVE_GONE:
		gw_src_let_go(s, GW_FAILED, "resolved by a person: the guest is gone", out);
		break;
	}
}
