/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/qmp.c, qmp_queue.c, qmp_collect.c: against a QEMU that is not
 * one. */
#include "../../control/hypervisor/qmp_collect.h"
#include "../../dataplane/base/clock.h"

#include "loop_run.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING                                                                              \
	"{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":2,\"micro\":22},\"package\":" \
	"\"\"},\"capabilities\":[]}}\r\n"
#define YES "{\"return\":{},\"id\":1}\r\n"

static struct {
	char dir[32], path[64];
	int listener, fd;
	struct gw_qmp *qmp;
	unsigned int ready, events, answers;
	int broken, result;
	bool free_in_callback;
} t;

static void free_if_wanted(void)
{
	if (t.free_in_callback)
		gw_qmp_free(&t.qmp);
}

static void on_ready(void *ctx)
{
	(void)ctx;
	t.ready++;
}

static void on_event(void *ctx, const char *name, const json_t *data, uint64_t at_ns)
{
	(void)ctx;
	CU_ASSERT_STRING_EQUAL(name, "STOP");
	CU_ASSERT_PTR_NULL(data);
	CU_ASSERT(at_ns <= gw_now_ns());
	t.events++;
	free_if_wanted();
}

static void on_broken(void *ctx, int result, const struct gw_err *err)
{
	(void)ctx;
	CU_ASSERT(strlen(err->text) > 0);
	t.broken = result;
	free_if_wanted();
}

static void on_answer(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	(void)arg;
	(void)ret;
	(void)err;
	t.answers++;
	t.result = result;
	free_if_wanted();
}

static const struct gw_trust trust; /* nobody else */

/* Another's monitor under a name of one's own. */
static void refuses_link(void)
{
	struct gw_qmp_callbacks cb = {.ready = on_ready, .event = on_event, .broken = on_broken};
	struct gw_err err;
	char name[80];

	snprintf(name, sizeof(name), "%s.link", t.path);
	CU_ASSERT_EQUAL_FATAL(symlink(t.path, name), 0);
	CU_ASSERT_EQUAL_FATAL(gw_qmp_connect(loop, name, &trust, &cb, &t.qmp, &err), -ENOTSOCK);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "qmp.link is a symbolic link; allowed: a socket"));
	unlink(name);
}

/* Connects; greeting is what the peer says first. */
static void peer_start(const char *greeting, bool free_in_callback)
{
	struct gw_qmp_callbacks cb = {.ready = on_ready, .event = on_event, .broken = on_broken};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct gw_err err;

	memset(&t, 0, sizeof(t));
	t.free_in_callback = free_in_callback;
	strcpy(t.dir, "/tmp/test-qmp-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(t.dir));
	snprintf(t.path, sizeof(t.path), "%s/qmp", t.dir);
	CU_ASSERT_EQUAL(gw_qmp_connect(loop, t.path, &trust, &cb, &t.qmp, &err), -ENOENT);
	t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(addr.sun_path, t.path);
	CU_ASSERT_EQUAL_FATAL(bind(t.listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(t.listener, 1), 0);
	refuses_link();
	CU_ASSERT_EQUAL_FATAL(gw_qmp_connect(loop, t.path, &trust, &cb, &t.qmp, &err), 0);
	t.fd = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CU_ASSERT_FATAL(t.fd >= 0);
	CU_ASSERT_EQUAL(write(t.fd, greeting, strlen(greeting)), (ssize_t)strlen(greeting));
	run(20);
}

static void peer_end(void)
{
	gw_qmp_free(&t.qmp);
	close(t.fd);
	close(t.listener);
	unlink(t.path);
	rmdir(t.dir);
}

static void say(const char *text)
{
	if (text[0] != '\0')
		CU_ASSERT_EQUAL(write(t.fd, text, strlen(text)), (ssize_t)strlen(text));
	run(20);
}

static void test_command(void)
{
	char heard[256] = "";

	peer_start(GREETING, false);
	CU_ASSERT_EQUAL(t.ready, 0);
	CU_ASSERT(read(t.fd, heard, sizeof(heard) - 1) > 0);
	CU_ASSERT_STRING_EQUAL(heard, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
	say(YES);
	CU_ASSERT_EQUAL(t.ready, 1);
	CU_ASSERT_EQUAL(gw_qmp_major(t.qmp), 7);
	CU_ASSERT_STRING_EQUAL(gw_qmp_version(t.qmp), "7.2.22");

	gw_qmp_command(t.qmp, "stop", NULL, -1, GW_NS_PER_S, on_answer, NULL);
	gw_qmp_command(t.qmp, "cont", NULL, -1, GW_NS_PER_S, on_answer, NULL);
	gw_qmp_command(t.qmp, "quit", NULL, -1, GW_NS_PER_S, on_answer, NULL);
	say("{\"event\":\"STOP\"}\n{\"return\":{},\"id\":99}\n{\"return\":{},\"id\":2}\n");
	CU_ASSERT_EQUAL(t.events, 1);
	CU_ASSERT_EQUAL(t.answers, 1);
	CU_ASSERT_EQUAL(t.result, 0);
	say("{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no\"},\"id\":3}\n");
	CU_ASSERT_EQUAL(t.result, -EOPNOTSUPP);
	say("{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"},\"id\":4}\n");
	CU_ASSERT_EQUAL(t.result, -EREMOTEIO);
	CU_ASSERT_EQUAL(t.answers, 3);
	/* The same answers again are answers to nobody. */
	say("{\"return\":{},\"id\":2}\n{\"return\":{},\"id\":3}\n");
	CU_ASSERT_EQUAL(t.answers, 3);
	CU_ASSERT_EQUAL(t.broken, 0);
	peer_end();
}

static void test_time_limit_and_forget(void)
{
	peer_start(GREETING, false);
	say(YES);
	gw_qmp_command(t.qmp, "stop", NULL, -1, GW_NS_PER_MS, on_answer, NULL);
	run(20);
	CU_ASSERT_EQUAL(t.answers, 1);
	CU_ASSERT_EQUAL(t.result, -ETIMEDOUT);
	say("{\"return\":{},\"id\":2}\n");
	CU_ASSERT_EQUAL(t.answers, 1);
	gw_qmp_command(t.qmp, "cont", NULL, -1, GW_NS_PER_S, on_answer, NULL);
	gw_qmp_forget(t.qmp);
	say("{\"return\":{},\"id\":3}\n");
	CU_ASSERT_EQUAL(t.answers, 1);
	CU_ASSERT_EQUAL(t.broken, 0);
	peer_end();
}

static void test_fd_travels(void)
{
	char text[256], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int pipe_fds[2], got;

	peer_start(GREETING, false);
	say(YES);
	CU_ASSERT(read(t.fd, text, sizeof(text)) > 0);
	CU_ASSERT_EQUAL_FATAL(pipe(pipe_fds), 0);
	gw_qmp_command(t.qmp, "getfd", json_pack("{s:s}", "fdname", "x"), pipe_fds[1], GW_NS_PER_S,
		on_answer, NULL);
	close(pipe_fds[1]);
	CU_ASSERT(recvmsg(t.fd, &msg, 0) > 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(CMSG_FIRSTHDR(&msg));
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
	CU_ASSERT_EQUAL(write(got, "w", 1), 1);
	CU_ASSERT_EQUAL(read(pipe_fds[0], text, 1), 1);
	close(got);
	CU_ASSERT_EQUAL(read(pipe_fds[0], text, 1), 0); /* no copy is left in the client */
	close(pipe_fds[0]);
	peer_end();
}

/* A peer that says text after the greeting breaks its own connection, and only that. */
static void breaks(const char *greeting, const char *text, int code)
{
	for (int i = 0; i < 2; i++) {
		peer_start(greeting, i == 1);
		if (text != NULL)
			say(text);
		else
			close(dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), t.fd));
		run(20);
		CU_ASSERT_EQUAL(t.broken, code);
		CU_ASSERT_EQUAL(t.qmp == NULL, i == 1);
		if (t.qmp != NULL)
			CU_ASSERT_EQUAL(gw_qmp_command(t.qmp, "stop", NULL, -1, 1, on_answer, NULL),
				-EPIPE);
		peer_end();
	}
}

static void test_breaks(void)
{
	breaks(GREETING, "nonsense\n", -EPROTO);
	breaks(GREETING, GREETING, -EPROTO);
	breaks("{\"QMP\":{}}\n", "", -EPROTO);
	breaks("{\"QMP\":{\"version\":{\"qemu\":{\"major\":\"7\"}}}}\n", "", -EPROTO);
	breaks(GREETING, "{\"error\":{\"class\":\"X\",\"desc\":\"no\"},\"id\":1}\n", -EREMOTEIO);
	breaks(GREETING, NULL, -EPIPE);
}

static void test_flood(void)
{
	static const char events[] = "{\"event\":\"STOP\"}\n{\"event\":\"STOP\"}\n";

	peer_start(GREETING, false);
	say(YES);
	for (int i = 0; i < 400 && t.broken == 0; i++) {
		while (write(t.fd, events, strlen(events)) > 0)
			continue;
		run(1);
	}
	CU_ASSERT_EQUAL(t.broken, -EPROTO);
	CU_ASSERT(t.events < 1000000);
	peer_end();
}

static void test_free_in_event(void)
{
	peer_start(GREETING, false);
	say(YES);
	t.free_in_callback = true;
	say("{\"event\":\"STOP\"}\n{\"event\":\"STOP\"}\n");
	CU_ASSERT_EQUAL(t.events, 1);
	CU_ASSERT_PTR_NULL(t.qmp);
	peer_end();
}

static void on_collected(void *arg, int result, json_t *answers, const struct gw_err *err)
{
	(void)err;
	*(json_t **)arg = json_incref(answers);
	t.result = result;
}

static void test_collect(void)
{
	json_t *answers = NULL;
	struct gw_collect *c;

	peer_start(GREETING, false);
	say(YES);
	c = gw_collect_create(t.qmp, NULL, on_collected, &answers);
	gw_collect_ask(c, "a", "query-a", NULL, GW_NS_PER_S);
	gw_collect_ask(c, "b", "query-b", NULL, GW_NS_PER_S);
	gw_collect_run(c);
	say("{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no\"},\"id\":3}\n");
	CU_ASSERT_PTR_NULL(answers);
	say("{\"return\":[5],\"id\":2}\n");
	CU_ASSERT_EQUAL(t.result, 0);
	CU_ASSERT_EQUAL(json_object_size(answers), 1);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(answers, "a")), 1);
	json_decref(answers);
	gw_collect_free(&c);
	peer_end();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"commands and answers", test_command},
		{"time limit; forgotten commands", test_time_limit_and_forget},
		{"a descriptor travels", test_fd_travels},
		{"peers that break the contract", test_breaks},
		{"a peer that floods", test_flood},
		{"freed by an event", test_free_in_event},
		{"questions collected", test_collect},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor qmp", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed;

	signal(SIGPIPE, SIG_IGN); /* the client closes while the flood is written */
	if (gw_loop_create(&loop) != 0)
		return 2;
	failed = run_suites(suites);
	gw_loop_free(&loop);
	return failed;
}
