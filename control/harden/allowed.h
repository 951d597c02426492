/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls of a godwitd that has started, found by tracing migrations of every kind; and
 * what drivers, name services and TLS do now and then. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Whatever their arguments are. */
extern const int gw_allowed_calls[];
extern const size_t gw_n_allowed_calls;

/* Where (argument & mask) == value; one of several rules for a call is enough. */
struct gw_allowed_rule {
	int call;
	uint32_t argument;
	uint64_t mask, value;
};
extern const struct gw_allowed_rule gw_allowed_rules[];
extern const size_t gw_n_allowed_rules;
