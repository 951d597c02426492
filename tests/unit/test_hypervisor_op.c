/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/hv_op.c: the callback discipline, with a kind that does what the test wants.
 */
#include "../../control/hypervisor/hv.h"
#include "../../dataplane/base/secret.h"
#include "../../dataplane/base/clock.h"

#include "loop_run.h"
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct gw_hv hv;
static bool inside;  /* a call of the interface is running */
static bool at_once; /* the kind finishes inside the call that starts it */
static unsigned int n_over;

struct outcome {
	unsigned int calls, place;
	int result;
	char text[GW_ERR_TEXT];
};
static unsigned int place;

static void kind_run(struct gw_hv *h)
{
	if (at_once)
		gw_hv_finish(h, 0, NULL);
}

static void kind_over(struct gw_hv *h)
{
	(void)h;
	n_over++;
}

static const struct gw_hv_ops kind = {
	.name = "test",
	.check = kind_run,
	.prepare = kind_run,
	.pause = kind_run,
	.resume = kind_run,
	.save = kind_run,
	.load_open = kind_run,
	.load = kind_run,
	.unsave = kind_run,
	.announce = kind_run,
	.quit = kind_run,
	.over = kind_over,
};

static void done(void *arg, int result, const struct gw_err *err)
{
	struct outcome *o = arg;

	CU_ASSERT_FALSE(inside);
	o->calls++;
	o->place = ++place;
	o->result = result;
	snprintf(o->text, sizeof(o->text), "%s", err->text);
}

static void done_state(
	void *arg, int result, uint8_t *state, uint64_t size, const struct gw_err *err)
{
	CU_ASSERT_EQUAL(size, result == 0 ? 3 : 0);
	gw_secret_free(state);
	done(arg, result, err);
}

static void begin(void)
{
	memset(&hv, 0, sizeof(hv));
	hv.loop = loop;
	hv.ops = &kind;
	hv.opened = true;
	CU_ASSERT_EQUAL_FATAL(gw_hv_ops_create(&hv), 0);
	at_once = false;
	n_over = 0;
	place = 0;
}

#define CALL(call)              \
	do {                    \
		inside = true;  \
		call;           \
		inside = false; \
	} while (0)

static void test_never_from_inside(void)
{
	struct outcome o = {0};

	begin();
	at_once = true;
	CALL(gw_hv_pause(&hv, done, &o));
	CU_ASSERT_EQUAL(o.calls, 0);
	run(5);
	CU_ASSERT_EQUAL(o.calls, 1);
	CU_ASSERT_EQUAL(o.result, 0);
	CU_ASSERT_EQUAL(n_over, 1);
	gw_hv_finish(&hv, -EIO, NULL); /* nothing runs: nobody is told */
	run(5);
	CU_ASSERT_EQUAL(o.calls, 1);
	gw_hv_ops_free(&hv);
}

static void test_gives_way(void)
{
	struct outcome save = {0}, resume = {0}, quit = {0};

	begin();
	CALL(gw_hv_save(&hv, done_state, &save));
	CALL(gw_hv_resume(&hv, done, &resume));
	CALL(gw_hv_quit(&hv, done, &quit)); /* no process is known: it fails */
	run(5);
	CU_ASSERT_EQUAL(save.result, -ECANCELED);
	CU_ASSERT_EQUAL(resume.result, -ECANCELED);
	CU_ASSERT_EQUAL(quit.result, -ENOTCONN);
	CU_ASSERT_STRING_EQUAL(save.text, "save gave way to resume");
	CU_ASSERT(save.place == 1 && resume.place == 2 && quit.place == 3);
	CU_ASSERT_EQUAL(n_over, 3);
	gw_hv_ops_free(&hv);
}

static void test_state_is_handed_over(void)
{
	struct outcome save = {0};

	begin();
	gw_hv_save(&hv, done_state, &save);
	hv.op->saved = gw_secret_alloc(3);
	hv.op->size = 3;
	gw_hv_finish(&hv, 0, NULL);
	run(5);
	CU_ASSERT_EQUAL(save.calls, 1);
	/* Not told yet when the object goes: freed with it. */
	gw_hv_save(&hv, done_state, &save);
	hv.op->saved = gw_secret_alloc(3);
	gw_hv_finish(&hv, 0, NULL);
	gw_hv_ops_free(&hv);
	run(5);
	CU_ASSERT_EQUAL(save.calls, 1);
}

static void test_not_connected(void)
{
	struct outcome o = {0};

	begin();
	hv.gone = true;
	CALL(gw_hv_resume(&hv, done, &o));
	run(5);
	CU_ASSERT_EQUAL(o.result, -ENOTCONN);
	hv.gone = false;
	hv.opened = false;
	CALL(gw_hv_resume(&hv, done, &o));
	run(5);
	CU_ASSERT_EQUAL(o.calls, 2);
	CU_ASSERT_EQUAL(o.result, -ENOTCONN);
	gw_hv_ops_free(&hv);
}

static int hold(pid_t pid, struct gw_process **out)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), rc;

	rc = gw_process_open(loop, pidfd, out);
	close(pidfd);
	return rc;
}

static void test_quit_waits_for_the_process(void)
{
	struct outcome o = {0};
	pid_t child = fork();

	if (child == 0) {
		usleep(30000);
		_exit(0);
	}
	begin();
	CU_ASSERT_EQUAL_FATAL(hold(child, &hv.process), 0);
	CALL(gw_hv_quit(&hv, done, &o));
	run(5);
	CU_ASSERT_EQUAL(o.calls, 0);
	run(100);
	CU_ASSERT_EQUAL(o.calls, 1);
	CU_ASSERT_EQUAL(o.result, 0);
	CU_ASSERT(hv.gone);
	/* It has ended already. */
	CALL(gw_hv_quit(&hv, done, &o));
	run(5);
	CU_ASSERT_EQUAL(o.calls, 2);
	CU_ASSERT_EQUAL(o.result, 0);
	gw_process_free(&hv.process);
	gw_hv_ops_free(&hv);
	waitpid(child, NULL, 0);
}

static unsigned int n_gone;

static void on_gone(void *ctx)
{
	(void)ctx;
	n_gone++;
}

static void test_kill(void)
{
	struct gw_process *p = NULL;
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(gw_process_open(loop, -1, &p), -EBADF);
	CU_ASSERT_PTR_NULL(p);
	CU_ASSERT_EQUAL_FATAL(hold(child, &p), 0);
	gw_process_await_end(p, 20 * GW_NS_PER_MS, on_gone, NULL);
	run(5);
	CU_ASSERT_EQUAL(n_gone, 0);
	run(100);
	CU_ASSERT_EQUAL(n_gone, 1);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(WIFSIGNALED(status));
	gw_process_free(&p);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"callbacks come from the loop", test_never_from_inside},
		{"a new operation supersedes", test_gives_way},
		{"device state is handed over or freed", test_state_is_handed_over},
		{"not connected", test_not_connected},
		{"quit waits for the process", test_quit_waits_for_the_process},
		{"a process that does not end is killed", test_kill},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor op", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed;

	if (gw_loop_create(&loop) != 0)
		return 2;
	failed = run_suites(suites);
	gw_loop_free(&loop);
	return failed;
}
