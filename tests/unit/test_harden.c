/* SPDX-License-Identifier: BSD-3-Clause */
/* control/harden/: what a process that has given it up can still do. For good, so in a child. */
#include "../../control/harden/harden.h"
#include "run.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* fn's failures come back as the lines that it printed; the child's end must be a normal one. */
static void in_child(const char *(*fn)(void))
{
	char text[256] = "";
	int fds[2], status = -1;
	pid_t child;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		const char *why = fn();

		_exit(write(fds[1], why, strlen(why)) < 0);
	}
	close(fds[1]);
	while (read(fds[0], text + strlen(text), sizeof(text) - 1 - strlen(text)) > 0)
		;
	close(fds[0]);
	waitpid(child, &status, 0);
	if (text[0] != '\0' || !WIFEXITED(status))
		fprintf(stderr, "child: %s, status %x\n", text, status);
	CU_ASSERT_STRING_EQUAL(text, "");
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int go; /* atomic: 1: look, 2: end */
static int slow;
static bool more_waited;
static int sockets_refused;

static void *early_thread(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == 0)
		usleep(1000);
	if (socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM)
		__atomic_add_fetch(&sockets_refused, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *late_thread(void *arg)
{
	*(bool *)arg = true;
	return NULL;
}

static bool refused(long result)
{
	return result == -1 && errno == EPERM;
}

/* The largest set that any thread of this process has. */
static uint64_t largest(const char *kind)
{
	DIR *dir = opendir("/proc/self/task");
	char path[300], line[128];
	uint64_t all = 0, mask;
	struct dirent *d;

	while ((d = readdir(dir)) != NULL) {
		FILE *f;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", d->d_name);
		f = fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
			if (strncmp(line, kind, strlen(kind)) == 0 &&
				sscanf(line + strlen(kind), ": %" SCNx64, &mask) == 1)
				all |= mask;
		}
		if (f != NULL)
			fclose(f);
	}
	closedir(dir);
	return all;
}

static const char *confined(void)
{
	char *const argv[] = {"/bin/true", NULL};
	struct gw_harden_watch *watch = NULL;
	struct gw_loop *loop = NULL;
	pthread_t early, late;
	bool ran = false;
	struct gw_err err;
	void *m;

	if (gw_loop_create(&loop) != 0 || pthread_create(&early, NULL, early_thread, NULL) != 0 ||
		gw_harden_syscalls(loop, NULL, 0, &watch, &err) != 0)
		return "cannot be set up";
	if (largest("NoNewPrivs") != 1)
		return "privileges can be regained";
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	pthread_join(early, NULL);
	if (sockets_refused != 1)
		return "a thread that was there before is not confined";
	if (!refused(execv(argv[0], argv)))
		return "a program can be started";
	if (!refused(fork()))
		return "a process can be made";
	if (!refused(socket(AF_PACKET, SOCK_RAW, 0)))
		return "a packet socket can be made";
	if (!refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
		return "ptrace works";
	m = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m != MAP_FAILED || errno != EPERM)
		return "memory can be writable and executable";
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return "no memory can be had";
	if (!refused(mprotect(m, 4096, PROT_READ | PROT_EXEC)))
		return "what was written can be made executable";
	if (!refused(ioctl(0, TIOCSTI, "x")))
		return "a terminal can be typed into";
	if (gw_harden_refused() < 8)
		return "refusals are not counted";
	if (pthread_create(&late, NULL, late_thread, &ran) != 0)
		return "no thread can be made";
	pthread_join(late, NULL);
	if (!ran || open("/dev/null", O_RDWR) < 0 || socket(AF_UNIX, SOCK_STREAM, 0) < 0 ||
		socket(AF_INET6, SOCK_STREAM, 0) < 0)
		return "what is needed does not work";
	gw_harden_watch_free(&watch);
	/* Also where nobody listens any more. */
	if (!refused(fork()))
		return "a process can be made";
	return "";
}

static void test_syscalls(void)
{
	in_child(confined);
}

static const char *dropped(void)
{
	static const char *const kinds[] = {"CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"};
	const uint64_t keep = 1ull << CAP_KILL;
	pthread_t thread[3];
	struct gw_err err;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, early_thread, NULL) != 0)
			return "no threads";
	if (gw_harden_capabilities(keep, "", &err) != 0)
		return "capabilities cannot be given up";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((largest(kinds[i]) & ~keep) != 0)
			return kinds[i];
	if (largest("CapEff") != keep)
		return "what was to be kept is gone";
	/* Twice is allowed, and less. */
	if (gw_harden_capabilities(0, "", &err) != 0 || largest("CapEff") != 0)
		return "the rest cannot be given up";
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	return sockets_refused == 3 ? "" : "a thread could still make packet sockets";
}

/* Takes the first of the signals that ask it, and the others when the filter is on. */
static void *slow_thread(void *arg)
{
	sigset_t one, none;

	(void)arg;
	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGRTMAX);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	__atomic_store_n(&slow, 1, __ATOMIC_RELEASE);
	usleep(50000); /* ten rounds */
	sigsuspend(&none);
	while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == 0)
		usleep(1000);
	sigpending(&none);
	more_waited = sigismember(&none, SIGRTMAX) == 1;
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	return NULL;
}

static const char *asked_often(void)
{
	struct gw_harden_watch *watch = NULL;
	struct gw_loop *loop = NULL;
	struct gw_err err;
	pthread_t thread;

	if (gw_loop_create(&loop) != 0 || pthread_create(&thread, NULL, slow_thread, NULL) != 0)
		return "cannot be set up";
	while (__atomic_load_n(&slow, __ATOMIC_ACQUIRE) == 0)
		usleep(1000);
	if (gw_harden_capabilities(0, "", &err) != 0 ||
		gw_harden_syscalls(loop, NULL, 0, &watch, &err) != 0)
		return "cannot be confined";
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	if (!more_waited)
		return "it was asked once only";
	return gw_harden_refused() == 0 ? "" : "it is refused what it has done before";
}

static void test_capabilities(void)
{
	if (geteuid() == 0) /* else there are none */
		in_child(dropped);
}

static void test_asked_often(void)
{
	if (geteuid() == 0)
		in_child(asked_often);
}

static const char *filtered(void)
{
	char text[32] = "";
	FILE *f;

	gw_harden_dumps();
	f = fopen("/proc/self/coredump_filter", "re");
	if (f == NULL || fgets(text, sizeof(text), f) == NULL || strtoul(text, NULL, 16) != 0x11)
		return "shared memory would be dumped";
	fclose(f);
	return "";
}

static void test_dumps(void)
{
	in_child(filtered);
}

int main(void)
{
	CU_TestInfo tests[] = {{"system calls", test_syscalls}, {"capabilities", test_capabilities},
		{"asked often", test_asked_often}, {"dumps", test_dumps}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"harden", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
