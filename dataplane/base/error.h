/* SPDX-License-Identifier: BSD-3-Clause */
/* An error text for people: it names the thing, the value and what is allowed. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#define GW_ERR_TEXT 512

struct gw_err {
	char text[GW_ERR_TEXT];
};

/* Fills err (NULL is allowed) and returns code, so that callers write
 * `return gw_err(err, -EINVAL, "port '%s': ...", name);`. */
static inline __attribute__((format(printf, 3, 4))) int gw_err(
	struct gw_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err != NULL) {
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
	}
	return code;
}
