/* SPDX-License-Identifier: BSD-3-Clause */
#include "problems.h"

#include "../dataplane/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define LOCATED_TEXT 900

void gw_problem(struct gw_problems *problems, uint32_t line, const char *fmt, ...)
{
	uint32_t kept = problems->n < GW_PROBLEMS_KEPT ? problems->n : GW_PROBLEMS_KEPT;
	uint32_t at = kept;
	char *text;
	va_list ap;

	problems->n++;
	while (at > 0 && problems->kept[at - 1].line > line)
		at--;
	if (at == GW_PROBLEMS_KEPT)
		return;
	if (kept == GW_PROBLEMS_KEPT)
		kept--;
	memmove(&problems->kept[at + 1], &problems->kept[at],
		(kept - at) * sizeof(problems->kept[0]));
	problems->kept[at].line = line;
	text = problems->kept[at].text;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(problems->kept[at].text), fmt, ap);
	va_end(ap);
	/* Values are quoted as they stand in the file; control characters would reach a terminal.
	 */
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void locate(const struct gw_problems *problems, uint32_t i, char *buf, size_t size)
{
	if (problems->kept[i].line == 0)
		snprintf(buf, size, "%s: %s", problems->file, problems->kept[i].text);
	else
		snprintf(buf, size, "%s:%u: %s", problems->file, problems->kept[i].line,
			problems->kept[i].text);
}

int gw_problems_report(const struct gw_problems *problems, struct gw_err *err)
{
	char text[LOCATED_TEXT];

	if (problems->n == 0)
		return 0;
	for (uint32_t i = 0; problems->n > 1 && i < problems->n; i++) {
		if (i == GW_PROBLEMS_KEPT) {
			gw_error("%s: and %u more", problems->file, problems->n - i);
			break;
		}
		locate(problems, i, text, sizeof(text));
		gw_error("%s", text);
	}
	locate(problems, 0, text, sizeof(text));
	if (problems->n == 1)
		return gw_err(err, -EINVAL, "%.500s", text);
	return gw_err(err, -EINVAL, "%.440s (and %u more, listed above)", text, problems->n - 1);
}
