/* SPDX-License-Identifier: BSD-3-Clause */
#include "service_dirty.h"

#include "../dataplane/base/clock.h"
#include "service_params.h"

#include <stdlib.h>

#define INVALID_PARAMS -32602
#define SECONDS 5u

struct wait {
	struct gw_manager *manager;
	struct gw_rpc_call *call;
};

static void done(void *arg, struct gw_dirty_run *run, int code, const char *text, json_t *result,
	const json_t *reasons)
{
	struct wait *w = arg;

	gw_manager_measured(w->manager, run);
	if (code == 0)
		gw_rpc_reply(w->call, result);
	else
		gw_rpc_error(w->call, code,
			reasons != NULL ? json_pack("{s:o}", "reasons", json_deep_copy(reasons))
					: NULL,
			"%s", text);
	free(w);
}

static bool wanted(void *arg)
{
	struct wait *w = arg;

	return !gw_rpc_gone(w->call);
}

static const struct gw_dirty_run_ops ops = {.done = done, .wanted = wanted};

/* NULL: answered. */
static const char *vm_of(struct gw_rpc_call *call, const json_t *params, const char *const *keys)
{
	const char *vm = json_string_value(json_object_get(params, "vm"));

	if (!gw_params_known(call, params, keys))
		return NULL;
	if (vm == NULL || !gw_name_valid(vm)) {
		gw_rpc_error(call, INVALID_PARAMS, NULL, "vm is needed");
		return NULL;
	}
	return vm;
}

void gw_service_dirty_rate(struct gw_manager *m, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {"vm", "seconds", NULL};
	const char *vm = vm_of(call, params, keys);
	const json_t *value = json_object_get(params, "seconds");
	json_int_t seconds = value != NULL ? json_integer_value(value) : SECONDS;
	struct gw_err err = {.text = ""};
	struct wait *w;
	int rc;

	if (vm == NULL)
		return;
	if (seconds < 1 || seconds > GW_DIRTY_MAX_SECONDS) {
		gw_rpc_error(call, INVALID_PARAMS, NULL, "seconds: allowed: 1..%u",
			GW_DIRTY_MAX_SECONDS);
		return;
	}
	w = malloc(sizeof(*w));
	if (w == NULL) {
		gw_rpc_error(call, GW_RPC_STATE, NULL, "out of memory");
		return;
	}
	*w = (struct wait){m, call};
	rc = gw_manager_measure(m, vm, (uint64_t)seconds * GW_NS_PER_S, &ops, w, &err);
	if (rc != 0) {
		free(w);
		gw_rpc_error(call, rc, NULL, "%s", err.text);
	}
}

void gw_service_dirty_rate_so_far(
	struct gw_manager *m, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {"vm", NULL};
	const char *vm = vm_of(call, params, keys);
	json_t *o = vm != NULL ? gw_manager_measure_json(m, vm) : NULL;

	if (o != NULL)
		gw_rpc_reply(call, o);
	else if (vm != NULL)
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "the VM is not being measured");
}

void gw_service_dirty_rate_end(struct gw_manager *m, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {"vm", NULL};
	const char *vm = vm_of(call, params, keys);

	if (vm == NULL)
		return;
	if (gw_manager_measure_end(m, vm))
		gw_rpc_reply(call, json_pack("{s:s}", "vm", vm));
	else
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "the VM is not being measured");
}
