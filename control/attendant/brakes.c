/* SPDX-License-Identifier: BSD-3-Clause */
#include "brakes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BRAKES 64u

struct brake {
	uint32_t id; /* 0: free */
	pid_t pid;
	uint32_t percent;
	struct gw_quota *quota[GW_BRAKE_MAX_THREADS];
	uint32_t n;
};

struct gw_brakes {
	struct gw_cgroup_root root;
	struct brake brake[BRAKES];
};

struct gw_brakes *gw_brakes_create(const struct gw_cgroup_root *root)
{
	struct gw_brakes *b = calloc(1, sizeof(*b));

	if (b != NULL)
		b->root = *root;
	return b;
}

static int lift_all(struct brake *b)
{
	int rc = 0, one;

	while (b->n > 0) {
		one = gw_quota_free(&b->quota[--b->n]);
		rc = rc != 0 ? rc : one;
	}
	b->id = 0;
	return rc;
}

uint32_t gw_brakes_free(struct gw_brakes **brakes)
{
	uint32_t n = 0;

	if (*brakes == NULL)
		return 0;
	for (uint32_t i = 0; i < BRAKES; i++) {
		n += (*brakes)->brake[i].n;
		lift_all(&(*brakes)->brake[i]);
	}
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

static int add(
	struct gw_brakes *brakes, struct brake *b, pid_t tid, uint32_t percent, struct gw_err *err)
{
	struct gw_cgroup at;
	int rc = gw_cgroup_of_thread(&brakes->root, b->pid, tid, &at, err);

	if (rc == 0)
		rc = gw_quota_create(&at, tid, percent, &b->quota[b->n], err);
	b->n += rc == 0;
	return rc;
}

static int apply(struct gw_brakes *brakes, struct brake *b, const struct gw_attendant_request *r,
	struct gw_err *err)
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

void gw_brakes_set(struct gw_brakes *brakes, const struct gw_attendant_request *r,
	struct gw_attendant_answer *a)
{
	struct gw_err err = {.text = ""};
	struct brake *b;
	int rc;

	a->percent = 100;
	a->result = -EINVAL;
	/* Not a kernel's thread, not init. */
	if (r->id == 0 || r->pid <= 1 || r->percent < 1 || r->percent > 99 || r->n == 0 ||
		r->n > GW_BRAKE_MAX_THREADS)
		return;
	b = find(brakes, r->id);
	if (b != NULL && b->pid != r->pid)
		return;
	if (b == NULL)
		b = find(brakes, 0);
	a->result = -EAGAIN;
	if (b == NULL)
		return;
	b->id = r->id;
	b->pid = r->pid;
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
