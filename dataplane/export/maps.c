/* SPDX-License-Identifier: BSD-3-Clause */
#include "maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* False: not a shared, writable mapping of a file. */
static bool parse_line(const char *line, struct gw_mapping *m)
{
	unsigned int major, minor;
	unsigned long ino;
	char perms[5];
	int path_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %lu %n", &m->start, &m->end,
	            perms, &m->file_offset, &major, &minor, &ino, &path_at) < 7)
		return false;
	if (perms[1] != 'w' || perms[3] != 's' || line[path_at] != '/')
		return false;
	m->dev = makedev(major, minor);
	m->ino = ino;
	snprintf(m->path, sizeof(m->path), "%.*s", (int)strcspn(line + path_at, "\n"),
	        line + path_at);
	return true;
}

static bool follows(const struct gw_mapping *a, const struct gw_mapping *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->end == b->start &&
	       a->file_offset + (a->end - a->start) == b->file_offset;
}

int gw_maps_read(FILE *maps, uint64_t min_bytes, struct gw_mapping *out, int cap)
{
	struct gw_mapping m;
	char *line = NULL;
	size_t line_cap = 0;
	int n = 0;

	while (getline(&line, &line_cap, maps) > 0) {
		if (!parse_line(line, &m))
			continue;
		if (n > 0 && follows(&out[n - 1], &m)) {
			out[n - 1].end = m.end;
			continue;
		}
		/* The previous one is complete now: only here can its size be judged. */
		if (n > 0 && out[n - 1].end - out[n - 1].start < min_bytes)
			n--;
		if (n == cap) {
			n = -E2BIG;
			break;
		}
		out[n++] = m;
	}
	if (n > 0 && out[n - 1].end - out[n - 1].start < min_bytes)
		n--;
	free(line);
	return n;
}
