/* SPDX-License-Identifier: BSD-3-Clause */
/* One program that is run: text on its stdin, what it prints logged, an end after a time. */
#pragma once

#include "../loop.h"

#include <stddef.h>

struct gw_program;
/* What it came to: 0, or -errno and text. Called from the loop, never from gw_program_start(). */
typedef void gw_program_fn(void *ctx, int result, const char *text);

struct gw_program_conf {
	const char *path;
	const char *name;  /* in the log and in text */
	const char *label; /* begins its log lines */
	const char *point; /* GODWIT_HOOK in its environment */
	const char *input;
	size_t input_bytes; /* fits a pipe */
	uint32_t timeout_ms;
	gw_program_fn *over;
	void *ctx;
};

/* 0 or -errno. It is gone when over is called. */
int gw_program_start(
	struct gw_loop *loop, const struct gw_program_conf *conf, struct gw_program **out);
/* Kills it and what it has started; over is not called. */
void gw_program_free(struct gw_program **p);
