/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/hv_op.c: the callback discipline, with a kind that does what the test wants;
 * process.c: whose end is waited for. */
#include "../../control/hypervisor/hv.h"
#include "../../control/hypervisor/process.c"
#include "../../dataplane/base/secret.h"
#include "../../dataplane/base/clock.h"

#include "loop_run.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
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

/* A process that listens, and then ends after so long (0: never). *sock: connected to it. */
static pid_t listener(unsigned int life_us, int *sock)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), ready[2];
	pid_t child;
	char byte;

	if (bind(fd, (struct sockaddr *)&addr, sizeof(sa_family_t)) != 0 || pipe(ready) != 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		abort();
	child = fork();
	if (child == 0) {
		if (listen(fd, 1) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		if (life_us == 0)
			pause();
		usleep(life_us);
		_exit(0);
	}
	*sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (read(ready[0], &byte, 1) != 1 || connect(*sock, (struct sockaddr *)&addr, len) != 0)
		abort();
	close(ready[0]);
	close(ready[1]);
	close(fd);
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void test_quit_waits_for_the_process(void)
{
	struct outcome o = {0};
	int sock;
	pid_t child = listener(30000, &sock);

	begin();
	CU_ASSERT_EQUAL_FATAL(gw_process_open(loop, sock, child, getuid(), &hv.process), 0);
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
	close(sock);
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
	int status = 0, sock;
	pid_t child = listener(0, &sock);

	CU_ASSERT_EQUAL(gw_process_open(loop, sock, 0, getuid(), &p), -EINVAL);
	CU_ASSERT_EQUAL(gw_process_open(loop, sock, 1, getuid(), &p), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(gw_process_open(loop, sock, child, getuid(), &p), 0);
	gw_process_await_end(p, 20 * GW_NS_PER_MS, on_gone, NULL);
	run(5);
	CU_ASSERT_EQUAL(n_gone, 0);
	run(100);
	CU_ASSERT_EQUAL(n_gone, 1);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(WIFSIGNALED(status));
	gw_process_free(&p);
	close(sock);
}

/* Who listened has ended, others serve on, and another process has its number. */
static void test_number_of_another(void)
{
	struct gw_process *p = NULL;
	int sock, theirs, fd;
	pid_t first = listener(0, &sock), other = listener(0, &theirs);

	end(first);
	CU_ASSERT_EQUAL(gw_process_open(loop, sock, other, getuid(), &p), -ESRCH);
	CU_ASSERT_PTR_NULL(p);
	/* As kernels without SO_PEERPIDFD are served: only the user's own. */
	fd = hold_by_number(other, getuid());
	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(hold_by_number(other, getuid() + 4711), -ESRCH);
	CU_ASSERT_EQUAL(hold_by_number(first, getuid()), -ESRCH);
	end(other);
	close(sock);
	close(theirs);
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
		{"a process that got the number is not", test_number_of_another},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor op", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned int failed;

	if (gw_loop_create(&loop) != 0)
		return 2;
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	gw_loop_free(&loop);
	return failed != 0;
}
