/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include "internal.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define YIELD_NS 20000u
#define SLEEP_NS 200000u
#define SLEEP_US 30u
#define DEEP_NS 2000000u
#define DEEP_US 100u
#define TIMER_NS 50000u

const char *gw_drop_name(unsigned int drop)
{
	static const char *const names[] = {
#define X(name) #name,
		GW_DROPS(X)
#undef X
	};

	return drop < GW_DROP_WIRE ? names[drop]
				   : gw_wire_error_name((enum gw_wire_error)(drop - GW_DROP_WIRE));
}

/* Rings of the sessions that this worker drains, and epochs that it opens. Returns work done. */
static uint32_t drain(struct gw_worker *w)
{
	uint64_t entries;
	uint32_t work = 0;

	for (uint32_t i = 0; i < w->n_sources; i++) {
		struct gw_dp_source *s = w->source[w->source_slots[i]].source;

		if (s->drainer != w->index)
			continue;
		entries = s->core.dirty_entries;
		switch (gw_source_drain(&s->core)) {
		case GW_DRAIN_REACHED:
			gw_worker_event(w, GW_DP_DRAINED, s, 0);
			break;
		case GW_DRAIN_BROKEN:
			gw_worker_event(w, GW_DP_RING_BROKEN, s, s->core.bad_entry);
			break;
		case GW_DRAIN_IDLE:
			break;
		}
		if (gw_source_merge(&s->core))
			gw_worker_event(w, GW_DP_OPENED, s, s->core.merge_pages);
		work += s->core.dirty_entries != entries || s->core.merging;
	}
	return work;
}

static void sleep_us(uint32_t us)
{
	struct timespec ts = {us / 1000000, (long)(us % 1000000) * 1000};

	nanosleep(&ts, NULL);
}

/* Nothing to do: pause, then let others have the core, then sleep between looks. Yielding alone
 * would still take half of a core that a guest, or a thread that populates memory, shares with us.
 */
static void idle(struct gw_worker *w, uint64_t now_ns)
{
	uint64_t idle_ns;

	if (w->idle_since_ns == 0)
		w->idle_since_ns = now_ns;
	idle_ns = now_ns - w->idle_since_ns;
	if (__atomic_load_n(&w->dp->active, __ATOMIC_ACQUIRE) == 0)
		sleep_us(w->dp->conf.idle_sleep_us);
	else if (idle_ns < YIELD_NS)
		rte_pause();
	else if (idle_ns < SLEEP_NS)
		sched_yield();
	else
		sleep_us(idle_ns < DEEP_NS ? SLEEP_US : DEEP_US);
}

int gw_worker_main(void *arg)
{
	struct gw_worker *w = arg;

	__atomic_store_n(&w->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	prctl(PR_SET_TIMERSLACK, 1000); /* a sleep of 30 us shall not take 80 */
	while (!w->stop) {
		uint64_t now_ns = gw_dp_now_ns(w->dp, rte_rdtsc());
		uint32_t work = 0;

		gw_worker_commands(w);
		for (uint32_t i = 0; i < w->n_queues; i++)
			work += gw_worker_rx(w, &w->queue[i], now_ns);
		gw_worker_acks(w, now_ns);
		if (now_ns >= w->next_timer_ns) {
			gw_worker_timers(w, now_ns);
			w->next_timer_ns = now_ns + TIMER_NS;
		}
		work += drain(w);
		for (uint32_t i = 0; i < w->n_queues; i++)
			work += gw_worker_tx(w, &w->queue[i], now_ns);
		if (work == 0)
			idle(w, now_ns);
		else
			w->idle_since_ns = 0;
	}
	return 0;
}
