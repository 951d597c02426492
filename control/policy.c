/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy.h"

#include <fnmatch.h>
#include <string.h>

const struct gw_config_peer *gw_policy_peer(const struct gw_config *config, const char *name)
{
	const struct gw_config_peer *any = NULL;

	for (uint32_t i = 0; i < config->n_peers; i++) {
		if (strcmp(config->peers[i].name, GW_CONFIG_ANY_PEER) == 0)
			any = &config->peers[i];
		else if (strcmp(config->peers[i].name, name) == 0)
			return &config->peers[i];
	}
	return any;
}

static bool matches(char *const *pattern, uint32_t n, const char *vm)
{
	for (uint32_t i = 0; i < n; i++)
		if (fnmatch(pattern[i], vm, 0) == 0)
			return true;
	return false;
}

bool gw_policy_send(const struct gw_config *config, const char *peer, const char *vm)
{
	const struct gw_config_peer *p = gw_policy_peer(config, peer);

	return p != NULL && matches(p->allow.send, p->allow.n_send, vm);
}

bool gw_policy_receive(const struct gw_config *config, const char *peer, const char *vm)
{
	const struct gw_config_peer *p = gw_policy_peer(config, peer);

	return p != NULL && matches(p->allow.receive, p->allow.n_receive, vm);
}
