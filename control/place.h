/* SPDX-License-Identifier: BSD-3-Clause */
/* What the configuration says of this host's VMs. */
#pragma once

#include "../config/config.h"
#include "hypervisor/hypervisor.h"

_Static_assert(GW_CONFIG_MAX_USERS + 1 <= GW_TRUST_MAX, "every configured user fits");

/* vm_dir stays the configuration's. */
static inline void gw_place_of(const struct gw_config *c, struct gw_hv_place *out)
{
	*out = (struct gw_hv_place){.vm_dir = c->vm_dir,
		.state_limit_bytes = (uint64_t)c->migration.state_limit_mib << 20};
	for (uint32_t i = 0; i < c->access.n_exporters; i++)
		out->trust.uid[out->trust.n++] = c->access.exporters[i];
	if (c->access.vm_owner != GW_CONFIG_NONE)
		out->trust.uid[out->trust.n++] = c->access.vm_owner;
}
