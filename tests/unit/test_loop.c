/* SPDX-License-Identifier: BSD-3-Clause */
/* control/loop.c, loop_timer.c, loop_job.c */
#include "../../control/loop.h"

#include "../../control/slice.h"
#include "../../dataplane/base/clock.h"

#include "loop_run.h"
#include "run.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

static int setup(void)
{
	return gw_loop_create(&loop);
}

static int teardown(void)
{
	gw_loop_free(&loop);
	return loop == NULL ? 0 : -1;
}

/* ---- timers ---- */

#define N_TIMERS 100

struct tick {
	struct gw_timer *timer;
	unsigned int rank; /* expected place, by delay */
	bool cancelled;
};
static unsigned int order[N_TIMERS], n_fired;

static void tick(void *ctx)
{
	struct tick *t = ctx;

	CU_ASSERT_FALSE(t->cancelled);
	order[n_fired++] = t->rank;
}

static void test_timer_order(void)
{
	static struct tick ticks[N_TIMERS];
	unsigned int expected = 0;

	n_fired = 0;
	for (unsigned int i = 0; i < N_TIMERS; i++) {
		ticks[i].rank = i * 37 % N_TIMERS;
		ticks[i].timer = gw_timer_create(loop, tick, &ticks[i]);
		gw_timer_set(ticks[i].timer, GW_NS_PER_S, 0); /* replaced below */
	}
	for (unsigned int i = 0; i < N_TIMERS; i++)
		gw_timer_set(ticks[i].timer, (1 + ticks[i].rank) * GW_NS_PER_MS, 0);
	for (unsigned int i = 0; i < N_TIMERS; i++) {
		ticks[i].cancelled = ticks[i].rank % 3 == 0;
		if (ticks[i].cancelled)
			gw_timer_stop(ticks[i].timer);
		else
			expected++;
	}
	run(150);
	CU_ASSERT_EQUAL(n_fired, expected);
	for (unsigned int i = 1; i < n_fired; i++)
		CU_ASSERT(order[i - 1] < order[i]);
	for (unsigned int i = 0; i < N_TIMERS; i++)
		gw_timer_free(&ticks[i].timer);
}

static unsigned int n_periodic;
static struct gw_timer *periodic;

static void count_and_free_at_ten(void *ctx)
{
	(void)ctx;
	if (++n_periodic == 10)
		gw_timer_free(&periodic);
}

static void test_timer_period(void)
{
	uint64_t start_ns = gw_now_ns();

	n_periodic = 0;
	periodic = gw_timer_create(loop, count_and_free_at_ten, NULL);
	gw_timer_set(periodic, 0, 100 * GW_NS_PER_US);
	run(50);
	CU_ASSERT_EQUAL(n_periodic, 10);
	CU_ASSERT_PTR_NULL(periodic);
	CU_ASSERT(gw_now_ns() - start_ns >= 50 * GW_NS_PER_MS);
}

static unsigned int n_greedy;

static void greedy(void *ctx)
{
	struct gw_timer **t = ctx;

	n_greedy++;
	gw_timer_set(*t, 0, 0);
}

/* ---- descriptors ---- */

struct pair {
	struct gw_watch *own, *other;
	unsigned int calls;
};

static void free_both(void *ctx, uint32_t events)
{
	struct pair *p = ctx;

	CU_ASSERT(events & EPOLLIN);
	p->calls++;
	gw_watch_free(&p->own);
	gw_watch_free(&p->other);
}

static void test_watch_free_in_callback(void)
{
	int a = eventfd(1, 0), b = eventfd(1, 0);
	struct pair p = {0};

	/* Both are ready in one batch; whichever is called first frees both. */
	p.own = gw_watch_add(loop, a, EPOLLIN, free_both, &p);
	p.other = gw_watch_add(loop, b, EPOLLIN, free_both, &p);
	run(5);
	CU_ASSERT_EQUAL(p.calls, 1);
	CU_ASSERT_PTR_NULL(p.own);
	CU_ASSERT_PTR_NULL(p.other);
	close(a);
	close(b);
}

static void count_events(void *ctx, uint32_t events)
{
	*(unsigned int *)ctx += events != 0;
}

static void test_watch_set(void)
{
	unsigned int calls = 0;
	struct gw_watch *w;
	int p[2];

	CU_ASSERT_EQUAL_FATAL(pipe(p), 0);
	w = gw_watch_add(loop, p[0], 0, count_events, &calls);
	close(p[1]);
	run(5);
	CU_ASSERT_EQUAL(calls, 0); /* no events wanted: also no hang-up */
	gw_watch_set(w, EPOLLIN);
	run(5);
	CU_ASSERT(calls > 0);
	calls = 0;
	gw_watch_set(w, 0);
	run(5);
	CU_ASSERT_EQUAL(calls, 0);
	gw_watch_free(&w);
	close(p[0]);
	CU_ASSERT_PTR_NULL(gw_watch_add(loop, -1, EPOLLIN, count_events, &calls));
}

static void test_greedy_timer_starves_nobody(void)
{
	unsigned int calls = 0;
	int fd = eventfd(1, 0);
	struct gw_watch *w = gw_watch_add(loop, fd, EPOLLIN, count_events, &calls);
	struct gw_timer *t = gw_timer_create(loop, greedy, &t);

	n_greedy = 0;
	gw_timer_set(t, 0, 0);
	run(5);
	CU_ASSERT(n_greedy > 1);
	CU_ASSERT(calls > 1);
	gw_timer_free(&t);
	gw_watch_free(&w);
	close(fd);
}

static void got_signal(void *ctx, uint32_t signo)
{
	*(uint32_t *)ctx = signo;
	gw_loop_stop(loop);
}

static void test_signal(void)
{
	uint32_t signo = 0;
	struct gw_watch *w;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	w = gw_watch_signal(loop, SIGUSR1, got_signal, &signo);
	kill(getpid(), SIGUSR1);
	run(1000);
	CU_ASSERT_EQUAL(signo, SIGUSR1);
	gw_watch_free(&w);
}

/* ---- jobs ---- */

#define PATIENCE_MS 20000 /* they stop the loop when they are done */

struct work {
	struct gw_job *job;
	pthread_t ran_on;
	bool until_cancelled;
	int nice;
	cpu_set_t cpus;
	uint64_t slice_ns;
	unsigned int done;
};
static unsigned int jobs_left;

static void work(struct gw_job *job, void *arg)
{
	struct work *w = arg;

	w->ran_on = pthread_self();
	w->nice = getpriority(PRIO_PROCESS, 0);
	sched_getaffinity(0, sizeof(w->cpus), &w->cpus);
	w->slice_ns = gw_slice_get_ns();
	while (w->until_cancelled && !gw_job_cancelled(job))
		usleep(100);
}

static void work_done(void *arg)
{
	struct work *w = arg;

	CU_ASSERT_FALSE(pthread_equal(w->ran_on, pthread_self()));
	w->done++;
	w->job = NULL;
	if (--jobs_left == 0)
		gw_loop_stop(loop);
}

static void start(struct work *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		w[i].job = gw_job_start(loop, work, work_done, &w[i]);
	jobs_left = n;
}

static void test_jobs(void)
{
	struct work w[8] = {{0}};

	start(w, 8);
	run(PATIENCE_MS);
	for (unsigned int i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(w[i].done, 1);
}

static void test_job_cancel(void)
{
	struct work w = {.until_cancelled = true};

	start(&w, 1);
	run(5);
	CU_ASSERT_EQUAL_FATAL(w.done, 0);
	gw_job_cancel(w.job);
	run(PATIENCE_MS);
	CU_ASSERT_EQUAL(w.done, 1);
}

/* The control thread may have been raised since. */
static void test_job_priority(void)
{
	int before = getpriority(PRIO_PROCESS, 0);
	struct work w = {0};

	CU_ASSERT_EQUAL_FATAL(setpriority(PRIO_PROCESS, 0, before - 3), 0);
	start(&w, 1);
	run(PATIENCE_MS);
	CU_ASSERT_EQUAL(setpriority(PRIO_PROCESS, 0, before), 0);
	CU_ASSERT_EQUAL(w.done, 1);
	CU_ASSERT_EQUAL(w.nice, before);
}

/* Nor its CPU, which a poll-mode core's thread is bound to: wherever it began, it may run on any
 * that the process had. */
static void test_job_cpus(void)
{
	cpu_set_t before, one;
	struct work w = {0};
	int cpu = sched_getcpu();

	CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof(one), &one), 0);
	start(&w, 1);
	run(PATIENCE_MS);
	CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof(before), &before), 0);
	CU_ASSERT_EQUAL(w.done, 1);
	CU_ASSERT(CPU_EQUAL(&w.cpus, &before));
}

/* Nor its slice, where the kernel has such. */
static void test_job_slice(void)
{
	uint64_t before_ns = gw_slice_get_ns();
	struct work w = {0};

	gw_slice_set_ns(300000);
	CU_ASSERT(gw_slice_get_ns() == (before_ns != 0 ? 300000 : 0));
	start(&w, 1);
	run(PATIENCE_MS);
	gw_slice_set_ns(before_ns);
	CU_ASSERT_EQUAL(w.done, 1);
	CU_ASSERT_EQUAL(w.slice_ns, before_ns);
	CU_ASSERT_EQUAL(gw_slice_get_ns(), before_ns);
}

static void test_free_waits_for_jobs(void)
{
	struct gw_loop *own = NULL;
	struct work w = {0};

	CU_ASSERT_EQUAL_FATAL(gw_loop_create(&own), 0);
	w.job = gw_job_start(own, work, work_done, &w);
	gw_loop_free(&own);
	CU_ASSERT_EQUAL(w.done, 1);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"timers fire in order, stopped ones never", test_timer_order},
		{"periodic timer frees itself", test_timer_period},
		{"watches freed while their events wait", test_watch_free_in_callback},
		{"events of a watch change", test_watch_set},
		{"a timer due at once starves nobody", test_greedy_timer_starves_nobody},
		{"signal", test_signal},
		{"jobs", test_jobs},
		{"cancelled job", test_job_cancel},
		{"jobs do not have the control thread's priority", test_job_priority},
		{"jobs do not have the control thread's CPU", test_job_cpus},
		{"jobs do not have the control thread's slice", test_job_slice},
		{"free waits for jobs", test_free_waits_for_jobs},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"loop", setup, teardown, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
