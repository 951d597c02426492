/* SPDX-License-Identifier: BSD-3-Clause */
/* control/rpc*.c: a server on a loop of its own thread, clients here. */
#include "../../control/rpc_internal.h"
#include "run.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/un.h>
#include <unistd.h>
#include <sys/epoll.h>

#define MAX_HELD 4096
#define OTHER_UID 4242u
#define OTHER_GID 4343u

static char path[108];
static struct gw_loop *loop;
static struct gw_rpc *rpc;
static char users_path[108];
static struct gw_rpc *users_rpc; /* of OTHER_UID and OTHER_GID; NULL: this is not root */
static struct gw_watch *stop_watch;
static int stop_fd;
static pthread_t thread;

/* Used on the loop's thread only. */
static struct gw_rpc_call *held[MAX_HELD];
static unsigned int n_held;
static int counter;

static void echo(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	gw_rpc_reply(call, json_deep_copy(params));
}

static void hold(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	(void)params;
	held[n_held++] = call;
}

static void release(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	unsigned int n = n_held;

	(void)ctx;
	(void)params;
	while (n_held > 0)
		gw_rpc_reply(held[--n_held], json_pack("{s:s}", "held", "released"));
	gw_rpc_reply(call, json_pack("{s:i}", "released", (int)n));
}

static void count(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	(void)params;
	gw_rpc_reply(call, json_integer(++counter));
}

static void refuse(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	gw_rpc_error(call, GW_RPC_REFUSED, json_pack("{s:[s]}", "reasons", "because"),
		"refused '%s'", json_string_value(json_object_get(params, "vm")));
}

static void big(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	size_t n = (size_t)json_integer_value(json_object_get(params, "bytes"));
	char *text = malloc(n + 1);

	(void)ctx;
	memset(text, 'x', n);
	text[n] = '\0';
	gw_rpc_reply(call, json_stringn(text, n));
	free(text);
}

static const struct gw_rpc_method methods[] = {{"echo", echo, true}, {"hold", hold, false},
	{"release", release, false}, {"count", count, true}, {"refuse", refuse, true},
	{"big", big, true}, {NULL, NULL, false}};

static void on_stop(void *ctx, uint32_t events)
{
	(void)ctx;
	(void)events;
	gw_loop_stop(loop);
}

static void *run(void *arg)
{
	(void)arg;
	gw_loop_run(loop);
	return NULL;
}

static int setup(void)
{
	const struct gw_rpc_access users = {OTHER_UID, OTHER_GID, 0666};
	struct gw_err err;

	snprintf(path, sizeof(path), "/tmp/test-rpc-%d.sock", (int)getpid());
	snprintf(users_path, sizeof(users_path), "/tmp/test-rpc-%d.users", (int)getpid());
	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (gw_loop_create(&loop) != 0 ||
		gw_rpc_create(loop, path, NULL, methods, NULL, &rpc, &err) != 0)
		return -1;
	if (geteuid() == 0 &&
		gw_rpc_create(loop, users_path, &users, methods, NULL, &users_rpc, &err) != 0)
		return -1;
	stop_watch = gw_watch_add(loop, stop_fd, EPOLLIN, on_stop, NULL);
	return pthread_create(&thread, NULL, run, NULL);
}

static int teardown(void)
{
	uint64_t one = 1;
	struct stat st;

	if (write(stop_fd, &one, sizeof(one)) != sizeof(one))
		return -1;
	pthread_join(thread, NULL);
	/* Calls outlive their server. */
	gw_rpc_free(&rpc);
	gw_rpc_free(&users_rpc);
	while (n_held > 0)
		gw_rpc_reply(held[--n_held], json_null());
	gw_watch_free(&stop_watch);
	gw_loop_free(&loop);
	close(stop_fd);
	return stat(path, &st) < 0 && errno == ENOENT ? 0 : -1;
}

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(addr.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		abort();
	return fd;
}

static void say(int fd, const char *text)
{
	size_t n = strlen(text);

	CU_ASSERT_EQUAL(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* The next line, or "" at the connection's end or after timeout_ms. */
static const char *hear(int fd, int timeout_ms)
{
	static char line[4096];
	size_t n = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (n < sizeof(line) - 1 && poll(&p, 1, timeout_ms) == 1 &&
		recv(fd, line + n, 1, 0) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	return line;
}

static bool closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, 5000) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static bool heard(int fd, const char *part)
{
	const char *line = hear(fd, 5000);

	if (strstr(line, part) != NULL)
		return true;
	fprintf(stderr, "got '%s', wanted '%s'\n", line, part);
	return false;
}

static void test_answers(void)
{
	int fd = dial();

	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\",\"params\":{\"a\":[1,2]}}\n");
	CU_ASSERT_STRING_EQUAL(
		hear(fd, 5000), "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":[1,2]}}");
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}\r\n\r\n\n");
	CU_ASSERT_STRING_EQUAL(hear(fd, 5000), "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}");
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"refuse\",\"params\":{\"vm\":\"a\"}}"
		"\n");
	CU_ASSERT_STRING_EQUAL(hear(fd, 5000), "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{"
					       "\"code\":2,\"message\":\"refused 'a'\","
					       "\"data\":{\"reasons\":[\"because\"]}}}");
	close(fd);
}

static void test_partial_lines(void)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n"
				   "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n{\"js";
	int fd = dial();

	for (const char *p = text; *p != '\0'; p++)
		CU_ASSERT_EQUAL(send(fd, p, 1, MSG_NOSIGNAL), 1);
	CU_ASSERT_TRUE(heard(fd, "\"id\":1"));
	CU_ASSERT_TRUE(heard(fd, "\"id\":2"));
	say(fd, "onrpc\":\"2.0\",\"id\":3,\"method\":\"echo\"}\n");
	CU_ASSERT_TRUE(heard(fd, "\"id\":3"));
	close(fd);
}

static void test_errors(void)
{
	int fd = dial();

	say(fd, "{\"jsonrpc\":\n");
	CU_ASSERT_TRUE(heard(fd, "\"id\":null,\"error\":{\"code\":-32700"));
	say(fd, "[]\n");
	CU_ASSERT_TRUE(heard(fd, "-32600,\"message\":\"batches"));
	say(fd, "{\"id\":1,\"method\":\"echo\"}\n");
	CU_ASSERT_TRUE(heard(fd, "-32600"));
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"echo\"}\n");
	CU_ASSERT_TRUE(heard(fd, "-32600"));
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"echo\"}\n");
	CU_ASSERT_TRUE(heard(fd, "-32700"));
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fly\"}\n");
	CU_ASSERT_TRUE(
		heard(fd, "\"id\":1,\"error\":{\"code\":-32601,\"message\":\"no method 'fly'\""));
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[1]}\n");
	CU_ASSERT_TRUE(heard(fd, "-32602"));
	close(fd);
}

static void test_notification(void)
{
	int fd = dial(), other = dial(), before, after;

	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"count\"}\n");
	before = atoi(strstr(hear(fd, 5000), "\"result\":") + 9);
	/* Counts too when the client is gone before it is read. */
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"count\"}\n{\"jsonrpc\":\"2.0\",\"method\":"
		"\"count\"}\n");
	close(fd);
	say(other, "{\"jsonrpc\":\"2.0\",\"method\":\"fly\"}\n");
	say(other, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"count\"}\n");
	after = atoi(strstr(hear(other, 5000), "\"result\":") + 9);
	CU_ASSERT_EQUAL(after, before + 3);
	close(other);
}

static void test_half_closed_gets_answers(void)
{
	int fd = dial(), other = dial();

	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}\n");
	shutdown(fd, SHUT_WR);
	CU_ASSERT_STRING_EQUAL(hear(fd, 50), "");
	say(other, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"release\"}\n");
	CU_ASSERT_TRUE(heard(other, "\"released\":1"));
	CU_ASSERT_TRUE(heard(fd, "\"held\":\"released\""));
	CU_ASSERT_TRUE(closed(fd));
	close(fd);
	close(other);
}

static void test_gone_before_the_answer(void)
{
	int other = dial();

	for (int i = 0; i < 100; i++) {
		int fd = dial();

		say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}\n");
		say(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"hold\"}\n");
		say(fd, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"echo\"}\n");
		CU_ASSERT_TRUE(heard(fd, "\"id\":3"));
		close(fd);
	}
	say(other, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"release\"}\n");
	CU_ASSERT_TRUE(heard(other, "\"released\":200"));
	close(other);
}

static void test_too_long(void)
{
	char *text = malloc(70000);
	int fd = dial();

	memset(text, 'x', 70000);
	CU_ASSERT_TRUE(send(fd, text, 70000, MSG_NOSIGNAL) > 0);
	CU_ASSERT_TRUE(heard(fd, "longer than 64 KiB"));
	CU_ASSERT_TRUE(closed(fd));
	close(fd);
	/* The longest that fits. */
	fd = dial();
	memset(text, ' ', 65535);
	memcpy(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}", 40);
	text[65535] = '\n';
	text[65536] = '\0';
	say(fd, text);
	CU_ASSERT_TRUE(heard(fd, "\"id\":1"));
	close(fd);
	free(text);
}

static void test_calls_bounded(void)
{
	int fd = dial();

	for (int i = 0; i < 33; i++)
		say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}\n");
	CU_ASSERT_TRUE(heard(fd, "more than 32 requests"));
	close(fd);
	fd = dial();
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"release\"}\n");
	CU_ASSERT_TRUE(heard(fd, "\"released\":32"));
	close(fd);
}

/* One that asks and never reads stops being read; another is served meanwhile. */
static void test_stalled_reader(void)
{
	static const char request[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\",\"params\":{\"bytes\":100000}}\n";
	int fd = dial(), other;
	size_t sent = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	while (poll(&p, 1, 200) == 1 && sent < (16u << 20))
		sent += (size_t)send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	CU_ASSERT_TRUE(sent < (4u << 20));
	other = dial();
	say(other, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n");
	CU_ASSERT_TRUE(heard(other, "\"id\":1"));
	close(other);
	close(fd);
}

static void test_big_answer(void)
{
	int fd = dial(), n = 0;
	char buf[65536];
	ssize_t got;

	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\",\"params\":{\"bytes\":20000000}}"
		"\n");
	shutdown(fd, SHUT_WR);
	while ((got = recv(fd, buf, sizeof(buf), 0)) > 0)
		n += (int)got;
	CU_ASSERT_TRUE(n > 20000000);
	close(fd);
	/* More than a client may have waiting: it is dropped, the server goes on. */
	fd = dial();
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\",\"params\":{\"bytes\":70000000}}"
		"\n");
	CU_ASSERT_TRUE(closed(fd));
	close(fd);
}

static void test_many_clients(void)
{
	int fds[64], fd;

	for (int i = 0; i < 64; i++) {
		fds[i] = dial();
		say(fds[i], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n");
		CU_ASSERT_TRUE(heard(fds[i], "\"id\":1"));
	}
	/* The first is busy, so the second gives way. */
	say(fds[0], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}\n");
	CU_ASSERT_STRING_EQUAL(hear(fds[0], 20), "");
	fd = dial();
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"release\"}\n");
	CU_ASSERT_TRUE(heard(fd, "\"released\":1"));
	CU_ASSERT_TRUE(closed(fds[1]));
	CU_ASSERT_TRUE(heard(fds[0], "\"held\""));
	for (int i = 0; i < 64; i++)
		close(fds[i]);
	close(fd);
}

static void test_rights(void)
{
	const struct gw_rpc_access none = {GW_RPC_NO_ID, GW_RPC_NO_ID, GW_RPC_NO_ID};
	const struct gw_rpc_access both = {OTHER_UID, OTHER_GID, 0660};
	const gid_t groups[] = {1, OTHER_GID, 2}, wild[] = {GW_RPC_NO_ID};

	CU_ASSERT_EQUAL(gw_rpc_rights_of(&none, 7, 0, 0, NULL, 0), GW_RPC_ALL);
	CU_ASSERT_EQUAL(gw_rpc_rights_of(&none, 7, 7, 0, NULL, 0), GW_RPC_ALL);
	CU_ASSERT_EQUAL(gw_rpc_rights_of(&none, 7, 8, 0, groups, 3), GW_RPC_NOTHING);
	/* An ID that cannot be is not the one that nobody has been given. */
	CU_ASSERT_EQUAL(
		gw_rpc_rights_of(&none, 7, GW_RPC_NO_ID, GW_RPC_NO_ID, wild, 1), GW_RPC_NOTHING);
	CU_ASSERT_EQUAL(gw_rpc_rights_of(&both, 7, OTHER_UID, 0, NULL, 0), GW_RPC_ALL);
	CU_ASSERT_EQUAL(gw_rpc_rights_of(&both, 7, 8, OTHER_GID, NULL, 0), GW_RPC_READ);
	CU_ASSERT_EQUAL(gw_rpc_rights_of(&both, 7, 8, 8, groups, 3), GW_RPC_READ);
	CU_ASSERT_EQUAL(gw_rpc_rights_of(&both, 7, 8, 8, groups, 1), GW_RPC_NOTHING);
}

/* One request by a process of that user and groups; its answer in line. */
static void ask_as(const char *socket_path, uid_t uid, gid_t group, const char *request, char *line,
	size_t size)
{
	int pipe_fd[2];
	ssize_t n;
	pid_t child;

	CU_ASSERT_EQUAL_FATAL(pipe(pipe_fd), 0);
	child = fork();
	if (child == 0) {
		struct sockaddr_un addr = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		const char *text;

		strcpy(addr.sun_path, socket_path);
		if (setgroups(1, &group) < 0 || setgid(uid) < 0 || setuid(uid) < 0)
			_exit(1);
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
			text = strerror(errno);
		} else {
			if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
				_exit(1);
			text = hear(fd, 5000);
		}
		_exit(write(pipe_fd[1], text, strlen(text)) < 0);
	}
	close(pipe_fd[1]);
	n = read(pipe_fd[0], line, size - 1);
	line[n < 0 ? 0 : n] = '\0';
	close(pipe_fd[0]);
	waitpid(child, NULL, 0);
}

static bool says(const char *line, const char *part)
{
	if (strstr(line, part) != NULL)
		return true;
	fprintf(stderr, "got '%s', wanted '%s'\n", line, part);
	return false;
}

/* Users other than this one: needs root. */
static void test_users(void)
{
	static const char reads[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n";
	static const char acts[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"release\"}\n";
	const char *other = users_path;
	char line[1024];
	struct stat st;

	if (geteuid() != 0)
		return;
	CU_ASSERT_EQUAL(stat(other, &st), 0);
	CU_ASSERT_EQUAL(st.st_uid, OTHER_UID);
	CU_ASSERT_EQUAL(st.st_gid, OTHER_GID);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0666);
	ask_as(other, OTHER_UID, 1, acts, line, sizeof(line));
	CU_ASSERT_TRUE(says(line, "\"result\":{\"released\":"));
	ask_as(other, 4, OTHER_GID, reads, line, sizeof(line));
	CU_ASSERT_TRUE(says(line, "\"result\":{}"));
	ask_as(other, 4, OTHER_GID, acts, line, sizeof(line));
	CU_ASSERT_TRUE(says(line, "\"code\":6"));
	CU_ASSERT_TRUE(
		says(line, "'release' is not for group '4343', which may only read (echo, "));
	ask_as(other, 4, 5, reads, line, sizeof(line));
	CU_ASSERT_TRUE(says(line, "'echo' is not for this user"));
	/* The first one's mode keeps others out. */
	ask_as(path, 4, OTHER_GID, reads, line, sizeof(line));
	CU_ASSERT_TRUE(says(line, "Permission denied"));
}

static void test_socket(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct gw_loop *second_loop;
	struct gw_rpc *second = NULL;
	struct gw_err err;
	struct stat st;
	char other[128], long_path[256];
	int fd;

	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL_FATAL(gw_loop_create(&second_loop), 0);
	CU_ASSERT_EQUAL(
		gw_rpc_create(second_loop, path, NULL, methods, NULL, &second, &err), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another godwitd listens"));
	CU_ASSERT_EQUAL(stat(path, &st), 0);

	/* One that died without unlinking. */
	snprintf(other, sizeof(other), "%s.stale", path);
	memcpy(addr.sun_path, other, strlen(other));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	CU_ASSERT_EQUAL(gw_rpc_create(second_loop, other, NULL, methods, NULL, &second, &err), 0);
	gw_rpc_free(&second);
	CU_ASSERT_NOT_EQUAL(stat(other, &st), 0);

	fd = mkstemp(strcpy(other, "/tmp/test-rpc-file-XXXXXX"));
	close(fd);
	CU_ASSERT_EQUAL(
		gw_rpc_create(second_loop, other, NULL, methods, NULL, &second, &err), -EEXIST);
	CU_ASSERT_EQUAL(stat(other, &st), 0);
	unlink(other);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[255] = '\0';
	CU_ASSERT_EQUAL(gw_rpc_create(second_loop, long_path, NULL, methods, NULL, &second, &err),
		-ENAMETOOLONG);
	CU_ASSERT_EQUAL(
		gw_rpc_create(second_loop, "/nonexistent/x", NULL, methods, NULL, &second, &err),
		-ENOENT);
	CU_ASSERT_PTR_NULL(second);
	gw_loop_free(&second_loop);
}

int main(void)
{
	CU_TestInfo tests[] = {{"answers", test_answers}, {"partial lines", test_partial_lines},
		{"errors", test_errors}, {"notification", test_notification},
		{"half closed", test_half_closed_gets_answers},
		{"gone", test_gone_before_the_answer}, {"too long", test_too_long},
		{"calls bounded", test_calls_bounded}, {"stalled reader", test_stalled_reader},
		{"big answer", test_big_answer}, {"many clients", test_many_clients},
		{"rights", test_rights}, {"users", test_users}, {"socket", test_socket},
		CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"rpc", setup, teardown, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
