/* SPDX-License-Identifier: BSD-3-Clause */
/* What a godwitd that died left unfinished, from its records: a source's session is taken up again
 * by its machine, a destination's is settled here. */
#pragma once

#include "../config/config.h"
#include "loop.h"

struct gw_manager;
struct gw_recovery;

int gw_recovery_create(struct gw_loop *loop, const struct gw_config *config,
	struct gw_manager *manager, struct gw_recovery **out, struct gw_err *err);
/* Whether a destination's session of this VM is still being settled: no other one may begin. */
bool gw_recovery_holds(const struct gw_recovery *r, const char *vm);
void gw_recovery_free(struct gw_recovery **r);
/* Whether a destination's session is still being settled: until then its record is no answer. */
bool gw_recovery_settles(const struct gw_recovery *r, const char *id);
