/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures by gnuplot. */
#pragma once

#include <stdio.h>

/* Where a script is written to; NULL: no memory. */
FILE *gnuplot_script(void);
/* Runs gnuplot over the script, which is closed, and writes its picture to path ("-": stdout). 0,
 * or -1 with what went wrong in error. */
int gnuplot_draw(FILE *script, const char *path, char *error, size_t size);
