/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes wrong during a session: some of it at any time, some right when the guest is paused. */
#pragma once

#include "guest.h"

/* Forgets what was to come; trouble: mask of enum sim_trouble. */
void sim_trouble_reset(uint32_t trouble);
/* A session begins: now and then something is planned for it. */
void sim_trouble_session(uint32_t from, uint32_t to, struct sim_vm *vm);
