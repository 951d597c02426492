/* SPDX-License-Identifier: BSD-3-Clause */
#include "reason.h"

#include <stdarg.h>
#include <stdio.h>

void gw_reason_add(json_t *reasons, const char *where, const char *code, const char *remedy,
	const char *fmt, ...)
{
	char message[768];
	json_t *text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	/* The names in it are the hypervisor's: no control characters, and UTF-8 (which a cut may
	 * have broken). */
	for (char *c = message; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	text = json_string(message);
	for (char *c = message; text == NULL && *c != '\0'; c++)
		if ((unsigned char)*c > 0x7e)
			*c = '?';
	if (text == NULL)
		text = json_string(message);
	json_array_append_new(reasons, json_pack("{s:s, s:s, s:o, s:s}", "where", where, "code",
					       code, "message", text, "remedy", remedy));
}
