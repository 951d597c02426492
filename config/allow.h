/* SPDX-License-Identifier: BSD-3-Clause */
/* The option `allow`: {send: [PATTERN, ...], receive: [PATTERN, ...]}. */
#pragma once

#include "config.h"
#include "outline.h"

void gw_allow_check(
	const struct gw_outline *outline, const struct gw_node *node, struct gw_problems *problems);
/* A list that the file does not have allows all; node NULL: it has neither. 0 or -ENOMEM. */
int gw_allow_fill(const struct gw_outline *outline, const struct gw_node *node,
	struct gw_config_allow *allow);
