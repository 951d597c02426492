/* SPDX-License-Identifier: BSD-3-Clause */
/* Brakes as godwitd has them. */
#include "attendant_internal.h"

#include "../../dataplane/base/log.h"
#include "../../dataplane/base/pidfd.h"
#include "quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void rescue_thread(pid_t pid, pid_t tid)
{
	static const struct gw_cgroup_root root = {"/proc", "/proc/self/mountinfo"};
	struct gw_cgroup at;
	struct gw_err err;
	int rc = gw_cgroup_of_thread(&root, pid, tid, &at, &err);

	if (rc == 0)
		rc = gw_quota_rescue(&at);
	if (rc != 0 && rc != -ESRCH && rc != -ENODEV)
		gw_error("CPU quota of thread %d (of process %d) cannot be lifted: %s", (int)tid,
			(int)pid, strerror(-rc));
}

void gw_brake_rescue(struct gw_brake *b)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	if (!b->on)
		return;
	b->on = false;
	if (b->serial == 0)
		b->serial = ++b->a->last_serial;
	/* Its number may be another's, who has a brake of his own. */
	if (gw_pidfd_ended(b->pidfd))
		return;
	/* All of its threads: which of them the attendant had got to is not known. */
	snprintf(path, sizeof(path), "/proc/%d/task", (int)b->pid);
	dir = opendir(path);
	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			rescue_thread(b->pid, atoi(d->d_name));
	if (dir != NULL)
		closedir(dir);
}

void gw_brake_answered(struct gw_attendant *a, const struct gw_attendant_answer *m)
{
	struct gw_brake *b = a->brakes;

	while (b != NULL && b->id != m->id)
		b = b->next;
	if (b == NULL || b->serial == 0 || b->serial != m->serial)
		return;
	b->serial = 0;
	b->on = m->percent != 100;
	b->fn(b->ctx, m->result, m->percent,
		m->result != 0 && m->text[0] == '\0' ? strerror(-m->result) : m->text);
}

int gw_brake_create(struct gw_attendant *a, pid_t pid, int pidfd, gw_brake_fn *fn, void *ctx,
	struct gw_brake **out)
{
	struct gw_brake *b;
	int rc;

	if (!gw_attendant_alive(a))
		return -EPIPE;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (b->pidfd < 0) {
		rc = -errno;
		free(b);
		return rc;
	}
	b->a = a;
	b->id = ++a->last_id;
	b->pid = pid;
	b->fn = fn;
	b->ctx = ctx;
	b->next = a->brakes;
	a->brakes = b;
	*out = b;
	return 0;
}

/* The request but for its type and what that needs. */
static struct gw_attendant_request *request(struct gw_brake *b, enum gw_attendant_type type)
{
	struct gw_attendant_request *r = &b->a->request;

	memset(r, 0, sizeof(*r));
	r->type = type;
	r->id = b->id;
	r->serial = ++b->a->last_serial;
	r->pid = b->pid;
	return r;
}

static int ask(struct gw_brake *b, int fd)
{
	uint32_t serial = b->a->request.serial;
	int rc = gw_attendant_ask(b->a, fd);

	/* Who is told at once is not told again. */
	b->serial = rc == 0 ? serial : 0;
	return rc;
}

int gw_brake_set(struct gw_brake *b, const pid_t *tids, uint32_t n, uint32_t percent)
{
	struct gw_attendant_request *r;

	if (n == 0 || percent < 1 || percent > 99)
		return -EINVAL;
	if (n > GW_BRAKE_MAX_THREADS)
		return -E2BIG;
	if (!gw_attendant_alive(b->a))
		return -EPIPE;
	r = request(b, GW_ATTENDANT_BRAKE);
	r->percent = percent;
	r->n = n;
	for (uint32_t i = 0; i < n; i++)
		r->u.tids[i] = tids[i];
	b->on = true;
	return ask(b, b->pidfd);
}

int gw_brake_lift(struct gw_brake *b)
{
	if (!gw_attendant_alive(b->a))
		return -EPIPE;
	request(b, GW_ATTENDANT_LIFT);
	return ask(b, -1);
}

void gw_brake_free(struct gw_brake **brake)
{
	struct gw_brake *b = *brake;

	if (b == NULL)
		return;
	if (b->on)
		gw_brake_lift(b);
	for (struct gw_brake **p = &b->a->brakes; *p != NULL; p = &(*p)->next)
		if (*p == b) {
			*p = b->next;
			break;
		}
	close(b->pidfd);
	free(b);
	*brake = NULL;
}
