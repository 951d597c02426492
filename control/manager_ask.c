/* SPDX-License-Identifier: BSD-3-Clause */
/* What people ask of sessions, by id or by VM. */
#include "manager_internal.h"

#include "rpc.h"

#include <stdio.h>

static struct gw_run *find(const struct gw_manager *m, const char *id, const char *vm)
{
	return id != NULL ? gw_manager_find_id(m, id) : gw_manager_find_vm(m, vm);
}

json_t *gw_manager_status(const struct gw_manager *m, const char *id, const char *vm)
{
	struct gw_run *run = find(m, id, vm);

	return run != NULL ? gw_run_status(run)
			   : json_incref(gw_history_find(m->history, id, vm, 0));
}

json_t *gw_manager_report(const struct gw_manager *m, const char *id, const char *vm)
{
	struct gw_run *run = find(m, id, vm);

	return run != NULL ? NULL : json_incref(gw_history_find(m->history, id, vm, 1));
}

json_t *gw_manager_list(const struct gw_manager *m)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < m->runs; i++)
		json_array_append_new(array, gw_run_status(m->run[i]));
	gw_history_list(m->history, array);
	return array;
}

int gw_manager_abort(struct gw_manager *m, const char *id, const char *vm, const char *reason,
	char out_id[GW_UUID_TEXT])
{
	struct gw_run *run = find(m, id, vm);

	if (run == NULL)
		return gw_history_find(m->history, id, vm, 0) != NULL ? GW_RPC_STATE
								      : GW_RPC_NOT_FOUND;
	if (gw_run_view(run).committed || run->over)
		return GW_RPC_STATE;
	snprintf(out_id, GW_UUID_TEXT, "%s", run->id);
	gw_run_abort(run, reason);
	return 0;
}

int gw_manager_change(struct gw_manager *m, const char *id, const char *vm,
	const struct gw_changes *changes, json_t **out, struct gw_err *err)
{
	struct gw_run *run = find(m, id, vm);

	if (run == NULL || run->over) {
		bool ended = run != NULL || gw_history_find(m->history, id, vm, 0) != NULL;

		gw_err(err, 0, ended ? "the session has ended" : "no such session");
		return ended ? GW_RPC_STATE : GW_RPC_NOT_FOUND;
	}
	if (!run->is_source) {
		gw_err(err, 0, "this is the destination: set it at the source, %s", run->peer);
		return GW_RPC_STATE;
	}
	gw_run_change(run, changes);
	*out = gw_run_status(run);
	return 0;
}
