/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong with a configuration file: all of it, not only the first. */
#pragma once

#include "../dataplane/base/error.h"

#include <stdint.h>

#define GW_PROBLEMS_KEPT 10

struct gw_problems {
	const char *file;
	uint32_t
		n; /* found; the first GW_PROBLEMS_KEPT of them are kept, in order of their lines */
	struct {
		uint32_t line; /* from 1; 0: of no line */
		char text[400];
	} kept[GW_PROBLEMS_KEPT];
};

void gw_problem(struct gw_problems *problems, uint32_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* 0 where there is none. Else -EINVAL, the first in err; where there are more, all are logged. */
int gw_problems_report(const struct gw_problems *problems, struct gw_err *err);
