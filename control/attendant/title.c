/* SPDX-License-Identifier: BSD-3-Clause */
#include "title.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* proc_pid_stat(5): fields 48 and 49, arg_start and arg_end; the name before them may hold
 * anything, but it ends with the last ')', before field 3. */
static int arguments(char **start, char **end)
{
	unsigned long from = 0, to = 0;
	FILE *f = fopen("/proc/self/stat", "re");
	char line[2048] = "", *p;

	if (f == NULL)
		return -1;
	p = fgets(line, sizeof(line), f) != NULL ? strrchr(line, ')') : NULL;
	fclose(f);
	for (int field = 2; p != NULL && field < 48; field++) {
		p = strchr(p, ' ');
		p = p != NULL ? p + 1 : NULL;
	}
	if (p == NULL || sscanf(p, "%lu %lu", &from, &to) != 2 || from == 0 || to <= from)
		return -1;
	*start = (char *)(uintptr_t)from;
	*end = (char *)(uintptr_t)to;
	return 0;
}

void gw_set_title(const char *title, const char *name)
{
	char *start, *end;

	prctl(PR_SET_NAME, name, 0, 0, 0);
	if (arguments(&start, &end) != 0)
		return;
	memset(start, 0, (size_t)(end - start));
	snprintf(start, (size_t)(end - start), "%s", title);
}
