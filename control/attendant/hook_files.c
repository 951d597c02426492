/* SPDX-License-Identifier: BSD-3-Clause */
#include "hook_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* shared: others may write into the folder but not take away what is not theirs. */
static int check(const char *path, const struct stat *st, bool shared_is_fine, struct gw_err *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return gw_err(err, -EPERM,
			"hooks: %s belongs to user %u; allowed: root or godwitd's own user", path,
			(unsigned int)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
		!(shared_is_fine && (st->st_mode & S_ISVTX) != 0))
		return gw_err(err, -EPERM,
			"hooks: %s is writable by others (mode %04o); allowed: by its owner only",
			path, (unsigned int)(st->st_mode & 07777));
	return 0;
}

int gw_hook_directory(const char *dir, char out[PATH_MAX], struct gw_err *err)
{
	char path[PATH_MAX], *slash;
	bool above = false;
	struct stat st;

	if (realpath(dir, out) == NULL)
		return gw_err(err, -errno, "hooks: %s: %s", dir, strerror(errno));
	snprintf(path, sizeof(path), "%s", out);
	for (;;) {
		int rc;

		if (lstat(path, &st) != 0)
			return gw_err(err, -errno, "hooks: %s: %s", path, strerror(errno));
		if (!S_ISDIR(st.st_mode))
			return gw_err(err, -ENOTDIR, "hooks: %s is not a directory", path);
		rc = check(path, &st, above, err);
		if (rc != 0 || strcmp(path, "/") == 0)
			return rc;
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
		above = true;
	}
}

static bool is_hook_name(const char *name)
{
	/* Neither hidden ones nor what editors leave behind. */
	return name[0] != '.' && name[strlen(name) - 1] != '~';
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A symbolic link is none: what it leads to may lie in anybody's folder. */
static int add(const char *dir, const char *name, struct gw_hook_files *out, struct gw_err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int rc;

	if (out->n == GW_HOOK_FILES || strlen(name) >= sizeof(out->name[0]))
		return gw_err(
			err, -E2BIG, "hooks: %s/%s: too many, or its name is too long", dir, name);
	snprintf(path, sizeof(path), "%.3900s/%s", dir, name);
	if (lstat(path, &st) != 0)
		return gw_err(err, -errno, "hooks: %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || (st.st_mode & S_IXUSR) == 0)
		return gw_err(err, -EACCES, "hooks: %s is not an executable file", path);
	rc = check(path, &st, false, err);
	if (rc == 0)
		snprintf(out->name[out->n++], sizeof(out->name[0]), "%s", name);
	return rc;
}

static int add_folder(
	const char *dir, const char *point, struct gw_hook_files *out, struct gw_err *err)
{
	char path[PATH_MAX], name[PATH_MAX];
	struct dirent *d;
	int rc = 0;
	DIR *f;

	snprintf(path, sizeof(path), "%.3900s/%s", dir, point);
	f = opendir(path);
	if (f == NULL)
		return gw_err(err, -errno, "hooks: %s: %s", path, strerror(errno));
	while (rc == 0 && (d = readdir(f)) != NULL) {
		if (!is_hook_name(d->d_name))
			continue;
		snprintf(name, sizeof(name), "%s/%s", point, d->d_name);
		rc = add(dir, name, out, err);
	}
	closedir(f);
	qsort(out->name, out->n, sizeof(out->name[0]), by_name);
	return rc;
}

int gw_hook_files(
	const char *dir, enum gw_hook_point point, struct gw_hook_files *out, struct gw_err *err)
{
	const char *name = gw_hook_name(point);
	char path[PATH_MAX];
	struct stat st;
	int rc;

	out->n = 0;
	if (lstat(dir, &st) != 0)
		return gw_err(err, -errno, "hooks: %s: %s", dir, strerror(errno));
	rc = check(dir, &st, false, err);
	if (rc != 0)
		return rc;
	snprintf(path, sizeof(path), "%.3900s/%s", dir, name);
	if (lstat(path, &st) != 0)
		return errno == ENOENT
			       ? 0
			       : gw_err(err, -errno, "hooks: %s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return add(dir, name, out, err);
	rc = check(path, &st, false, err);
	return rc != 0 ? rc : add_folder(dir, name, out, err);
}
