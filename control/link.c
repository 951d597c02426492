/* SPDX-License-Identifier: BSD-3-Clause */
#include "link.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdlib.h>

/* Paths are probed while workers poll, until all are up or this long; after it only a session keeps
 * them awake. */
#define PROBING_NS (2 * GW_NS_PER_S)
#define LOOK_NS (20 * GW_NS_PER_MS)

struct gw_link {
	struct gw_dp *dp;
	struct gw_dp_link *link;
	struct gw_timer *timer;
	uint32_t refs;
	bool active, started;
	uint64_t woken_ns;
};

static void rest(struct gw_link *l)
{
	if (l->active)
		gw_dp_active(l->dp, false);
	l->active = false;
	gw_timer_stop(l->timer);
}

static void look(void *ctx)
{
	struct gw_link *l = ctx;
	struct gw_dp_link_status st;

	gw_dp_link_status(l->link, &st);
	if (st.paths_up == st.paths || gw_now_ns() - l->woken_ns > PROBING_NS)
		rest(l);
}

static void wake(struct gw_link *l)
{
	if (!l->active)
		gw_dp_active(l->dp, true);
	l->active = true;
	l->woken_ns = gw_now_ns();
	gw_timer_set(l->timer, LOOK_NS, LOOK_NS);
}

static int create(struct gw_loop *loop, struct gw_dp *dp, struct gw_link **out, struct gw_err *err)
{
	struct gw_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return gw_err(err, -ENOMEM, "link: out of memory");
	l->dp = dp;
	l->refs = 1;
	l->timer = gw_timer_create(loop, look, l);
	if (l->timer == NULL) {
		free(l);
		return gw_err(err, -ENOMEM, "link: out of memory");
	}
	*out = l;
	return 0;
}

int gw_link_plan(struct gw_loop *loop, struct gw_dp *dp, const struct gw_dp_host *peer,
	const uint8_t *secret, struct gw_link **out, struct gw_err *err)
{
	struct gw_link *l = NULL;
	int rc = create(loop, dp, &l, err);

	if (rc != 0)
		return rc;
	rc = gw_dp_link_plan(dp, peer, secret, &l->link, err);
	if (rc != 0) {
		gw_link_put(&l);
		return rc;
	}
	wake(l);
	*out = l;
	return 0;
}

int gw_link_accept(struct gw_loop *loop, struct gw_dp *dp, const struct gw_dp_path *proposed,
	uint32_t n, const uint8_t *secret, struct gw_link **out, struct gw_err *err)
{
	struct gw_link *l = NULL;
	int rc = create(loop, dp, &l, err);

	if (rc != 0)
		return rc;
	rc = gw_dp_link_accept(dp, proposed, n, secret, &l->link, err);
	if (rc != 0) {
		gw_link_put(&l);
		return rc;
	}
	l->started = true;
	wake(l);
	*out = l;
	return 0;
}

int gw_link_start(
	struct gw_link *l, const struct gw_dp_path *answer, uint32_t n, struct gw_err *err)
{
	int rc = gw_dp_link_start(l->link, answer, n, err);

	if (rc == 0)
		l->started = true;
	return rc;
}

struct gw_link *gw_link_get(struct gw_link *l)
{
	l->refs++;
	return l;
}

void gw_link_put(struct gw_link **link)
{
	struct gw_link *l = *link;

	*link = NULL;
	if (l == NULL || --l->refs > 0)
		return;
	if (l->link != NULL)
		gw_dp_link_free(&l->link);
	rest(l);
	gw_timer_free(&l->timer);
	free(l);
}

struct gw_dp_link *gw_link_dp(const struct gw_link *l)
{
	return l->link;
}

bool gw_link_started(const struct gw_link *l)
{
	return l->started;
}
