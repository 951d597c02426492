/* SPDX-License-Identifier: BSD-3-Clause */
/* What libcyaml leaves open: defaults, and the types that it does not know. */
#pragma once

#include "config.h"
#include "outline.h"

/* 0 or -ENOMEM. The outline has passed gw_config_check(). */
int gw_config_fill(const struct gw_outline *outline, struct gw_config *config);
