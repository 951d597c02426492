/* SPDX-License-Identifier: BSD-3-Clause */
#include "cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES (2 * PATH_MAX)

struct mount {
	struct gw_cgroup at;
	char root[PATH_MAX]; /* what of the hierarchy is seen there */
};

/* Is word in the list "a,b,c"? */
static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p != NULL; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0' || p[n] == '\n'))
			return true;
	}
	return false;
}

/* proc_pid_mountinfo(5): "36 35 98:0 ROOT MOUNTPOINT OPTIONS [TAGS] - TYPE SOURCE SUPEROPTIONS" */
static bool parse_mount(const char *line, struct mount *m)
{
	const char *rest = strstr(line, " - ");
	char type[32], super[256];

	if (rest == NULL || sscanf(rest, " - %31s %*s %255s", type, super) != 2)
		return false;
	m->at.v2 = strcmp(type, "cgroup2") == 0;
	if (!m->at.v2 && (strcmp(type, "cgroup") != 0 || !listed(super, "cpu")))
		return false;
	_Static_assert(PATH_MAX == 4096, "the width below");
	return sscanf(line, "%*s %*s %*s %4095s %4095s", m->root, m->at.dir) == 2;
}

static bool find_mount(const struct gw_cgroup_root *root, bool v2, struct mount *out)
{
	FILE *f = fopen(root->mounts, "re");
	char line[LINE_MAX_BYTES];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = parse_mount(line, out) && out->at.v2 == v2;
	if (f != NULL)
		fclose(f);
	return found;
}

void gw_cgroup_mounts(const struct gw_cgroup_root *root,
	void (*fn)(void *ctx, const struct gw_cgroup *mount), void *ctx)
{
	struct mount m;

	for (int v2 = 0; v2 < 2; v2++)
		if (find_mount(root, v2 != 0, &m))
			fn(ctx, &m.at);
}

/* proc_pid_cgroup(5): "4:cpu,cpuacct:/PATH" of v1, "0::/PATH" of v2. */
static bool parse_line(char *line, bool v2, char **path)
{
	char *controllers = strchr(line, ':'), *colon;

	colon = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
	if (colon == NULL)
		return false;
	*colon = '\0';
	*path = colon + 1;
	(*path)[strcspn(*path, "\n")] = '\0';
	controllers++;
	return v2 ? strncmp(line, "0:", 2) == 0 && *controllers == '\0'
		  : listed(controllers, "cpu");
}

/* The part of path below what is mounted; NULL where it is elsewhere. */
static const char *below(const struct mount *m, const char *path)
{
	size_t n = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);

	/* "/..": outside of this cgroup namespace */
	if (strncmp(path, m->root, n) != 0 || (path[n] != '/' && path[n] != '\0') ||
		strncmp(path, "/..", 3) == 0)
		return NULL;
	return strcmp(path + n, "/") == 0 ? "" : path + n;
}

static bool look(
	const struct gw_cgroup_root *root, const char *file, bool v2, struct gw_cgroup *out)
{
	char line[LINE_MAX_BYTES], *path = NULL;
	FILE *f = fopen(file, "re");
	const char *rest = NULL;
	bool found = false;
	struct mount m;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = parse_line(line, v2, &path);
	if (f != NULL)
		fclose(f);
	if (found && find_mount(root, v2, &m))
		rest = below(&m, path);
	if (rest == NULL)
		return false;
	out->v2 = v2;
	return (size_t)snprintf(out->dir, sizeof(out->dir), "%s%s", m.at.dir, rest) <
	       sizeof(out->dir);
}

/* The controller is at work, or could be, in a v2 cgroup. */
static bool has_cpu(const char *dir)
{
	char path[PATH_MAX + 32], line[256], word[32];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.controllers", dir);
	f = fopen(path, "re");
	if (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *p = line;
		int n;

		while (!found && sscanf(p, "%31s%n", word, &n) == 1) {
			found = strcmp(word, "cpu") == 0;
			p += n;
		}
	}
	if (f != NULL)
		fclose(f);
	return found;
}

int gw_cgroup_of_thread(const struct gw_cgroup_root *root, pid_t pid, pid_t tid,
	struct gw_cgroup *out, struct gw_err *err)
{
	char file[256];

	snprintf(file, sizeof(file), "%.128s/%d/task/%d/cgroup", root->proc, (int)pid, (int)tid);
	if (access(file, R_OK) != 0)
		return gw_err(err, -ESRCH, "process %d has no thread %d (%s: %s)", (int)pid,
			(int)tid, file, strerror(errno));
	if (look(root, file, false, out))
		return 0;
	if (look(root, file, true, out) && has_cpu(out->dir))
		return 0;
	return gw_err(err, -ENODEV,
		"no cgroup can limit the CPU of thread %d: neither v1's cpu is mounted nor has its "
		"v2 cgroup the cpu controller",
		(int)tid);
}
