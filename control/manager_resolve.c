/* SPDX-License-Identifier: BSD-3-Clause */
/* A person's word about a session whose other host does not come back. */
#include "manager_internal.h"

#include "../dataplane/base/log.h"
#include "record.h"
#include "rpc.h"

#include <stdio.h>

static int no_such(struct gw_err *err, bool ended)
{
	gw_err(err, 0,
		ended ? "nothing is left to resolve: the session has ended" : "no such session");
	return ended ? GW_RPC_STATE : GW_RPC_NOT_FOUND;
}

static int resolve_run(
	struct gw_run *run, enum gw_resolution resolution, bool sure, struct gw_err *err)
{
	const char *why = "";

	if (!run->is_source) {
		gw_err(err, 0,
			"this is the destination, which never waits for a person: resolve at the "
			"source, %s",
			run->peer);
		return GW_RPC_STATE;
	}
	switch (run->ops->resolvable(run, resolution, sure, &why)) {
	case GW_RESOLVE_OK:
		gw_warn("session %s (%s): resolved by a person as %s%s", run->id, run->vm,
			gw_resolution_name(resolution), sure ? ", who is sure" : "");
		gw_run_feed(run, GW_EV_RESOLVED, 0, resolution, NULL);
		return 0;
	case GW_RESOLVE_UNSURE:
		gw_err(err, 0, "%s", why);
		return GW_RPC_REFUSED;
	default:
		gw_err(err, 0, "%s", why);
		return GW_RPC_STATE;
	}
}

/* What a destination keeps for a source that has not said END. */
static int resolve_kept(const char *run_dir, const struct gw_record *r,
	enum gw_resolution resolution, struct gw_err *err)
{
	bool runs = r->step == GW_STEP_RUNNING;

	if (!runs && r->step != GW_STEP_REFUSED && r->step != GW_STEP_CRASHED) {
		gw_err(err, 0,
			"godwitd is still settling it: its hypervisor has to answer or to "
			"end first");
		return GW_RPC_STATE;
	}
	if (runs != (resolution == GW_RESOLVE_HERE)) {
		gw_err(err, 0,
			runs ? "the guest was started here: only running-here is true"
			     : "the guest does not run here");
		return GW_RPC_STATE;
	}
	gw_warn("session %s (%s): its outcome is kept for %s no longer: resolved by a person as %s",
		r->id, r->vm, r->peer, gw_resolution_name(resolution));
	gw_record_remove(run_dir, r->id);
	return 0;
}

int gw_manager_resolve(struct gw_manager *m, const char *id, const char *vm,
	enum gw_resolution resolution, bool sure, char out_id[GW_UUID_TEXT], struct gw_err *err)
{
	struct gw_run *run = id != NULL ? gw_manager_find_id(m, id) : gw_manager_find_vm(m, vm);
	struct gw_record r;

	if (run != NULL && !run->over) {
		snprintf(out_id, GW_UUID_TEXT, "%s", run->id);
		return resolve_run(run, resolution, sure, err);
	}
	if (run != NULL || id == NULL || !gw_uuid_valid(id) ||
		gw_record_read(m->env.config->run_dir, id, &r) != 0)
		return no_such(err, run != NULL || gw_history_find(m->history, id, vm, 0) != NULL);
	snprintf(out_id, GW_UUID_TEXT, "%s", r.id);
	if (!gw_record_is_source(&r))
		return resolve_kept(m->env.config->run_dir, &r, resolution, err);
	gw_err(err, 0,
		"the guest could not be resumed; when its hypervisor answers again, restart "
		"godwitd: it takes this session up by its record");
	return GW_RPC_STATE;
}
