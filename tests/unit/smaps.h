/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel says of a mapping of this process. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Has the mapping that holds this address the flag (proc(5), VmFlags)? */
static inline bool smaps_has_flag(const void *address, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool here = false, found = false;
	char line[512], key[8];
	uint64_t start, end;

	snprintf(key, sizeof(key), " %s ", flag);
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			here = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, key) != NULL;
	}
	if (f != NULL)
		fclose(f);
	return found;
}
