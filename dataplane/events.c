/* SPDX-License-Identifier: BSD-3-Clause */
/* The door: commands to the workers and what they answer. Control thread only. */
#include "internal.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What was done before this call the worker sees before it sleeps, or is woken for. */
static void wake(struct gw_worker *w)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->napping, __ATOMIC_RELAXED) != 0 &&
		__atomic_exchange_n(&w->napping, 0, __ATOMIC_RELAXED) != 0)
		syscall(SYS_futex, &w->napping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void gw_dp_wake(struct gw_dp *dp)
{
	for (uint32_t i = 0; i < dp->n_workers; i++)
		wake(dp->worker[i]);
}

void gw_dp_command(
	struct gw_dp *dp, uint32_t worker, enum gw_command type, void *object, uint64_t value)
{
	struct gw_worker *w = dp->worker[worker];

	/* Commands are few; a full queue drains within one poll loop. */
	while (!gw_spsc_push(&w->commands, type, object, value))
		sched_yield();
	wake(w);
}

void gw_dp_broadcast(struct gw_dp *dp, enum gw_command type, void *object, uint64_t value)
{
	for (uint32_t i = 0; i < dp->n_workers; i++)
		gw_dp_command(dp, i, type, object, value);
}

int gw_dp_poll_event(struct gw_dp *dp, struct gw_dp_event *ev)
{
	struct gw_spsc_item item;

	for (uint32_t n = 0; n < dp->n_workers; n++) {
		struct gw_worker *w = dp->worker[dp->next_event_worker];

		dp->next_event_worker = (dp->next_event_worker + 1) % dp->n_workers;
		while (w != NULL && gw_spsc_pop(&w->events, &item)) {
			if (item.type == GW_EVENT_LINK_GONE) {
				gw_link_release(item.object);
				continue;
			}
			if (item.type == GW_EVENT_BOOKS_SHORT) {
				gw_books_short(dp, item.object, (uint32_t)item.value);
				continue;
			}
			if (item.type == GW_EVENT_PATH_MTU) {
				gw_link_mtu_changed(dp, item.object, (uint32_t)item.value);
				continue;
			}
			if (item.type == GW_EVENT_BOOKS_BACK) {
				gw_books_back(dp, item.object);
				continue;
			}
			if (item.type == GW_EVENT_KEYS_SHORT) {
				gw_keys_short(dp, item.object, item.value);
				continue;
			}
			if (item.type == GW_EVENT_KEYS_BACK) {
				gw_generation_free(item.object);
				continue;
			}
			if (item.type == GW_EVENT_SOURCE_HALF_CLOSED) {
				struct gw_dp_source *s = item.object;

				gw_dp_command(dp, s->drainer, GW_CMD_DEL_SOURCE, s, 0);
				continue;
			}
			if (item.type == GW_DP_OPENED) /* by one of them, and now for all */
				gw_dp_wake(dp);
			ev->type = (enum gw_dp_event_type)item.type;
			ev->ctx = item.type == GW_DP_FENCED
					  ? ((struct gw_dp_sink *)item.object)->ctx
					  : ((struct gw_dp_source *)item.object)->ctx;
			ev->value = item.value;
			return 1;
		}
	}
	return 0;
}

void gw_dp_active(struct gw_dp *dp, bool active)
{
	if (__atomic_fetch_add(&dp->active, active ? 1u : -1u, __ATOMIC_ACQ_REL) == 0)
		gw_dp_wake(dp);
}
