/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop of a test program, which makes and frees it, and running it for a while. */
#pragma once

#include "../../control/loop.h"
#include "../../dataplane/base/clock.h"

#include <CUnit/CUnit.h>

static struct gw_loop *loop;

static void stop(void *ctx)
{
	(void)ctx;
	gw_loop_stop(loop);
}

/* At most limit_ms, or until gw_loop_stop(). */
static void run(unsigned int limit_ms)
{
	struct gw_timer *t = gw_timer_create(loop, stop, NULL);

	gw_timer_set(t, limit_ms * GW_NS_PER_MS, 0);
	CU_ASSERT_EQUAL(gw_loop_run(loop), 0);
	gw_timer_free(&t);
}
