/* SPDX-License-Identifier: BSD-3-Clause */
/* The loader's inner door, for tests and fuzzing. */
#pragma once

#include "config.h"

#include <sched.h>
#include <stddef.h>

/* gw_config_load() of a text in memory; file is its name in messages. */
int gw_config_load_text(const char *text, size_t len, const char *file, const cpu_set_t *online,
	struct gw_config **out, struct gw_err *err);

/* A CPU list as the kernel prints it: "0-3,8". -EINVAL where it is none. */
int gw_cpu_list_parse(const char *text, cpu_set_t *out);
