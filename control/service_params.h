/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of RPC methods. Each function answers the call and returns false where they are not
 * valid. */
#pragma once

#include "manager.h"
#include "rpc.h"

struct gw_params_ids {
	const char *id, *vm; /* one of them is NULL; borrowed from the parameters */
};

/* Every key must be among `allowed` (NULL-terminated). */
bool gw_params_known(struct gw_rpc_call *call, const json_t *params, const char *const *allowed);
bool gw_params_ids(struct gw_rpc_call *call, const json_t *params, struct gw_params_ids *out);
/* A value that the configuration knows as option `key` of `section`, under its rules: a number, a
 * word, or a rate as there ("2.5G"). *given tells whether it is there. */
bool gw_params_option(struct gw_rpc_call *call, const json_t *params, const char *section,
	const char *key, bool *given, uint64_t *out);
/* A class by its name under "class"; *out stays where there is none. */
bool gw_params_class(const struct gw_config *config, struct gw_rpc_call *call, const json_t *params,
	const struct gw_config_class **out);
/* A person's word about a guest, under "as", and whether he is "sure". */
bool gw_params_resolution(struct gw_rpc_call *call, const json_t *params, enum gw_resolution *as,
	bool *sure);
/* What is not given is as configured. */
bool gw_params_migrate(const struct gw_manager *manager, struct gw_rpc_call *call,
	const json_t *params, struct gw_migrate *out);
