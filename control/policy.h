/* SPDX-License-Identifier: BSD-3-Clause */
/* What the configuration lets a peer do (`peers`, `allow`). Pure. */
#pragma once

#include "../config/config.h"

static inline const char *gw_policy_security(const struct gw_config *config)
{
	return config->security == GW_CONFIG_ON ? "on" : "off";
}

/* The entry that a peer of this name falls under, "*" included; NULL: it is not welcome. */
const struct gw_config_peer *gw_policy_peer(const struct gw_config *config, const char *name);

/* May this VM be sent to the peer, or received from it? */
bool gw_policy_send(const struct gw_config *config, const char *peer, const char *vm);
bool gw_policy_receive(const struct gw_config *config, const char *peer, const char *vm);
