/* SPDX-License-Identifier: BSD-3-Clause */
/* control/ctl/: godwitctl as a process against a played godwitd; argv[1] is its path. With "serve
 * SOCKET [PORTS]" only the daemon is played, to look at by hand. */
#include "fake_godwitd.h"
#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *godwitctl;
static char path[100], command[1024], output[65536];
static struct gw_loop *loop;

static void *serve(void *arg)
{
	(void)arg;
	gw_loop_run(loop);
	return NULL;
}

/* Runs godwitctl with arguments; its output is in output, its exit code is returned. */
static int run(const char *socket, const char *arguments)
{
	FILE *f;
	size_t n;

	snprintf(command, sizeof(command), "%s --socket %s %s 2>&1", godwitctl, socket, arguments);
	f = popen(command, "r");
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

static bool says(const char *what)
{
	if (strstr(output, what) != NULL)
		return true;
	fprintf(stderr, "%s\nsaid:\n%s\nnot: %s\n", command, output, what);
	return false;
}

static bool fits_80_columns(void)
{
	const char *line = output;

	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		if (len > 80)
			return false;
		line += len + (line[len] == '\n');
	}
	return true;
}

static void test_migrate(void)
{
	CU_ASSERT_EQUAL(run(path, "migrate web host-b"), 0);
	CU_ASSERT_TRUE(says("precopy 0"));
	CU_ASSERT_TRUE(says("web runs on host-b: 900 ms, blackout 41 ms, memory verified\n"));
	CU_ASSERT_EQUAL(run(path, "migrate fails host-b"), 1);
	CU_ASSERT_TRUE(says("fails: failed after"));
	CU_ASSERT_TRUE(says("the peer's disk is full"));
	CU_ASSERT_EQUAL(run(path, "migrate web host-b --detach"), 0);
	CU_ASSERT_TRUE(strspn(output, "0123456789") == strlen(output) - 1);
	CU_ASSERT_EQUAL(run(path, "migrate odd host-b"), 0);
	CU_ASSERT_PTR_NULL(strchr(output, '\033'));
}

static void test_json(void)
{
	json_t *value = NULL;
	json_error_t why;
	int lines = 0;

	CU_ASSERT_EQUAL(run(path, "--json migrate web host-b"), 0);
	for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		json_decref(value);
		value = json_loads(line, 0, &why);
		CU_ASSERT_TRUE(json_is_object(value));
		lines++;
	}
	CU_ASSERT_TRUE(lines >= 4);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(value, "result")), "completed");
	CU_ASSERT_EQUAL(
		json_number_value(json_object_get(json_object_get(value, "blackout_ms"), "source")),
		41.3);
	json_decref(value);
	CU_ASSERT_EQUAL(run(path, "--json check bad host-b"), 4);
	value = json_loads(output, 0, &why);
	CU_ASSERT_TRUE(json_is_false(json_object_get(value, "ok")));
	json_decref(value);
	CU_ASSERT_EQUAL(run(path, "--json show nobody"), 5);
	value = json_loads(output, 0, &why);
	CU_ASSERT_EQUAL(
		json_integer_value(json_object_get(json_object_get(value, "error"), "code")), 1);
	json_decref(value);
}

static void test_exit_codes(void)
{
	CU_ASSERT_EQUAL(run(path, "migrate bad host-b"), 4);
	CU_ASSERT_TRUE(says(
		"2. destination, memory: 4 GiB of memory are missing\n     Remedy: free memory"));
	CU_ASSERT_TRUE(fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "check bad host-b"), 4);
	CU_ASSERT_TRUE(says("1. source, cache-direct:"));
	CU_ASSERT_TRUE(fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "check web host-b"), 0);
	CU_ASSERT_EQUAL(run(path, "migrate nobody host-b"), 5);
	CU_ASSERT_EQUAL(run(path, "migrate busy host-b"), 6);
	CU_ASSERT_EQUAL(run(path, "migrate far host-c"), 7);
	CU_ASSERT_EQUAL(run(path, "abort web"), 8);
	CU_ASSERT_EQUAL(run(path, "show"), 2);
	CU_ASSERT_EQUAL(run(path, "fly"), 2);
	CU_ASSERT_EQUAL(run(path, ""), 2);
	CU_ASSERT_EQUAL(run(path, "list --all"), 2);
	CU_ASSERT_EQUAL(run(path, "migrate web host-b --blackout-limit 0"), 2);
	CU_ASSERT_EQUAL(run(path, "migrate web host-b --after die"), 2);
	CU_ASSERT_EQUAL(run(path, "migrate web host-b --max-total 1x"), 2);
	CU_ASSERT_EQUAL(run("/nonexistent/sock", "list"), 3);
	CU_ASSERT_TRUE(says("no godwitd listens on /nonexistent/sock: is it running?"));
	CU_ASSERT_EQUAL(run(path, "--help"), 0);
	CU_ASSERT_TRUE(says("Exit codes:") && fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "migrate --help"), 0);
	CU_ASSERT_TRUE(says("--blackout-limit MS") && fits_80_columns());
}

static void test_dirty_rate(void)
{
	CU_ASSERT_EQUAL(run(path, "dirty-rate web --seconds 5"), 0);
	CU_ASSERT_TRUE(says("dirty rate          8.19 Gb/s, 250,000 pages/s\n") &&
		       says("working set         256 MiB, 65,536 pages of 1") &&
		       says("converges in 1.2 s, 4 epochs\n") && says("21 ms (limit 30 ms)") &&
		       fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "dirty-rate hot"), 0);
	CU_ASSERT_TRUE(says("with the guest slowed by 40 %") && fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "dirty-rate busy"), 0);
	CU_ASSERT_TRUE(says("does not converge") && fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "--json dirty-rate web"), 0);
	CU_ASSERT_TRUE(says("\"working_set_pages\":65536"));
	CU_ASSERT_EQUAL(run(path, "dirty-rate bad"), 4);
	CU_ASSERT_TRUE(says("2. destination, memory"));
	CU_ASSERT_EQUAL(run(path, "dirty-rate"), 2);
	CU_ASSERT_EQUAL(run(path, "dirty-rate web --seconds 0"), 2);
	CU_ASSERT_EQUAL(run(path, "dirty-rate web --seconds 61"), 2);
	CU_ASSERT_EQUAL(run(path, "dirty-rate --help"), 0);
	CU_ASSERT_TRUE(says("--seconds N") && fits_80_columns());
}

static void test_tables(void)
{
	CU_ASSERT_EQUAL(run(path, "list"), 0);
	CU_ASSERT_TRUE(says("ID") && says("completed") && fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "show 1"), 0);
	CU_ASSERT_TRUE(says("vm                  web"));
	CU_ASSERT_EQUAL(run(path, "peers"), 0);
	CU_ASSERT_TRUE(says("host-b  192.0.2.2:7411  connected  183 us  3 of 4") &&
		       says("host-c: connection refused") &&
		       says("host-b: its certificate ends in 29 days") &&
		       !says("host-d: its certificate") &&
		       says("this host's certificate: for host-a, 192.0.2.1, until 2026-12-01") &&
		       says("tls.certificate: ends on 2026-12-01, in 29 days: put a new file") &&
		       says("tls.crl: has ended on 2026-10-30, 3 days ago") && !says("tls.ca"));
	CU_ASSERT_EQUAL(run(path, "reload"), 0);
	CU_ASSERT_TRUE(says("tls.certificate: ends on 2026-12-01"));
	CU_ASSERT_EQUAL(run(path, "reload now"), 2);
	CU_ASSERT_EQUAL(run(path, "ports"), 0);
	CU_ASSERT_TRUE(says("dropped, all ports together\n  rx_bad_key: 3\n") &&
		       says("10.0.1.1/24") && fits_80_columns());
	CU_ASSERT_FALSE(says("  address "));
	fake_port_address = "fd00:77::1/64";
	CU_ASSERT_EQUAL(run(path, "ports"), 0);
	CU_ASSERT_TRUE(says("100 Gb/s  fd00:77::1/64") && fits_80_columns());
	fake_port_address = "fd12:3456:789a:bcde:f012:3456:789a:bcde/128";
	CU_ASSERT_EQUAL(run(path, "ports"), 0);
	CU_ASSERT_TRUE(says("100 Gb/s  below") &&
		       says("\n  address fd12:3456:789a:bcde:f012:3456:789a:bcde/128\n") &&
		       fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "version"), 0);
	CU_ASSERT_TRUE(says("godwitd    0.1.0 on host-a"));
	CU_ASSERT_EQUAL(run(path, "report web"), 0);
	CU_ASSERT_TRUE(says("1,048,576 pages compared, 0 differ") && fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "report nobody"), 5);
}

static void test_set(void)
{
	CU_ASSERT_EQUAL(run(path, "set web weight=3 blackout_limit_ms=20"), 0);
	CU_ASSERT_TRUE(says("web: class bulk, weight 3, no cap, blackout limit 20 ms\n"));
	CU_ASSERT_EQUAL(run(path, "set 1 rate=2G"), 0); /* by id */
	CU_ASSERT_EQUAL(run(path, "set --port left rate=5G"), 0);
	CU_ASSERT_TRUE(says("left: cap 5.00 Gb/s, in service\n"));
	CU_ASSERT_EQUAL(run(path, "set --port left state=down"), 0);
	CU_ASSERT_TRUE(says("out of service"));
	CU_ASSERT_EQUAL(run(path, "--json set web weight=3"), 0);
	CU_ASSERT_TRUE(says("\"weight\":\"3\""));
	CU_ASSERT_EQUAL(run(path, "set web weight=0"), 2);
	CU_ASSERT_TRUE(says("weight: '0' is not valid; allowed: 1..1000"));
	CU_ASSERT_EQUAL(run(path, "set nobody weight=2"), 5);
	CU_ASSERT_EQUAL(run(path, "set --port middle rate=5G"), 5);
	CU_ASSERT_TRUE(says("there are: left"));
	CU_ASSERT_EQUAL(run(path, "set"), 2);
	CU_ASSERT_EQUAL(run(path, "set web"), 2);
	CU_ASSERT_EQUAL(run(path, "set --port left"), 2);
	CU_ASSERT_EQUAL(run(path, "set --all weight=1"), 2);
	CU_ASSERT_EQUAL(run(path, "set web weight"), 2);
	CU_ASSERT_TRUE(says("'weight' is not KEY=VALUE"));
	CU_ASSERT_EQUAL(run(path, "set web =3"), 2);
	CU_ASSERT_EQUAL(run(path, "set web vm=other"), 2);
	CU_ASSERT_EQUAL(run(path, "set web weight=1 weight=2"), 2);
	CU_ASSERT_TRUE(says("twice"));
	CU_ASSERT_EQUAL(run(path, "set --help"), 0);
	CU_ASSERT_TRUE(says("blackout_limit_ms=MS") && fits_80_columns());
	CU_ASSERT_EQUAL(run(path, "migrate web host-b --weight 0"), 2);
	CU_ASSERT_EQUAL(run(path, "migrate web host-b --weight 1001"), 2);
	CU_ASSERT_EQUAL(
		run(path, "migrate odd host-b --class bulk --rate 2G --weight 7 --detach"), 0);
	CU_ASSERT_EQUAL(run(path, "list"), 0);
	CU_ASSERT_TRUE(says(", NOT encrypted (crc32c)\n") && fits_80_columns());
}

static void test_plot(void)
{
	char file[128], arguments[512];

	snprintf(file, sizeof(file), "/tmp/test-ctl-%d.json", (int)getpid());
	snprintf(arguments, sizeof(arguments), "--json report web > %s", file);
	CU_ASSERT_EQUAL(run(path, arguments), 0);
	snprintf(arguments, sizeof(arguments), "report --from %s", file);
	CU_ASSERT_EQUAL(run("/nonexistent", arguments), 0);
	CU_ASSERT_TRUE(says("web to host-b: completed"));
	/* Without gnuplot the message says what is missing. */
	if (system("command -v gnuplot > /dev/null") == 0) {
		CU_ASSERT_EQUAL(run(path, "report web --plot -"), 0);
		CU_ASSERT_TRUE(says("<svg") && says("</svg>") && says("blackout 41 ms") &&
			       says("switchover"));
		CU_ASSERT_EQUAL(run(path, "--json report web --plot /dev/null"), 0);
		CU_ASSERT_TRUE(says("\"plot\":\"/dev/null\""));
		CU_ASSERT_EQUAL(run(path, "report web --plot /nonexistent/x.svg"), 1);
		CU_ASSERT_TRUE(says("/nonexistent/x.svg: No such file"));
	}
	snprintf(command, sizeof(command), "PATH=/nonexistent %s report --from %s --plot - 2>&1",
		godwitctl, file);
	FILE *f = popen(command, "r");
	output[fread(output, 1, sizeof(output) - 1, f)] = '\0';
	CU_ASSERT_EQUAL(WEXITSTATUS(pclose(f)), 1);
	CU_ASSERT_TRUE(says("gnuplot is not installed"));
	unlink(file);
	CU_ASSERT_EQUAL(run(path, "report --from /dev/null"), 1);
}

/* Sends n interrupts to a following migrate; its exit code. The time it took after the first goes
 * to *ms. */
static int interrupt(int n, double *ms)
{
	char *argv[] = {(char *)godwitctl, (char[]){"--socket"}, path, (char[]){"migrate"},
		(char[]){"slow"}, (char[]){"host-b"}, NULL};
	const struct timespec begun = {.tv_nsec = 400000000}, between = {.tv_nsec = 50000000};
	posix_spawn_file_actions_t actions;
	struct timespec a, b;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
	CU_ASSERT_EQUAL_FATAL(posix_spawn(&pid, godwitctl, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	nanosleep(&begun, NULL);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < n; i++) {
		kill(pid, SIGINT);
		nanosleep(&between, NULL);
	}
	waitpid(pid, &status, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	*ms = (double)(b.tv_sec - a.tv_sec) * 1000 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_interrupt(void)
{
	double ms;

	CU_ASSERT_EQUAL(interrupt(1, &ms), 1);
	/* It waited for the end of the abort, which takes a second. */
	CU_ASSERT_TRUE(ms >= 950);
	CU_ASSERT_EQUAL(run(path, "show slow"), 0);
	CU_ASSERT_TRUE(says("aborted"));
	CU_ASSERT_EQUAL(interrupt(2, &ms), 1);
	CU_ASSERT_TRUE(ms < 950);
	CU_ASSERT_EQUAL(run(path, "show slow"), 0);
	CU_ASSERT_TRUE(says("abort"));
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {{"migrate", test_migrate}, {"json", test_json},
		{"exit codes", test_exit_codes}, {"the dirty rate", test_dirty_rate},
		{"tables", test_tables}, {"set", test_set}, {"plot", test_plot},
		{"interrupt", test_interrupt}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"ctl", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	bool by_hand = argc > 2 && strcmp(argv[1], "serve") == 0;
	int failed;
	static struct gw_rpc *rpc; /* the loop serves it until the process ends: not a leak */
	struct gw_err err;
	pthread_t thread;

	snprintf(path, sizeof(path), "/tmp/test-ctl-%d.sock", (int)getpid());
	if (by_hand)
		snprintf(path, sizeof(path), "%.90s", argv[2]);
	if (argc > 3)
		fake_ports = atoi(argv[3]);
	if (argc < 2 || gw_loop_create(&loop) != 0 ||
		gw_rpc_create(loop, path, NULL, fake_methods, NULL, &rpc, &err) != 0)
		return 1;
	if (by_hand)
		return gw_loop_run(loop);
	godwitctl = argv[1];
	if (pthread_create(&thread, NULL, serve, NULL) != 0)
		return 1;
	failed = run_suites(suites);
	unlink(path);
	return failed;
}
