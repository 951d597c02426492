/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's lcore: the clock, the rounds, and what it does when there is nothing to do. */
#include "worker.h"

#include "internal.h"
#include "port/grace.h"

#include <linux/futex.h>
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
/* As long as a hypervisor takes to save its state, on a CPU that may be ours. */
#define QUIET_NS 4000000u
#define QUIET_US 250u
/* No round has work for this long: two bursts of 32 packets take some 20 us a queue, and a few
 * hundred where the driver is a system call. Whoever takes the CPU away keeps it longer. */
#define AWAY_NS 1000000u
#define AWAY_QUEUE_NS 100000u

/* Until so long has passed, or control has something for us: a command, or a session where there
 * was none. */
static void nap(struct gw_worker *w, uint32_t us, bool active)
{
	const struct timespec ts = {us / 1000000, (long)(us % 1000000) * 1000};

	__atomic_store_n(&w->napping, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the other one is wake()'s */
	/* What came before that wakes nobody. */
	if (gw_spsc_empty(&w->commands) &&
		(__atomic_load_n(&w->dp->active, __ATOMIC_RELAXED) != 0) == active) {
		gw_grace_sleeps(w->grace);
		syscall(SYS_futex, &w->napping, FUTEX_WAIT_PRIVATE, 1, &ts, NULL, 0);
		gw_grace_wakes(w->grace);
	}
	__atomic_store_n(&w->napping, 0, __ATOMIC_RELAXED);
}

/* Nothing to do: pause, then let others have the core, then sleep between looks. Yielding alone
 * would still take half of a core that a guest, or a thread that populates memory, shares with us.
 */
static void idle(struct gw_worker *w, uint64_t now_ns)
{
	bool active = __atomic_load_n(&w->dp->active, __ATOMIC_ACQUIRE) != 0;
	uint64_t idle_ns;

	if (w->idle_since_ns == 0)
		w->idle_since_ns = now_ns;
	idle_ns = now_ns - w->idle_since_ns;
	if (!active)
		nap(w, w->dp->conf.idle_sleep_us, active); /* to look what came in */
	else if (idle_ns < YIELD_NS)
		rte_pause();
	else if (idle_ns < SLEEP_NS)
		sched_yield();
	else
		nap(w,
			idle_ns < DEEP_NS    ? SLEEP_US
			: idle_ns < QUIET_NS ? DEEP_US
					     : QUIET_US,
			active);
}

/* The round that ends with this one's beginning. */
static void meter(struct gw_worker_meter *m, uint64_t tsc, uint64_t away_cycles)
{
	uint64_t cycles = tsc - m->pass_tsc;

	gw_count(&m->passes, 1);
	if (m->pass_work != 0) {
		gw_count(&m->busy_passes, 1);
		gw_count(cycles <= away_cycles ? &m->busy_cycles : &m->away_cycles, cycles);
	}
	m->pass_tsc = tsc;
}

int gw_worker_main(void *arg)
{
	struct gw_worker *w = arg;
	const uint64_t away_ns =
		AWAY_QUEUE_NS * w->n_queues > AWAY_NS ? AWAY_QUEUE_NS * w->n_queues : AWAY_NS;
	const uint64_t away_cycles = (uint64_t)((double)away_ns / w->dp->ns_per_tick);

	w->meter.pass_tsc = rte_rdtsc();
	__atomic_store_n(&w->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	prctl(PR_SET_TIMERSLACK, 1000); /* a sleep of 30 us shall not take 80 */
	w->grace = gw_grace();
	gw_grace_join(w->grace);
	while (!w->stop) {
		uint64_t tsc = rte_rdtsc();
		uint64_t now_ns = gw_dp_now_ns(w->dp, tsc);

		gw_grace_turn(w->grace);
		meter(&w->meter, tsc, away_cycles);
		if (w->bound != NULL)
			w->meter.pass_work = gw_worker_bound(w, now_ns);
		else
			w->meter.pass_work = gw_worker_step(w, now_ns);
		if (w->meter.pass_work != 0)
			w->idle_since_ns = 0;
		else if (!w->stop)
			idle(w, now_ns);
	}
	gw_grace_leave(w->grace);
	return 0;
}
