/* SPDX-License-Identifier: BSD-3-Clause */
/* A row of the table of options, shared by the table and what reads values. */
#pragma once

#include "options.h"

#include <stddef.h>

enum option_kind { NUMBER, SECONDS, RATE, TEXT, FLAG, DEVICE, ADDRESS, CPUS, INTEGRITY, PATTERN };

struct option_row {
	const char *name, *arg;
	enum option_kind kind;
	size_t offset;
	uint32_t min, max;
	const char *fallback; /* as it would be typed; NULL: none */
	unsigned int modes;
	const char *help;
};

/* Says on stderr what is wrong; -EINVAL. */
int option_bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Reads what was typed into the row's field. 0, or -EINVAL: the reason is on stderr. */
int option_take(struct bench_options *o, const struct option_row *r, const char *text);
