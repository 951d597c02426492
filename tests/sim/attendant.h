/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated attendant of a simulated daemon. */
#pragma once

#include "../../control/attendant/attendant.h"

struct gw_attendant *sim_attendant(struct gw_loop *loop, bool hooks);
