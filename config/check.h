/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything that can be wrong with a configuration, found without loading it. */
#pragma once

#include "outline.h"

#include <sched.h>

/* Reports all problems: unknown and missing keys, types, ranges, and values that contradict each
 * other. online: the CPUs that workers may run on. */
void gw_config_check(
	const struct gw_outline *outline, const cpu_set_t *online, struct gw_problems *problems);
