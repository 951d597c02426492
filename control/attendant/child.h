/* SPDX-License-Identifier: BSD-3-Clause */
/* The attendant's own process. */
#pragma once

#include "attendant.h"

/* Serves godwitd at the other end of sock until that is gone, puts everything back, and exits. */
_Noreturn void gw_attendant_child(int sock, const struct gw_attendant_conf *conf);
