/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything that can be wrong with a configuration, found without loading it. */
#pragma once

#include "options.h"
#include "outline.h"

#include <sched.h>

/* Reports all problems: unknown and missing keys, types, ranges, and values that contradict each
 * other. online: the CPUs that workers may run on. */
void gw_config_check(
	const struct gw_outline *outline, const cpu_set_t *online, struct gw_problems *problems);

/* The value of an option that is there and valid by itself; NULL: nothing more to say about it. */
const struct gw_node *gw_config_value(const struct gw_outline *outline, const struct gw_node *map,
	const struct gw_section *section, const char *key);
/* Part of gw_config_check(): check_security.c. */
void gw_config_check_security(const struct gw_outline *outline, struct gw_problems *problems);
