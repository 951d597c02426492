/* SPDX-License-Identifier: BSD-3-Clause */
#include "quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "godwit-brake-"
/* In the name of one for whose sake the cpu controller was turned on in its parent. */
#define PREFIX_CPU PREFIX "cpu-"
/* Short, so that a slowed thread stands still for less than a round trip; the kernel takes no quota
 * below a millisecond, so small shares need a longer one. */
#define PERIOD_US 10000u
#define QUOTA_MIN_US 1000u
#define REMOVE_TRIES 20
#define REMOVE_WAIT_NS 1000000

struct gw_quota {
	pid_t tid;
	bool v2;
	int parent_fd, fd; /* fd: locked */
	uint32_t period_us;
	char name[48];
};

/* A control file takes one write. */
static int put(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_TRUNC | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int put_number(int dir, const char *file, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	return put(dir, file, text);
}

static const char *threads_file(bool v2)
{
	return v2 ? "cgroup.threads" : "tasks";
}

static uint32_t period_of(uint32_t percent)
{
	if (percent * PERIOD_US / 100 >= QUOTA_MIN_US)
		return PERIOD_US;
	/* Rounded up, so that the quota does not fall below its least. */
	return (QUOTA_MIN_US * 100 + percent - 1) / percent;
}

static int limit(struct gw_quota *q, uint32_t percent)
{
	uint32_t period = period_of(percent), quota = period * percent / 100;
	char text[64];
	int rc;

	if (q->v2) {
		snprintf(text, sizeof(text), "%u %u", quota, period);
		return put(q->fd, "cpu.max", text);
	}
	if (period != q->period_us) {
		/* In between, an old quota over a new period may be more than the parent has. */
		rc = put(q->fd, "cpu.cfs_quota_us", "-1");
		if (rc == 0)
			rc = put_number(q->fd, "cpu.cfs_period_us", period);
		if (rc != 0)
			return rc;
		q->period_us = period;
	}
	return put_number(q->fd, "cpu.cfs_quota_us", quota);
}

/* Moves every thread in the cgroup to its parent. */
static int empty(int parent, int dir, bool v2)
{
	int fd = openat(dir, threads_file(v2), O_RDONLY | O_CLOEXEC), rc = 0, one;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	long long tid;

	if (f == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (fscanf(f, "%lld", &tid) == 1) {
		one = put_number(parent, threads_file(v2), tid);
		if (one != 0 && one != -ESRCH) /* it has ended */
			rc = one;
	}
	fclose(f);
	return rc;
}

static bool is_ours(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static bool is_last(int parent)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool last = dir != NULL;
	struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		last = last && !is_ours(d->d_name);
	if (dir != NULL)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return last;
}

/* A thread that is just ending keeps its cgroup busy, and one that is just born may come late. */
static int remove_emptied(int parent, int dir, const char *name, bool v2)
{
	struct timespec wait = {0, REMOVE_WAIT_NS};
	int moved = 0;

	for (int i = 0; i < REMOVE_TRIES; i++) {
		moved = empty(parent, dir, v2);
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		nanosleep(&wait, NULL);
	}
	return moved != 0 ? moved : -EBUSY;
}

static int lift(int parent, int dir, const char *name, bool v2)
{
	int rc = v2 ? put(dir, "cpu.max", "max") : put(dir, "cpu.cfs_quota_us", "-1");
	int removed = remove_emptied(parent, dir, name, v2);

	if (v2 && strncmp(name, PREFIX_CPU, strlen(PREFIX_CPU)) == 0 && is_last(parent))
		put(parent, "cgroup.subtree_control", "-cpu");
	/* Gone is lifted, whatever else did not work. */
	return removed == 0 || rc == 0 ? removed : rc;
}

/* Is the controller already on for the children of a v2 cgroup? */
static bool has_controller(int parent)
{
	int fd = openat(parent, "cgroup.subtree_control", O_RDONLY | O_CLOEXEC);
	char text[256] = " ";
	ssize_t n = fd < 0 ? -1 : read(fd, text + 1, sizeof(text) - 3);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[1 + n] = '\0';
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	return strstr(text, " cpu ") != NULL;
}

static int make(struct gw_quota *q, uint32_t percent)
{
	bool turn_on = q->v2 && !has_controller(q->parent_fd);
	int rc = 0;

	snprintf(q->name, sizeof(q->name), "%s%d", turn_on ? PREFIX_CPU : PREFIX, (int)q->tid);
	if (mkdirat(q->parent_fd, q->name, 0755) != 0)
		return -errno;
	q->fd = openat(q->parent_fd, q->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (q->fd < 0 || flock(q->fd, LOCK_EX | LOCK_NB) != 0)
		rc = -errno;
	if (rc == 0 && q->v2)
		rc = put(q->fd, "cgroup.type", "threaded");
	if (rc == 0 && turn_on)
		rc = put(q->parent_fd, "cgroup.subtree_control", "+cpu");
	if (rc == 0)
		rc = limit(q, percent);
	if (rc == 0)
		rc = put_number(q->fd, threads_file(q->v2), q->tid);
	if (rc != 0)
		lift(q->parent_fd, q->fd, q->name, q->v2);
	return rc;
}

static void forget(struct gw_quota **q)
{
	if ((*q)->fd >= 0)
		close((*q)->fd);
	if ((*q)->parent_fd >= 0)
		close((*q)->parent_fd);
	free(*q);
	*q = NULL;
}

int gw_quota_create(const struct gw_cgroup *of, pid_t tid, uint32_t percent, struct gw_quota **out,
	struct gw_err *err)
{
	struct gw_quota *q = calloc(1, sizeof(*q));
	const char *base = strrchr(of->dir, '/');
	int rc;

	if (q == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	q->fd = -1;
	q->tid = tid;
	q->v2 = of->v2;
	q->parent_fd = open(of->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base != NULL && is_ours(base + 1))
		rc = -EALREADY; /* slowed by another */
	else if (q->parent_fd < 0)
		rc = -errno;
	else
		rc = make(q, percent);
	if (rc != 0) {
		gw_err(err, rc, "CPU quota of thread %d in %s: %s", (int)tid, of->dir,
			strerror(-rc));
		forget(&q);
		return rc;
	}
	*out = q;
	return 0;
}

int gw_quota_change(struct gw_quota *q, uint32_t percent, struct gw_err *err)
{
	int rc = limit(q, percent);

	return rc == 0 ? 0
		       : gw_err(err, rc, "CPU quota of thread %d, %u %%: %s", (int)q->tid, percent,
				 strerror(-rc));
}

pid_t gw_quota_tid(const struct gw_quota *q)
{
	return q->tid;
}

int gw_quota_free(struct gw_quota **q)
{
	int rc;

	if (*q == NULL)
		return 0;
	rc = lift((*q)->parent_fd, (*q)->fd, (*q)->name, (*q)->v2);
	forget(q);
	return rc;
}

/* Takes the lock where nobody has it, or, with force, does without. 1: lifted. */
static int lift_at(int parent, const char *name, bool v2, bool force)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && !force)
		rc = 0;
	else
		rc = lift(parent, fd, name, v2) == 0 ? 1 : -EIO;
	close(fd);
	return rc;
}

static uint32_t sweep(int parent, bool v2)
{
	DIR *dir = fdopendir(parent);
	uint32_t n = 0;
	struct dirent *d;

	if (dir == NULL) {
		close(parent);
		return 0;
	}
	while ((d = readdir(dir)) != NULL) {
		int fd;

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		if (is_ours(d->d_name)) {
			n += lift_at(dirfd(dir), d->d_name, v2, false) == 1;
			continue;
		}
		fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			n += sweep(fd, v2);
	}
	closedir(dir);
	return n;
}

uint32_t gw_quota_sweep(const struct gw_cgroup *mount)
{
	int fd = open(mount->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? 0 : sweep(fd, mount->v2);
}

int gw_quota_rescue(const struct gw_cgroup *of)
{
	const char *base = strrchr(of->dir, '/');
	char parent[PATH_MAX];
	int fd, rc;

	if (base == NULL || !is_ours(base + 1))
		return 0;
	snprintf(parent, sizeof(parent), "%.*s", (int)(base - of->dir), of->dir);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = lift_at(fd, base + 1, of->v2, true);
	close(fd);
	return rc < 0 ? rc : 0;
}
