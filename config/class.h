/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding a class of traffic. */
#pragma once

#include "config.h"

#include <string.h>

/* NULL: not configured. The default class exists in any case; it is also what a name of NULL means.
 */
static inline const struct gw_config_class *gw_config_class(
	const struct gw_config *config, const char *name)
{
	static char default_name[] = GW_CONFIG_DEFAULT_CLASS;
	static const struct gw_config_class unless_configured = {.name = default_name, .weight = 1};

	if (name == NULL)
		name = default_name;
	for (uint32_t i = 0; i < config->n_classes; i++)
		if (strcmp(config->classes[i].name, name) == 0)
			return &config->classes[i];
	return strcmp(name, default_name) == 0 ? &unless_configured : NULL;
}
