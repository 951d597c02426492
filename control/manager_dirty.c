/* SPDX-License-Identifier: BSD-3-Clause */
/* Measurements of dirty rates: one for a VM, which gives way to a session of that VM. */
#include "manager_internal.h"

#include "rpc.h"

static struct gw_dirty_run *find(const struct gw_manager *m, const char *vm)
{
	for (uint32_t i = 0; i < m->measurements; i++)
		if (strcmp(gw_dirty_run_vm(m->measurement[i]), vm) == 0)
			return m->measurement[i];
	return NULL;
}

bool gw_manager_measures(const struct gw_manager *m, const char *vm)
{
	return find(m, vm) != NULL;
}

int gw_manager_measure(struct gw_manager *m, const char *vm, uint64_t duration_ns,
	const struct gw_dirty_run_ops *ops, void *arg, struct gw_err *err)
{
	if (gw_manager_find_vm(m, vm) != NULL || find(m, vm) != NULL) {
		gw_err(err, 0,
			find(m, vm) != NULL ? "the VM is being measured already"
					    : "a session for this VM exists already");
		return GW_RPC_CONFLICT;
	}
	if (m->stop_ns != 0 || m->measurements == GW_MANAGER_MAX_RUNS) {
		gw_err(err, 0, "no more measurements are taken");
		return GW_RPC_STATE;
	}
	if (gw_dirty_run_start(
		    &m->env, vm, duration_ns, ops, arg, &m->measurement[m->measurements]) != 0) {
		gw_err(err, 0, "out of memory");
		return GW_RPC_STATE;
	}
	m->measurements++;
	return 0;
}

void gw_manager_measured(struct gw_manager *m, struct gw_dirty_run *run)
{
	for (uint32_t i = 0; i < m->measurements; i++)
		if (m->measurement[i] == run)
			m->measurement[i] = m->measurement[--m->measurements];
	gw_dirty_run_free(&run);
}

json_t *gw_manager_measure_json(const struct gw_manager *m, const char *vm)
{
	const struct gw_dirty_run *run = find(m, vm);

	return run != NULL ? gw_dirty_run_json(run) : NULL;
}

bool gw_manager_measure_end(struct gw_manager *m, const char *vm)
{
	struct gw_dirty_run *run = find(m, vm);

	if (run != NULL)
		gw_dirty_run_end(run);
	return run != NULL;
}

void gw_manager_measure_yield(struct gw_manager *m, const char *vm)
{
	struct gw_dirty_run *run = find(m, vm);

	if (run != NULL)
		gw_dirty_run_fail(
			run, GW_RPC_CONFLICT, "it gave way to a migration of the VM, which began");
}

void gw_manager_measure_stop(struct gw_manager *m)
{
	while (m->measurements > 0)
		gw_dirty_run_fail(m->measurement[0], GW_RPC_STATE, "godwitd is stopping");
}
