/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"

#include "../dataplane/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const steps[] = {[GW_STEP_PAUSING] = "pausing",
	[GW_STEP_GO] = "go",
	[GW_STEP_PREPARED] = "prepared",
	[GW_STEP_LOADING] = "loading",
	[GW_STEP_STARTING] = "starting",
	[GW_STEP_RUNNING] = "running",
	[GW_STEP_REFUSED] = "refused",
	[GW_STEP_CRASHED] = "crashed"};

static int path_of(char *path, size_t size, const char *run_dir, const char *id, const char *suffix)
{
	int n = snprintf(path, size, "%s/sessions/%s%s", run_dir, id, suffix);

	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static const char *boot_id(void)
{
	static char id[GW_UUID_TEXT];
	int fd;

	if (id[0] != '\0')
		return id;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, id, sizeof(id) - 1) != (ssize_t)sizeof(id) - 1)
		snprintf(id, sizeof(id), "unknown");
	if (fd >= 0)
		close(fd);
	return id;
}

/* No fsync: a process that dies leaves the page cache as it was, and each millisecond here is
 * blackout. */
int gw_record_write(const char *run_dir, const struct gw_record *r, struct gw_err *err)
{
	char path[PATH_MAX], temp[PATH_MAX];
	json_t *o;
	int rc;

	snprintf(path, sizeof(path), "%s/sessions", run_dir);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return gw_err(err, -errno, "record: %s: %s", path, strerror(errno));
	if (path_of(path, sizeof(path), run_dir, r->id, ".json") != 0 ||
		path_of(temp, sizeof(temp), run_dir, r->id, ".new") != 0)
		return gw_err(err, -ENAMETOOLONG, "record: run_dir is too long");
	o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:i}", "v", 1, "boot_id", boot_id(),
		"step", steps[r->step], "id", r->id, "vm", r->vm, "peer", r->peer, "was_paused",
		r->was_paused ? 1 : 0, "pid", r->pid);
	if (o == NULL)
		return gw_err(err, -ENOMEM, "record: out of memory");
	rc = json_dump_file(o, temp, JSON_COMPACT);
	json_decref(o);
	if (rc != 0 || rename(temp, path) != 0) {
		rc = rc != 0 ? -EIO : -errno;
		unlink(temp);
		return gw_err(err, rc, "record: %s: cannot write", path);
	}
	return 0;
}

void gw_record_remove(const char *run_dir, const char *id)
{
	char path[PATH_MAX];

	if (path_of(path, sizeof(path), run_dir, id, ".json") == 0 && unlink(path) != 0 &&
		errno != ENOENT)
		gw_warn("session %s: %s: %s", id, path, strerror(errno));
}

static int parse(const json_t *o, struct gw_record *r)
{
	char step[16], boot[GW_UUID_TEXT];
	uint64_t pid;

	memset(r, 0, sizeof(*r));
	if (gw_message_text(o, "id", r->id, sizeof(r->id)) != 0 || !gw_uuid_valid(r->id))
		return -EPROTO;
	if (gw_message_text(o, "vm", r->vm, sizeof(r->vm)) != 0 || !gw_name_valid(r->vm))
		return -EPROTO;
	if (gw_message_text(o, "peer", r->peer, sizeof(r->peer)) != 0)
		return -EPROTO;
	if (gw_message_text(o, "step", step, sizeof(step)) != 0)
		return -EPROTO;
	for (int i = GW_STEP_PAUSING; i < GW_N_STEPS; i++)
		if (strcmp(steps[i], step) == 0)
			r->step = (enum gw_record_step)i;
	if (r->step == GW_STEP_NONE)
		return -EPROTO;
	r->was_paused = gw_message_bool(o, "was_paused");
	if (gw_message_u64(o, "pid", INT32_MAX, &pid) != 0)
		return -EPROTO;
	r->pid = (int)pid;
	if (gw_message_text(o, "boot_id", boot, sizeof(boot)) != 0)
		return -EPROTO;
	return strcmp(boot, boot_id()) == 0 ? 0 : -ESTALE;
}

int gw_record_read(const char *run_dir, const char *id, struct gw_record *r)
{
	char path[PATH_MAX];
	json_t *o;
	int rc;

	if (path_of(path, sizeof(path), run_dir, id, ".json") != 0 || access(path, R_OK) != 0)
		return -ENOENT;
	o = json_load_file(path, 0, NULL);
	if (o == NULL)
		return -EPROTO;
	rc = parse(o, r);
	json_decref(o);
	return rc;
}

void gw_record_each(
	const char *run_dir, void (*fn)(void *ctx, const struct gw_record *record), void *ctx)
{
	char path[PATH_MAX], id[GW_UUID_TEXT];
	struct gw_record r;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sessions", run_dir);
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((d = readdir(dir)) != NULL) {
		const char *dot = strstr(d->d_name, ".json");
		int rc;

		if (dot == NULL || dot[5] != '\0' || dot - d->d_name != GW_UUID_TEXT - 1)
			continue;
		memcpy(id, d->d_name, GW_UUID_TEXT - 1);
		id[GW_UUID_TEXT - 1] = '\0';
		if (!gw_uuid_valid(id))
			continue;
		rc = gw_record_read(run_dir, id, &r);
		if (rc == 0) {
			fn(ctx, &r);
		} else if (rc == -ESTALE) {
			gw_info("session %s: its record is of an earlier boot, which ended its "
				"hypervisors: removed",
				id);
			gw_record_remove(run_dir, id);
		} else {
			gw_warn("session %s: %s/%s is not a record, ignored", id, path, d->d_name);
		}
	}
	closedir(dir);
}

bool gw_record_is_source(const struct gw_record *r)
{
	return r->step == GW_STEP_PAUSING || r->step == GW_STEP_GO;
}
