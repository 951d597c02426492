/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel says of a mapping of this process. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The line of the mapping that holds this address which begins with key; false: none. */
static inline bool smaps_line(const void *address, const char *key, char *line, int size)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool here = false, found = false;
	uint64_t start, end;

	while (f != NULL && !found && fgets(line, size, f) != NULL) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			here = (uintptr_t)address >= start && (uintptr_t)address < end;
		else
			found = here && strncmp(line, key, strlen(key)) == 0;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

/* Has the mapping that holds this address the flag (proc(5), VmFlags)? */
static inline bool smaps_has_flag(const void *address, const char *flag)
{
	char line[512], word[8];

	snprintf(word, sizeof(word), " %s ", flag);
	return smaps_line(address, "VmFlags:", line, sizeof(line)) && strstr(line, word) != NULL;
}

/* A size of the mapping that holds this address, as "Swap:"; 0 where there is none. */
static inline uint64_t smaps_kib(const void *address, const char *key)
{
	uint64_t kib = 0;
	char line[512];

	if (smaps_line(address, key, line, sizeof(line)))
		sscanf(line + strlen(key), " %" SCNu64, &kib);
	return kib;
}
