/* SPDX-License-Identifier: BSD-3-Clause */
/* control/attendant/attendant.h: brakes take hold after a while, hooks take theirs and now and then
 * fail. */
#include "../../control/attendant/attendant.h"

#include "attendant.h"
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#define BRAKE_NS 200000u
#define HOOK_MIN_NS 1e5
#define HOOK_MAX_NS 3e8
#define HOOK_FAILS 0.1

struct gw_attendant {
	struct gw_loop *loop;
	bool hooks;
	LIST_HEAD(, gw_hook_run) runs;
};

struct gw_brake {
	struct gw_timer *answer;
	uint32_t percent;
	gw_brake_fn *fn;
	void *ctx;
};

struct gw_hook_run {
	LIST_ENTRY(gw_hook_run) link;
	struct gw_timer *over;
	struct gw_hook_run **handle;
	int result;
	gw_hook_fn *fn;
	void *ctx;
};

struct gw_attendant *sim_attendant(struct gw_loop *loop, bool hooks)
{
	struct gw_attendant *a = calloc(1, sizeof(*a));

	if (a == NULL)
		abort();
	a->loop = loop;
	a->hooks = hooks;
	LIST_INIT(&a->runs);
	return a;
}

static void run_free(struct gw_hook_run *h)
{
	LIST_REMOVE(h, link);
	gw_timer_free(&h->over);
	free(h);
}

/* Hooks that nobody waits for go on without godwitd; here they only end. */
void gw_attendant_free(struct gw_attendant **a)
{
	struct gw_hook_run *h;

	while (*a != NULL && (h = LIST_FIRST(&(*a)->runs)) != NULL)
		run_free(h);
	free(*a);
	*a = NULL;
}

bool gw_attendant_alive(const struct gw_attendant *a)
{
	return a != NULL;
}

bool gw_attendant_has_hooks(const struct gw_attendant *a)
{
	return a != NULL && a->hooks;
}

/* ---- brakes ---- */

static void answer(void *ctx)
{
	struct gw_brake *b = ctx;

	b->fn(b->ctx, 0, b->percent, "");
}

int gw_brake_create(struct gw_attendant *a, pid_t pid, int pidfd, gw_brake_fn *fn, void *ctx,
	struct gw_brake **out)
{
	struct gw_brake *b = a != NULL ? calloc(1, sizeof(*b)) : NULL;

	(void)pid;
	(void)pidfd;
	if (b == NULL)
		return -EPIPE;
	b->answer = gw_timer_create(a->loop, answer, b);
	b->percent = 100;
	b->fn = fn;
	b->ctx = ctx;
	*out = b;
	return 0;
}

int gw_brake_set(struct gw_brake *b, const pid_t *tids, uint32_t n, uint32_t percent)
{
	(void)tids;
	if (n == 0 || percent < 1 || percent > 99)
		return -EINVAL;
	b->percent = percent;
	gw_timer_set(b->answer, BRAKE_NS, 0);
	return 0;
}

int gw_brake_lift(struct gw_brake *b)
{
	b->percent = 100;
	gw_timer_set(b->answer, BRAKE_NS, 0);
	return 0;
}

void gw_brake_free(struct gw_brake **b)
{
	if (*b == NULL)
		return;
	gw_timer_free(&(*b)->answer);
	free(*b);
	*b = NULL;
}

/* ---- hooks ---- */

static void over(void *ctx)
{
	struct gw_hook_run *h = ctx;
	gw_hook_fn *fn = h->fn;
	void *fn_ctx = h->ctx;
	int result = h->result;

	if (h->handle != NULL)
		*h->handle = NULL;
	run_free(h);
	if (fn != NULL)
		fn(fn_ctx, result, result == 0 ? "" : "hook failed with status 1");
}

int gw_hook_start(struct gw_attendant *a, enum gw_hook_point point, const char *label,
	const char *input, gw_hook_fn *fn, void *ctx, struct gw_hook_run **out)
{
	struct gw_hook_run *h = a != NULL ? calloc(1, sizeof(*h)) : NULL;

	(void)label;
	(void)input;
	if (h == NULL)
		return -EPIPE;
	LIST_INSERT_HEAD(&a->runs, h, link);
	h->over = gw_timer_create(a->loop, over, h);
	h->handle = out;
	h->result = sim_chance(HOOK_FAILS) ? -ECANCELED : 0;
	h->fn = fn;
	h->ctx = ctx;
	sim_trace("hook %d: %d", (int)point, h->result);
	gw_timer_set(h->over, (uint64_t)sim_log_between(HOOK_MIN_NS, HOOK_MAX_NS), 0);
	if (out != NULL)
		*out = h;
	return 0;
}

void gw_hook_cancel(struct gw_hook_run **run)
{
	if (*run == NULL)
		return;
	run_free(*run);
	*run = NULL;
}
