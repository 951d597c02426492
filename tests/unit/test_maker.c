/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export/maker.c: a listener that outlives its maker, whose number then is a victim's. */
#include "../../dataplane/export/client.c"

#include "../../dataplane/export/answer.c"
#include "../../dataplane/export/dial.c"
#include "../../dataplane/export/hello.c"
#include "../../dataplane/export/maker.c"
#include "../../dataplane/export/msg.c"
#include "../../dataplane/export/trust.c"
#include "run.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#define OTHER_UID 4242u

static struct {
	char path[64];
	int listener;
	pid_t maker;
	struct gw_exporter *x;
	struct gw_err err;
} t;

/* A socket that a child began to listen on, and that this process has too. */
static void begin(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ready[2];
	char c;

	memset(&t, 0, sizeof(t));
	snprintf(t.path, sizeof(t.path), "/tmp/godwit-test-%d.maker", getpid());
	strcpy(addr.sun_path, t.path);
	unlink(t.path);
	t.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(t.listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	t.maker = fork();
	if (t.maker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (listen(t.listener, 1) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CU_ASSERT_FATAL(t.maker > 0);
	close(ready[1]);
	CU_ASSERT_EQUAL_FATAL(read(ready[0], &c, 1), 1);
	close(ready[0]);
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void end(void)
{
	close(t.listener);
	unlink(t.path);
}

static int exporter_connect(void)
{
	static const struct gw_trust nobody_else;

	return gw_exporter_connect(t.path, "vm", 0, &nobody_else, &t.x, &t.err);
}

/* Somebody else with this number; -1: not possible here. */
static pid_t victim_of(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
	pid_t victim = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (victim == 0) {
		for (;;)
			pause();
	}
	return victim;
}

static void test_maker_is_held(void)
{
	begin();
	CU_ASSERT_EQUAL_FATAL(exporter_connect(), 0);
	CU_ASSERT_EQUAL(gw_exporter_info(t.x)->pid, t.maker);
	CU_ASSERT_FALSE(gw_pidfd_ended(gw_exporter_info(t.x)->pidfd));
	end_process(t.maker);
	CU_ASSERT(gw_pidfd_ended(gw_exporter_info(t.x)->pidfd));
	gw_exporter_free(&t.x);
	end();
}

static void refused_as_ended(void)
{
	char words[64];

	snprintf(words, sizeof(words), "process %d, which made it, has ended", (int)t.maker);
	CU_ASSERT_EQUAL(exporter_connect(), -ESRCH);
	CU_ASSERT_PTR_NULL(t.x);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.err.text, words));
}

static void test_maker_has_ended(void)
{
	begin();
	kill(t.maker, SIGKILL);
	waitid(P_PID, (id_t)t.maker, NULL, WEXITED | WNOWAIT);
	refused_as_ended(); /* its parent has not looked after it yet */
	waitpid(t.maker, NULL, 0);
	refused_as_ended();
	end();
}

static void test_number_is_anothers(void)
{
	pid_t victim;

	begin();
	end_process(t.maker);
	victim = victim_of(t.maker);
	if (victim == t.maker)
		refused_as_ended();
	else
		printf("left out: %s ", strerror(errno));
	if (victim > 0)
		end_process(victim);
	end();
}

/* Without SO_PEERPIDFD. */
static void test_by_number(void)
{
	struct ucred own = {.pid = getpid(), .uid = geteuid()};
	struct ucred others = {.pid = own.pid, .uid = OTHER_UID}, ended = own;
	int pidfd = by_number(&own);

	CU_ASSERT_FATAL(pidfd >= 0);
	CU_ASSERT_FALSE(gw_pidfd_ended(pidfd));
	close(pidfd);
	CU_ASSERT_EQUAL(by_number(&others), -ESRCH);
	ended.pid = fork();
	if (ended.pid == 0)
		_exit(0);
	waitpid(ended.pid, NULL, 0);
	CU_ASSERT_EQUAL(by_number(&ended), -ESRCH);
}

static void test_no_hypervisor(void)
{
	struct ucred init = {.pid = 1}, foreign = {.pid = 0};

	CU_ASSERT_EQUAL(gw_maker_hold(-1, &init, "x.export", &t.err), -EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.err.text, "x.export: made by process 1; allowed: a hyp"));
	CU_ASSERT_EQUAL(gw_maker_hold(-1, &foreign, "x.export", &t.err), -EPERM);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"it is held", test_maker_is_held},
		{"it has ended", test_maker_has_ended},
		{"its number is another's", test_number_is_anothers},
		{"by its number", test_by_number},
		{"init, and out of sight", test_no_hypervisor},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"maker", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
