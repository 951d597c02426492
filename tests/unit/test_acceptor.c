/* SPDX-License-Identifier: BSD-3-Clause */
/* control/acceptor.c: connections are taken one at a time, and where there is no room for one the
 * loop rests. */
#include "../../control/acceptor.h"

#include "loop_run.h"
#include "run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

static struct sockaddr_in at;
static struct gw_acceptor *acceptor;
static unsigned int n_ready, n_taken;
static uint64_t hold_ns; /* at the next one that comes */

static void on_ready(void *ctx)
{
	struct sockaddr_storage from;
	socklen_t len = 0;
	int fd;

	(void)ctx;
	n_ready++;
	if (hold_ns > 0) {
		gw_acceptor_hold(acceptor, hold_ns);
		hold_ns = 0;
		return;
	}
	fd = gw_acceptor_take(acceptor, &from, &len);
	if (fd < 0)
		return;
	CU_ASSERT_EQUAL(from.ss_family, AF_INET);
	CU_ASSERT_EQUAL(len, sizeof(at));
	n_taken++;
	close(fd);
}

static int begin(int *fd)
{
	socklen_t len = sizeof(at);

	at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(*fd, (struct sockaddr *)&at, sizeof(at)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(*fd, 8), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(*fd, (struct sockaddr *)&at, &len), 0);
	n_ready = n_taken = 0;
	hold_ns = 0;
	acceptor = gw_acceptor_create(loop, *fd, "test", on_ready, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(acceptor);
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void end(int fd, int client)
{
	gw_acceptor_free(&acceptor);
	CU_ASSERT_PTR_NULL(acceptor);
	close(client);
	close(fd);
}

static void test_takes(void)
{
	int fd, client = begin(&fd);

	CU_ASSERT_EQUAL(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	run(50);
	CU_ASSERT_EQUAL(n_ready, 1);
	CU_ASSERT_EQUAL(n_taken, 1);
	/* Whoever looks too often finds nobody, which is no reason to rest. */
	CU_ASSERT_EQUAL(gw_acceptor_take(acceptor, NULL, NULL), -1);
	CU_ASSERT_EQUAL(errno, EAGAIN);
	end(fd, client);
}

static void test_holds(void)
{
	int fd, client = begin(&fd);

	hold_ns = 100 * GW_NS_PER_MS;
	CU_ASSERT_EQUAL(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	run(50);
	CU_ASSERT_EQUAL(n_ready, 1);
	CU_ASSERT_EQUAL(n_taken, 0);
	run(150);
	CU_ASSERT_EQUAL(n_ready, 2);
	CU_ASSERT_EQUAL(n_taken, 1);
	end(fd, client);
}

static void test_no_descriptors(void)
{
	int fd, client = begin(&fd), next = dup(fd);
	struct rlimit old, none;

	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){(rlim_t)next, old.rlim_max};
	close(next); /* the lowest that is free is beyond the limit now */
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	CU_ASSERT_EQUAL(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	run(200);
	CU_ASSERT_EQUAL(n_ready, 1);
	CU_ASSERT_EQUAL(n_taken, 0);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &old), 0);
	run(1200);
	CU_ASSERT_EQUAL(n_taken, 1);
	end(fd, client);
}

static int setup(void)
{
	return gw_loop_create(&loop);
}

static int teardown(void)
{
	gw_loop_free(&loop);
	return 0;
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"takes", test_takes},
		{"holds", test_holds},
		{"no descriptors", test_no_descriptors},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"acceptor", setup, teardown, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
