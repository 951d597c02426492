/* SPDX-License-Identifier: BSD-3-Clause */
/* What the code under test asks of its surroundings, answered from the seed: time, random numbers,
 * logs. The program is linked with --wrap for the first two. */
#include "../../dataplane/base/log.h"
#include "engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned int flags);
time_t __wrap_time(time_t *t);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	ts->tv_sec = (time_t)(sim_now() / 1000000000u);
	ts->tv_nsec = (long)(sim_now() % 1000000000u);
	return 0;
}

time_t __wrap_time(time_t *t)
{
	time_t now = (time_t)(sim_now() / 1000000000u);

	if (t != NULL)
		*t = now;
	return now;
}

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned int flags)
{
	uint8_t *p = buf;

	(void)flags;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(sim_random() >> 24);
	return (ssize_t)len;
}

void gw_log_set_level(enum gw_log_level level)
{
	(void)level;
}

void gw_log(enum gw_log_level level, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sim_trace("[%d] %s", (int)level, text);
}

const char *__lsan_default_suppressions(void);

/* A migration that waits for its peer when the daemon is killed: a process that dies frees nothing.
 */
const char *__lsan_default_suppressions(void)
{
	return "leak:gw_manager_migrate\n";
}
