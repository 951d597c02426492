/* SPDX-License-Identifier: BSD-3-Clause */
/* In the attendant: every brake that is on. */
#pragma once

#include "message.h"
#include "pulse.h"
#include "quota.h"

struct gw_brakes;

struct gw_brakes *gw_brakes_create(
	struct gw_loop *loop, const struct gw_cgroup_root *root); /* NULL: no memory */
/* Lifts all; how many threads that were. */
uint32_t gw_brakes_free(struct gw_brakes **brakes);

/* Carries out a request for a brake, which nobody has checked, and fills the answer's percent,
 * result and text. pidfd: came with it and stays the caller's; -1: none came. */
void gw_brakes_set(struct gw_brakes *brakes, const struct gw_attendant_request *r, int pidfd,
	struct gw_attendant_answer *a);
void gw_brakes_lift(struct gw_brakes *brakes, uint32_t id, struct gw_attendant_answer *a);
