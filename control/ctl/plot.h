/* SPDX-License-Identifier: BSD-3-Clause */
/* A report drawn as SVG by gnuplot. */
#pragma once

#include <jansson.h>
#include <stdio.h>

/* The gnuplot script, data and all. -1 where the report has no timeline to draw. Nothing in the
 * report can leave the strings and numbers of the script. */
int plot_script(const json_t *report, FILE *script);

/* Runs gnuplot and writes its picture to path ("-": stdout). 0, or -1 with what went wrong in
 * error. */
int plot_draw(const json_t *report, const char *path, char *error, size_t size);
