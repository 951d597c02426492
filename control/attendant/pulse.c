/* SPDX-License-Identifier: BSD-3-Clause */
#include "pulse.h"

#include "../../dataplane/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

/* As short as a CPU quota's (quota.c), and no run shorter than a millisecond. */
#define PERIOD_NS (10 * GW_NS_PER_MS)
#define RUN_MIN_NS GW_NS_PER_MS
/* A thread must have stopped before it can be let go for good. */
#define LEAVE_TRIES 200u
#define LEAVE_WAIT_NS 100000

struct thread {
	pid_t tid; /* 0: gone, or let go for good */
	bool standing;
};

struct gw_pulse {
	struct gw_pulses *all;
	struct gw_pulse *next;
	struct gw_pulse_turns turns;
	struct gw_timer *turn;
	bool still, leaving;
	uint32_t n;
	struct thread thread[];
};

struct gw_pulses {
	struct gw_loop *loop;
	struct gw_watch *stops;
	struct gw_pulse *first;
};

struct gw_pulse_turns gw_pulse_turns_of(uint32_t percent)
{
	struct gw_pulse_turns t = {.run_ns = PERIOD_NS * percent / 100};

	if (t.run_ns < RUN_MIN_NS)
		t.run_ns = RUN_MIN_NS;
	t.still_ns = t.run_ns * (100 - percent) / percent;
	return t;
}

/* A request to a thread that has been killed meanwhile fails: its end is told by waitpid(). */
static void ask(int request, pid_t tid, int signo)
{
	ptrace((enum __ptrace_request)request, tid, NULL, (void *)(intptr_t)signo);
}

static void go(const struct gw_pulse *p, struct thread *t, int signo)
{
	ask(p->leaving ? PTRACE_DETACH : PTRACE_CONT, t->tid, signo);
	t->standing = false;
	if (p->leaving)
		t->tid = 0;
}

/* What waitpid() told of it. QEMU kicks its vCPUs by signals: those go on to their handlers. Where
 * another has stopped all of the process, it stays so. */
static void changed(const struct gw_pulse *p, struct thread *t, int status)
{
	int signo = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

	if (!WIFSTOPPED(status))
		t->tid = 0;
	else if (status >> 16 != PTRACE_EVENT_STOP)
		go(p, t, signo);
	else if (signo != SIGTRAP && !p->leaving)
		ask(PTRACE_LISTEN, t->tid, 0);
	else if (p->still)
		t->standing = true;
	else
		go(p, t, 0); /* too late for its turn */
}

static bool look(const struct gw_pulse *p, struct thread *t)
{
	int status;
	pid_t got = t->tid == 0 ? 0 : waitpid(t->tid, &status, __WALL | WNOHANG);

	if (got < 0)
		t->tid = 0;
	else if (got > 0)
		changed(p, t, status);
	return got > 0;
}

static void look_at_all(struct gw_pulse *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		while (look(p, &p->thread[i]))
			;
}

static void stand_still(struct gw_pulse *p)
{
	p->still = true;
	for (uint32_t i = 0; i < p->n; i++)
		if (p->thread[i].tid != 0 && !p->thread[i].standing)
			ask(PTRACE_INTERRUPT, p->thread[i].tid, 0);
}

static void run(struct gw_pulse *p)
{
	p->still = false;
	for (uint32_t i = 0; i < p->n; i++)
		if (p->thread[i].standing)
			go(p, &p->thread[i], 0);
}

static void on_turn(void *ctx)
{
	struct gw_pulse *p = ctx;

	if (p->still)
		run(p);
	else
		stand_still(p);
	gw_timer_set(p->turn, p->still ? p->turns.still_ns : p->turns.run_ns, 0);
}

static bool all_left(const struct gw_pulse *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->thread[i].tid != 0)
			return false;
	return true;
}

static void forget(struct gw_pulse *p)
{
	struct gw_pulse **at = &p->all->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

static void on_stops(void *ctx, uint32_t signo)
{
	struct gw_pulses *all = ctx;
	struct gw_pulse *next;

	(void)signo;
	for (struct gw_pulse *p = all->first; p != NULL; p = next) {
		next = p->next;
		look_at_all(p);
		if (p->leaving && all_left(p))
			forget(p);
	}
}

static void leave(struct gw_pulse *p)
{
	const struct timespec wait = {0, LEAVE_WAIT_NS};

	p->leaving = true;
	stand_still(p);
	run(p);
	for (uint32_t i = 0; i < LEAVE_TRIES && !all_left(p); i++) {
		look_at_all(p);
		if (!all_left(p))
			nanosleep(&wait, NULL);
	}
}

/* A thread that could not stop yet, and so was not let go of yet either: it is still ours. */
static bool keep(struct gw_pulses *all, pid_t tid)
{
	for (struct gw_pulse *p = all->first; p != NULL; p = p->next)
		for (uint32_t i = 0; p->leaving && i < p->n; i++)
			if (p->thread[i].tid == tid) {
				p->thread[i].tid = 0;
				if (all_left(p))
					forget(p);
				return true;
			}
	return false;
}

static int seize(struct gw_pulse *p, pid_t tid, struct gw_err *err)
{
	if (!keep(p->all, tid) && ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
		return gw_err(err, -errno, "thread %d cannot be stopped by turns: %s", (int)tid,
			strerror(errno));
	p->thread[p->n++].tid = tid;
	return 0;
}

int gw_pulse_create(struct gw_pulses *pulses, const pid_t *tids, uint32_t n, uint32_t percent,
	struct gw_pulse **out, struct gw_err *err)
{
	struct gw_pulse *p = calloc(1, sizeof(*p) + n * sizeof(p->thread[0]));
	int rc = 0;

	if (p == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	p->all = pulses;
	p->next = pulses->first;
	pulses->first = p;
	p->turns = gw_pulse_turns_of(percent);
	p->turn = gw_timer_create(pulses->loop, on_turn, p);
	if (p->turn == NULL)
		rc = gw_err(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = seize(p, tids[i], err);
	if (rc != 0) {
		gw_pulse_free(&p);
		return rc;
	}
	on_turn(p);
	*out = p;
	return 0;
}

void gw_pulse_change(struct gw_pulse *p, uint32_t percent)
{
	p->turns = gw_pulse_turns_of(percent);
}

uint32_t gw_pulse_threads(const struct gw_pulse *p)
{
	return p->n;
}

bool gw_pulse_has(const struct gw_pulse *p, const pid_t *tids, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < p->n; i++)
		if (p->thread[i].tid != tids[i])
			return false;
	return n == p->n;
}

void gw_pulse_free(struct gw_pulse **pulse)
{
	struct gw_pulse *p = *pulse;

	*pulse = NULL;
	if (p == NULL)
		return;
	if (p->turn != NULL)
		gw_timer_free(&p->turn);
	leave(p);
	if (all_left(p))
		forget(p);
}

struct gw_pulses *gw_pulses_create(struct gw_loop *loop)
{
	struct gw_pulses *all = calloc(1, sizeof(*all));
	sigset_t set;

	if (all == NULL)
		return NULL;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	all->loop = loop;
	all->stops = gw_watch_signal(loop, SIGCHLD, on_stops, all);
	if (all->stops == NULL)
		gw_pulses_free(&all);
	return all;
}

void gw_pulses_free(struct gw_pulses **pulses)
{
	struct gw_pulses *all = *pulses;

	*pulses = NULL;
	if (all == NULL)
		return;
	for (struct gw_pulse *p = all->first, *next; p != NULL; p = next) {
		next = p->next;
		gw_pulse_free(&p);
	}
	while (all->first != NULL)
		forget(all->first);
	if (all->stops != NULL)
		gw_watch_free(&all->stops);
	free(all);
}
