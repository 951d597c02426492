/* SPDX-License-Identifier: BSD-3-Clause */
#include "brakes.h"

#include "../../dataplane/base/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BRAKES 64u

struct brake {
	uint32_t id; /* 0: free */
	pid_t pid;
	int pidfd; /* of pid, while id is not 0 */
	uint32_t percent;
	struct gw_quota *quota[GW_BRAKE_MAX_THREADS];
	uint32_t n;
	struct gw_pulse *pulse; /* instead of quotas; or NULL */
};

struct gw_brakes {
	struct gw_cgroup_root root;
	struct gw_pulses *pulses;
	struct brake brake[BRAKES];
};

struct gw_brakes *gw_brakes_create(struct gw_loop *loop, const struct gw_cgroup_root *root)
{
	struct gw_brakes *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->root = *root;
	b->pulses = gw_pulses_create(loop);
	if (b->pulses == NULL)
		gw_brakes_free(&b);
	return b;
}

static uint32_t threads(const struct brake *b)
{
	return b->pulse != NULL ? gw_pulse_threads(b->pulse) : b->n;
}

static int lift_quotas(struct brake *b)
{
	int rc = 0, one;

	while (b->n > 0) {
		one = gw_quota_free(&b->quota[--b->n]);
		rc = rc != 0 ? rc : one;
	}
	return rc;
}

static int lift_all(struct brake *b)
{
	gw_pulse_free(&b->pulse);
	if (b->id != 0)
		close(b->pidfd);
	b->id = 0;
	return lift_quotas(b);
}

uint32_t gw_brakes_free(struct gw_brakes **brakes)
{
	uint32_t n = 0;

	if (*brakes == NULL)
		return 0;
	for (uint32_t i = 0; i < BRAKES; i++) {
		n += threads(&(*brakes)->brake[i]);
		lift_all(&(*brakes)->brake[i]);
	}
	gw_pulses_free(&(*brakes)->pulses);
	free(*brakes);
	*brakes = NULL;
	return n;
}

static struct brake *find(struct gw_brakes *brakes, uint32_t id)
{
	for (uint32_t i = 0; i < BRAKES; i++)
		if (brakes->brake[i].id == id)
			return &brakes->brake[i];
	return NULL;
}

static bool wanted(const struct gw_attendant_request *r, pid_t tid)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->u.tids[i] == tid)
			return true;
	return false;
}

static bool has(const struct brake *b, pid_t tid)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (gw_quota_tid(b->quota[i]) == tid)
			return true;
	return false;
}

/* Those that are no longer asked for. */
static void drop_others(struct brake *b, const struct gw_attendant_request *r)
{
	for (uint32_t i = 0; i < b->n;) {
		if (wanted(r, gw_quota_tid(b->quota[i]))) {
			i++;
			continue;
		}
		gw_quota_free(&b->quota[i]);
		b->quota[i] = b->quota[--b->n];
	}
}

/* Where a thread of the brake's process is. -ESRCH also where that has ended: the number is, or
 * will be, another's, and so may the thread be. */
static int whereabouts(struct gw_brakes *brakes, const struct brake *b, pid_t tid,
	struct gw_cgroup *at, struct gw_err *err)
{
	int rc = gw_cgroup_of_thread(&brakes->root, b->pid, tid, at, err);

	return gw_pidfd_ended(b->pidfd) ? gw_err(err, -ESRCH, "process %d has ended", (int)b->pid)
					: rc;
}

static int add(
	struct gw_brakes *brakes, struct brake *b, pid_t tid, uint32_t percent, struct gw_err *err)
{
	struct gw_cgroup at;
	int rc = whereabouts(brakes, b, tid, &at, err);

	if (rc == 0)
		rc = gw_quota_create(&at, tid, percent, &b->quota[b->n], err);
	b->n += rc == 0;
	return rc;
}

static int apply_quotas(struct gw_brakes *brakes, struct brake *b,
	const struct gw_attendant_request *r, struct gw_err *err)
{
	int rc = 0;

	drop_others(b, r);
	for (uint32_t i = 0; i < b->n && rc == 0; i++)
		rc = gw_quota_change(b->quota[i], r->percent, err);
	for (uint32_t i = 0; i < r->n && rc == 0; i++)
		if (!has(b, r->u.tids[i]))
			rc = add(brakes, b, r->u.tids[i], r->percent, err);
	return rc;
}

/* Other threads than before: seldom, and then it may begin anew. */
static int apply_pulse(struct gw_brakes *brakes, struct brake *b,
	const struct gw_attendant_request *r, struct gw_err *err)
{
	struct gw_cgroup at;

	if (b->pulse != NULL && gw_pulse_has(b->pulse, r->u.tids, r->n)) {
		gw_pulse_change(b->pulse, r->percent);
		return 0;
	}
	for (uint32_t i = 0; i < r->n; i++)
		if (whereabouts(brakes, b, r->u.tids[i], &at, err) == -ESRCH)
			return -ESRCH;
	gw_pulse_free(&b->pulse);
	return gw_pulse_create(brakes->pulses, r->u.tids, r->n, r->percent, &b->pulse, err);
}

static int apply(struct gw_brakes *brakes, struct brake *b, const struct gw_attendant_request *r,
	struct gw_err *err)
{
	struct gw_err no_quota = {.text = ""}, no_pulse = {.text = ""};
	int rc = b->pulse != NULL ? -ENODEV : apply_quotas(brakes, b, r, &no_quota);

	/* No such thread, or slowed by another: not for want of a cgroup. */
	if (rc == 0 || rc == -ESRCH || rc == -EALREADY)
		return rc == 0 ? 0 : gw_err(err, rc, "%s", no_quota.text);
	lift_quotas(b);
	rc = apply_pulse(brakes, b, r, &no_pulse);
	return rc == 0 ? 0 : gw_err(err, rc, "%.190s; %.190s", no_quota.text, no_pulse.text);
}

/* The request's brake, or a new one; -EINVAL, -EAGAIN (there are too many), other -errno. */
static int brake_of(struct gw_brakes *brakes, const struct gw_attendant_request *r, int pidfd,
	struct brake **out)
{
	struct brake *b = find(brakes, r->id);

	*out = b;
	if (b != NULL)
		return b->pid == r->pid ? 0 : -EINVAL;
	b = find(brakes, 0);
	if (b == NULL)
		return -EAGAIN;
	b->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (b->pidfd < 0)
		return -errno;
	b->id = r->id;
	b->pid = r->pid;
	*out = b;
	return 0;
}

void gw_brakes_set(struct gw_brakes *brakes, const struct gw_attendant_request *r, int pidfd,
	struct gw_attendant_answer *a)
{
	struct gw_err err = {.text = ""};
	struct brake *b;
	int rc;

	a->percent = 100;
	a->result = -EINVAL;
	/* Not a kernel's thread, not init. */
	if (r->id == 0 || r->pid <= 1 || r->percent < 1 || r->percent > 99 || r->n == 0 ||
		r->n > GW_BRAKE_MAX_THREADS || pidfd < 0)
		return;
	a->result = brake_of(brakes, r, pidfd, &b);
	if (a->result != 0)
		return;
	rc = apply(brakes, b, r, &err);
	a->result = rc;
	if (rc == 0) {
		a->percent = b->percent = r->percent;
		return;
	}
	lift_all(b);
	snprintf(a->text, sizeof(a->text), "%.399s", err.text);
}

void gw_brakes_lift(struct gw_brakes *brakes, uint32_t id, struct gw_attendant_answer *a)
{
	struct brake *b = id == 0 ? NULL : find(brakes, id);

	a->percent = 100;
	a->result = b == NULL ? 0 : lift_all(b);
	if (a->result != 0)
		snprintf(a->text, sizeof(a->text), "a thread could not be put back: %s",
			strerror(-a->result));
}
