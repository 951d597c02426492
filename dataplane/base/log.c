/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include "clean.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static enum gw_log_level max_level = GW_LOG_INFO;

void gw_log_set_level(enum gw_log_level level)
{
	max_level = level;
}

void gw_log(enum gw_log_level level, const char *fmt, ...)
{
	static const char *const names[] = {[GW_LOG_ERROR] = "error: ",
		[GW_LOG_WARN] = "warning: ",
		[GW_LOG_INFO] = "",
		[GW_LOG_DEBUG] = "debug: "};
	char line[1024];
	struct timespec ts;
	struct tm tm;
	va_list ap;
	int n;

	if (level > max_level)
		return;
	if (getenv("JOURNAL_STREAM") != NULL) {
		n = snprintf(line, sizeof(line), "<%d>%s", (int)level, names[level]);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		localtime_r(&ts.tv_sec, &tm);
		n = snprintf(line, sizeof(line), "%02d:%02d:%02d.%03ld %s", tm.tm_hour, tm.tm_min,
			tm.tm_sec, ts.tv_nsec / 1000000, names[level]);
	}
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	gw_text_clean(line); /* what others sent may be in it */
	/* One write per line keeps lines of several threads whole. */
	dprintf(STDERR_FILENO, "%s\n", line);
}
