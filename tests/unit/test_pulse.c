/* SPDX-License-Identifier: BSD-3-Clause */
/* control/attendant/pulse.c: a real thread of another process, and the signals that it gets. */
#include "../../control/attendant/pulse.c"
#include "run.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATIENCE_S 60u
#define LOOK_NS GW_NS_PER_MS

/* Of the victim; shared with it. */
static volatile uint32_t *signals, *turns;
static pid_t victim;

static struct gw_loop *loop;
static struct gw_pulses *pulses;
static struct gw_err err;

static void on_signal(int signo)
{
	(void)signo;
	++*signals;
}

static void begin(void)
{
	*signals = *turns = 0;
	victim = fork();
	if (victim == 0) {
		signal(SIGUSR1, on_signal);
		for (;;)
			++*turns;
	}
	while (*turns == 0)
		usleep(1000);
	CU_ASSERT_EQUAL_FATAL(gw_loop_create(&loop), 0);
	pulses = gw_pulses_create(loop);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pulses);
}

static void end(void)
{
	gw_pulses_free(&pulses);
	gw_loop_free(&loop);
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
}

/* A line of /proc/PID/status: "State:\tt (tracing stop)". */
static bool status_is(const char *key, const char *value)
{
	char path[64], line[256];
	bool is = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)victim);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			is = strncmp(line + strlen(key) + 2, value, strlen(value)) == 0;
	if (f != NULL)
		fclose(f);
	return is;
}

static bool stands(void)
{
	return status_is("State", "t");
}

static bool is_free(void)
{
	return status_is("TracerPid", "0\n");
}

static bool is_stopped(void)
{
	return status_is("State", "T") || stands();
}

static bool handled(void)
{
	return *signals > 0;
}

static uint32_t seen_turns;

static bool advances(void)
{
	return *turns != seen_turns;
}

static bool (*wanted)(void);

static void check(void *ctx)
{
	(void)ctx;
	if (wanted())
		gw_loop_stop(loop);
}

/* The loop turns until it is so; the alarm is for when it never is. */
static void turn_until(bool (*what)(void))
{
	struct gw_timer *look = gw_timer_create(loop, check, NULL);

	wanted = what;
	alarm(PATIENCE_S);
	gw_timer_set(look, LOOK_NS, LOOK_NS);
	gw_loop_run(loop);
	gw_timer_free(&look);
	alarm(0);
}

static void wait_until(bool (*what)(void))
{
	alarm(PATIENCE_S);
	while (!what())
		usleep(1000);
	alarm(0);
}

static struct gw_pulse *pulse_of(pid_t tid, uint32_t percent, int want)
{
	struct gw_pulse *p = NULL;

	CU_ASSERT_EQUAL(gw_pulse_create(pulses, &tid, 1, percent, &p, &err), want);
	return p;
}

static void test_turns_of(void)
{
	struct gw_pulse_turns t = gw_pulse_turns_of(50);

	CU_ASSERT_EQUAL(t.run_ns, 5 * GW_NS_PER_MS);
	CU_ASSERT_EQUAL(t.still_ns, 5 * GW_NS_PER_MS);
	t = gw_pulse_turns_of(1); /* no run below a millisecond */
	CU_ASSERT_EQUAL(t.run_ns, GW_NS_PER_MS);
	CU_ASSERT_EQUAL(t.still_ns, 99 * GW_NS_PER_MS);
	for (uint32_t percent = 1; percent < 100; percent++) {
		t = gw_pulse_turns_of(percent);
		CU_ASSERT(t.run_ns >= GW_NS_PER_MS);
		CU_ASSERT(t.run_ns * 100 / (t.run_ns + t.still_ns) + 1 >= percent);
		CU_ASSERT(t.run_ns * 100 / (t.run_ns + t.still_ns) <= percent);
	}
}

static void test_by_turns(void)
{
	struct gw_pulse *p;

	begin();
	p = pulse_of(victim, 1, 0);
	for (int i = 0; i < 3; i++) {
		turn_until(stands);
		seen_turns = *turns;
		turn_until(advances);
	}
	gw_pulse_change(p, 99);
	turn_until(advances);
	turn_until(stands);
	gw_pulse_free(&p);
	CU_ASSERT(is_free());
	CU_ASSERT_FALSE(stands());
	seen_turns = *turns;
	wait_until(advances);
	end();
}

static void test_signals(void)
{
	struct gw_pulse *p;

	begin();
	p = pulse_of(victim, 1, 0);
	turn_until(stands);
	kill(victim, SIGUSR1);
	turn_until(handled);
	gw_pulse_free(&p);
	CU_ASSERT(is_free());
	end();
}

/* Somebody stops the process meanwhile: that is not undone. */
static void test_stopped_by_another(void)
{
	struct gw_pulse *p;

	begin();
	p = pulse_of(victim, 50, 0);
	turn_until(stands);
	kill(victim, SIGSTOP);
	turn_until(is_stopped);
	for (int i = 0; i < 5; i++)
		turn_until(is_stopped);
	gw_pulse_free(&p);
	CU_ASSERT(is_free());
	wait_until(is_stopped);
	kill(victim, SIGCONT);
	seen_turns = *turns;
	wait_until(advances);
	end();
}

static void test_taken(void)
{
	struct gw_pulse *p;

	begin();
	p = pulse_of(victim, 50, 0);
	CU_ASSERT_PTR_NULL(pulse_of(victim, 50, -EPERM));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cannot be stopped by turns"));
	CU_ASSERT_FALSE(is_free());
	CU_ASSERT(gw_pulse_has(p, &victim, 1));
	CU_ASSERT_FALSE(gw_pulse_has(p, (pid_t[]){victim, victim}, 2));
	CU_ASSERT_FALSE(gw_pulse_has(p, (pid_t[]){1}, 1));
	gw_pulses_free(&pulses); /* with one that is on */
	CU_ASSERT(is_free());
	end();
}

static void test_killed_while_it_stands(void)
{
	struct gw_pulse *p;

	begin();
	p = pulse_of(victim, 1, 0);
	turn_until(stands);
	kill(victim, SIGKILL);
	gw_pulse_free(&p);
	CU_ASSERT_PTR_NULL(p);
	end();
}

/* Whoever held it still is killed: the kernel lets it go. */
static void test_tracer_killed(void)
{
	pid_t tracer;

	begin();
	tracer = fork();
	if (tracer == 0) {
		struct gw_pulse *p = NULL;
		struct gw_loop *own;

		if (gw_loop_create(&own) == 0 &&
			gw_pulse_create(gw_pulses_create(own), &victim, 1, 1, &p, &err) == 0)
			gw_loop_run(own);
		_exit(1);
	}
	wait_until(stands);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	CU_ASSERT(is_free());
	CU_ASSERT_FALSE(stands());
	seen_turns = *turns;
	wait_until(advances);
	end();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"how long a turn is", test_turns_of},
		{"running and standing by turns", test_by_turns},
		{"signals get through", test_signals},
		{"stopped by another", test_stopped_by_another},
		{"somebody has it already", test_taken},
		{"killed while it stands", test_killed_while_it_stands},
		{"its tracer is killed", test_tracer_killed},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"pulse", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return 2;
	signals = shared;
	turns = signals + 1;
	return run_suites(suites);
}
