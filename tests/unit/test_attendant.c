/* SPDX-License-Identifier: BSD-3-Clause */
/* control/attendant/attendant.h: a real attendant, a real victim, and whatever of them is killed.
 */
#include "../../control/attendant/attendant_internal.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS 20000000000u

static struct gw_loop *loop;
static struct gw_attendant *attendant;
static struct gw_timer *patience;
static struct gw_err err;
static char hooks[64];

/* The last answer. */
static int result, answers;
static uint32_t percent;
static char text[512];

static void given_up(void *ctx)
{
	(void)ctx;
	fprintf(stderr, "no answer\n");
	abort();
}

static void answered(int rc, uint32_t in_force, const char *words)
{
	answers++;
	result = rc;
	percent = in_force;
	snprintf(text, sizeof(text), "%s", words);
	gw_loop_stop(loop);
}

static void brake_answered(void *ctx, int rc, uint32_t in_force, const char *words)
{
	(void)ctx;
	answered(rc, in_force, words);
}

static void hook_answered(void *ctx, int rc, const char *words)
{
	(void)ctx;
	answered(rc, 0, words);
}

static int wait_answer(void)
{
	gw_timer_set(patience, PATIENCE_NS, 0);
	gw_loop_run(loop);
	gw_timer_stop(patience);
	return result;
}

static void begin(const char *hook_dir, uint32_t timeout_ms)
{
	struct gw_attendant_conf conf = {hook_dir, timeout_ms, true};

	CU_ASSERT_EQUAL_FATAL(gw_loop_create(&loop), 0);
	patience = gw_timer_create(loop, given_up, NULL);
	CU_ASSERT_EQUAL_FATAL(gw_attendant_start(&conf, &attendant, &err), 0);
	CU_ASSERT_FALSE(gw_attendant_alive(attendant));
	CU_ASSERT_EQUAL_FATAL(gw_attendant_watch(attendant, loop), 0);
	CU_ASSERT(gw_attendant_alive(attendant));
}

static void end(void)
{
	pid_t pid = attendant->pid;

	gw_attendant_free(&attendant);
	waitpid(pid, NULL, 0);
	gw_timer_free(&patience);
	gw_loop_free(&loop);
}

/* ---- the victim: a process that only waits, and where its thread is ---- */

static char home[4096];
static bool by_turns; /* there are no cgroups */

static const char *whereabouts(pid_t pid)
{
	static char got[4096];
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/cgroup", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return "";
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	fclose(f);
	return got;
}

static bool traced(pid_t pid)
{
	char path[64], line[256];
	int tracer = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL &&
		sscanf(line, "TracerPid: %d", &tracer) != 1)
		;
	if (f != NULL)
		fclose(f);
	return tracer != 0;
}

static bool slowed(pid_t pid)
{
	return by_turns ? traced(pid) : strstr(whereabouts(pid), "godwit-brake-") != NULL;
}

static bool is_home(pid_t pid)
{
	return strcmp(whereabouts(pid), home) == 0 && !traced(pid);
}

/* Comes home without anybody waiting for an answer. */
static bool comes_home(pid_t pid)
{
	for (int i = 0; i < 2000 && !is_home(pid); i++)
		poll(NULL, 0, 10);
	return is_home(pid);
}

static int brake_create(pid_t pid, struct gw_brake **out)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int rc = gw_brake_create(attendant, pid, pidfd, brake_answered, NULL, out);

	close(pidfd);
	return rc;
}

static pid_t make_victim(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	snprintf(home, sizeof(home), "%s", whereabouts(pid));
	return pid;
}

static void bury_victim(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Nothing here can limit a thread's CPU? Then there is nothing to test. */
static bool cannot_brake(int rc)
{
	if (rc != -ENODEV && rc != -EACCES && rc != -EROFS && rc != -EPERM && rc != -EOPNOTSUPP)
		return false;
	fprintf(stderr, "\n    left out: %s ", text);
	return true;
}

static void test_brake(void)
{
	pid_t victim = make_victim(), none = 1;
	struct gw_brake *b = NULL;

	begin(NULL, 0);
	CU_ASSERT_EQUAL_FATAL(brake_create(victim, &b), 0);
	CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 0), -EINVAL);
	CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 100), -EINVAL);
	CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 0, 50), -EINVAL);
	CU_ASSERT_EQUAL(gw_brake_set(b, &victim, GW_BRAKE_MAX_THREADS + 1, 50), -E2BIG);
	CU_ASSERT_EQUAL(gw_brake_set(b, &none, 1, 50), 0);
	CU_ASSERT_EQUAL(wait_answer(), -ESRCH);
	CU_ASSERT_EQUAL(percent, 100);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "has no thread 1"));
	CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 40), 0);
	if (!cannot_brake(wait_answer())) {
		CU_ASSERT_EQUAL(result, 0);
		CU_ASSERT_EQUAL(percent, 40);
		CU_ASSERT(slowed(victim));
		CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 5), 0);
		CU_ASSERT_EQUAL(wait_answer(), 0);
		CU_ASSERT_EQUAL(percent, 5);
		CU_ASSERT_EQUAL(gw_brake_lift(b), 0);
		CU_ASSERT_EQUAL(wait_answer(), 0);
		CU_ASSERT_EQUAL(percent, 100);
		CU_ASSERT(comes_home(victim));
		/* One bad thread: none is slowed. */
		CU_ASSERT_EQUAL(gw_brake_set(b, (pid_t[]){victim, 1}, 2, 40), 0);
		CU_ASSERT_EQUAL(wait_answer(), -ESRCH);
		CU_ASSERT(is_home(victim));
		/* Freed while it is on. */
		CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 40), 0);
		CU_ASSERT_EQUAL(wait_answer(), 0);
		CU_ASSERT(slowed(victim));
	}
	gw_brake_free(&b);
	CU_ASSERT(comes_home(victim));
	end();
	bury_victim(victim);
}

/* The process that was meant has ended, and the victim has got its number: it is never touched. */
static void test_number_of_another(void)
{
	pid_t victim = make_victim(), ended = make_victim();
	int pidfd = (int)syscall(SYS_pidfd_open, ended, 0);
	struct gw_brake *b = NULL;

	CU_ASSERT_FATAL(victim > 0 && ended > 0);
	begin(NULL, 0);
	CU_ASSERT_EQUAL_FATAL(
		gw_brake_create(attendant, victim, pidfd, brake_answered, NULL, &b), 0);
	close(pidfd);
	bury_victim(ended);
	CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 40), 0);
	CU_ASSERT_EQUAL(wait_answer(), -ESRCH);
	CU_ASSERT_EQUAL(percent, 100);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "has ended"));
	CU_ASSERT(is_home(victim));
	gw_brake_free(&b);
	end();
	bury_victim(victim);
}

static void wait_state(pid_t pid, char wanted)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int i = 0; i < 10000 && state != wanted; i++) {
		FILE *f = fopen(path, "re");

		CU_ASSERT_FATAL(f != NULL && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
		fclose(f);
		usleep(1000);
	}
}

/* It cannot stop before its child has ended: vfork() makes it wait in the kernel. */
static pid_t make_stubborn(const int let_go[2])
{
	pid_t pid = fork();
	char word;

	if (pid == 0) {
		close(let_go[1]); /* else it waits for itself when the test has failed */
		if (vfork() == 0)
			_exit(read(let_go[0], &word, 1) != 1);
		for (;;)
			pause();
	}
	wait_state(pid, 'D');
	snprintf(home, sizeof(home), "%s", whereabouts(pid));
	return pid;
}

/* It has not been let go of yet, for it has not stopped yet, and is to be slowed again. */
static void test_turns_again(void)
{
	struct gw_brake *b = NULL;
	int let_go[2];
	pid_t victim;

	if (!by_turns)
		return;
	CU_ASSERT_EQUAL_FATAL(pipe(let_go), 0);
	victim = make_stubborn(let_go);
	begin(NULL, 0);
	CU_ASSERT_EQUAL_FATAL(brake_create(victim, &b), 0);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 40), 0);
		CU_ASSERT_EQUAL(wait_answer(), 0);
		CU_ASSERT(slowed(victim));
		CU_ASSERT_EQUAL(gw_brake_lift(b), 0);
		CU_ASSERT_EQUAL(wait_answer(), 0);
		CU_ASSERT(slowed(victim));
	}
	CU_ASSERT_EQUAL(write(let_go[1], "x", 1), 1);
	CU_ASSERT(comes_home(victim));
	gw_brake_free(&b);
	end();
	bury_victim(victim);
	close(let_go[0]);
	close(let_go[1]);
}

static bool has_descriptor(pid_t pid, unsigned int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, fd);
	return access(path, F_OK) == 0 || errno != ENOENT;
}

/* It may have run out of descriptors for one guest: that costs this brake, and no others. */
static void test_no_descriptor_left(void)
{
	pid_t victim = make_victim();
	struct gw_brake *b = NULL;
	struct rlimit limit = {0, 0};

	begin(NULL, 0);
	CU_ASSERT_EQUAL_FATAL(brake_create(victim, &b), 0);
	gw_brake_lift(b);
	wait_answer(); /* it has started */
	/* It waits for the next request: what it does behind an answer is done. */
	wait_state(attendant->pid, 'S');
	while (has_descriptor(attendant->pid, (unsigned int)limit.rlim_cur))
		limit.rlim_cur++;
	limit.rlim_max = limit.rlim_cur;
	CU_ASSERT_EQUAL(prlimit(attendant->pid, RLIMIT_NOFILE, &limit, NULL), 0);
	for (int i = 0; i < 3 && gw_brake_set(b, &victim, 1, 40) == 0; i++) {
		CU_ASSERT_EQUAL(wait_answer(), -EMFILE);
		CU_ASSERT(is_home(victim));
	}
	CU_ASSERT(gw_attendant_alive(attendant));
	gw_brake_free(&b);
	end();
	bury_victim(victim);
}

static void test_attendant_killed(void)
{
	pid_t victim = make_victim();
	struct gw_brake *b = NULL;

	begin(NULL, 0);
	CU_ASSERT_EQUAL_FATAL(brake_create(victim, &b), 0);
	CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 40), 0);
	if (!cannot_brake(wait_answer()))
		CU_ASSERT(slowed(victim));
	answers = 0;
	kill(attendant->pid, SIGKILL);
	if (result == 0) {
		CU_ASSERT_EQUAL(wait_answer(), -EPIPE);
		CU_ASSERT_EQUAL(percent, 100);
		CU_ASSERT_EQUAL(answers, 1);
		CU_ASSERT(by_turns ? comes_home(victim) : is_home(victim));
		CU_ASSERT_FALSE(gw_attendant_alive(attendant));
		CU_ASSERT_EQUAL(gw_brake_set(b, &victim, 1, 40), -EPIPE);
		CU_ASSERT_EQUAL(gw_brake_lift(b), -EPIPE);
	}
	gw_brake_free(&b);
	end();
	bury_victim(victim);
}

/* godwitd, as far as it matters here: it slows the victim, says so, and waits to be killed. */
static _Noreturn void godwitd(pid_t victim, int told)
{
	struct gw_brake *b = NULL;
	char word;

	begin(NULL, 0);
	brake_create(victim, &b);
	gw_brake_set(b, &victim, 1, 40);
	word = wait_answer() == 0 ? 'y' : 'n';
	if (write(told, &word, 1) == 1)
		write(told, &attendant->pid, sizeof(attendant->pid));
	for (;;)
		pause();
}

/* also: the attendant goes too, and the next one finds what they left. */
static void parent_killed(bool also)
{
	pid_t victim = make_victim(), daemon, helper = 0;
	char word = 'n';
	int told[2];

	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	fflush(NULL);
	daemon = fork();
	if (daemon == 0)
		godwitd(victim, told[1]);
	CU_ASSERT_EQUAL(read(told[0], &word, 1), 1);
	CU_ASSERT_EQUAL(read(told[0], &helper, sizeof(helper)), sizeof(helper));
	if (word == 'y')
		CU_ASSERT(slowed(victim));
	if (also) {
		/* Stopped first: neither may undo the other's work. */
		kill(daemon, SIGSTOP);
		kill(helper, SIGKILL);
	}
	bury_victim(daemon);
	if (also && word == 'y' && !by_turns) {
		CU_ASSERT(slowed(victim));
		begin(NULL, 0);
		CU_ASSERT(comes_home(victim));
		end();
	}
	CU_ASSERT(comes_home(victim));
	close(told[0]);
	close(told[1]);
	bury_victim(victim);
}

static void test_parent_killed(void)
{
	parent_killed(false);
}

static void test_both_killed(void)
{
	parent_killed(true);
}

/* What may be mounted where this test runs is not this test's business. */
static int hide_cgroups(void)
{
	char line[4096], at[4096], type[64];
	FILE *f;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		fprintf(stderr, "\n    left out: %s ", strerror(errno));
		return 0;
	}
	f = fopen("/proc/self/mounts", "re");
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %4095s %63s", at, type) == 2 &&
			strncmp(type, "cgroup", 6) == 0)
			umount2(at, MNT_DETACH);
	fclose(f);
	by_turns = true;
	return 0;
}

static void test_turns(void)
{
	if (by_turns) {
		test_brake();
		test_number_of_another();
	}
}

static void test_turns_attendant_killed(void)
{
	if (by_turns)
		test_attendant_killed();
}

static void test_turns_parent_killed(void)
{
	if (by_turns)
		parent_killed(false);
}

static void test_turns_both_killed(void)
{
	if (by_turns)
		parent_killed(true);
}

static void test_looks(void)
{
	char path[64], got[256] = "";
	FILE *f;

	begin(NULL, 0);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)attendant->pid);
	/* It names itself before it takes its first request. */
	CU_ASSERT_EQUAL(
		gw_hook_start(attendant, GW_HOOK_ON_ABORT, "s", "{}", hook_answered, NULL, NULL),
		0);
	CU_ASSERT_EQUAL(wait_answer(), -ENOENT);
	f = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT(fread(got, 1, sizeof(got) - 1, f) > 0);
	fclose(f);
	CU_ASSERT_NSTRING_EQUAL(got, "godwitd: attendant", strlen(got));
	CU_ASSERT(strlen(got) > 8);
	end();
}

/* ---- hooks ---- */

static void script(const char *name, mode_t mode, const char *body)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", hooks, name);
	f = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fprintf(f, "#!/bin/sh\ncd '%s'\n%s\n", hooks, body);
	fclose(f);
	chmod(path, mode);
}

static void clear_hooks(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'; mkdir -m 755 '%s'", hooks, hooks);
	if (system(command) != 0)
		abort();
}

static bool wrote(const char *name, const char *words)
{
	char path[256], got[256] = "";
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", hooks, name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	fclose(f);
	return strcmp(got, words) == 0;
}

static int run_hook(enum gw_hook_point point)
{
	CU_ASSERT_EQUAL_FATAL(gw_hook_start(attendant, point, "session s (vm)", "{\"vm\": 1}",
				      hook_answered, NULL, NULL),
		0);
	return wait_answer();
}

static void folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", hooks, name);
	mkdir(path, 0755);
}

static void test_hooks(void)
{
	clear_hooks();
	script("before-pause", 0700, "cat > got; echo said; echo $GODWIT_HOOK > point");
	folder("after-resume");
	script("after-resume/20-b", 0755, "echo b >> order");
	script("after-resume/10-a", 0755, "echo a >> order");
	script("after-resume/.hidden", 0755, "echo hidden >> order");
	script("after-resume/30-c", 0755, "echo c >> order; exit 7");
	script("after-resume/40-d", 0755, "echo d >> order");
	begin(hooks, 10000);
	CU_ASSERT(gw_attendant_has_hooks(attendant));
	CU_ASSERT_EQUAL(run_hook(GW_HOOK_BEFORE_PAUSE), 0);
	CU_ASSERT(wrote("got", "{\"vm\": 1}"));
	CU_ASSERT(wrote("point", "before-pause\n"));
	CU_ASSERT_EQUAL(run_hook(GW_HOOK_AFTER_RESUME), -ECANCELED);
	CU_ASSERT_STRING_EQUAL(text, "hook after-resume/30-c failed with status 7");
	CU_ASSERT(wrote("order", "a\nb\nc\n"));
	CU_ASSERT_EQUAL(run_hook(GW_HOOK_ON_ABORT), 0); /* none */
	end();
}

/* Waits for the process that the hook has started, and written the number of. */
static int child_of_hook(void)
{
	char path[256];
	int child = 0;

	snprintf(path, sizeof(path), "%s/child", hooks);
	for (int i = 0; i < 2000 && child == 0; i++) {
		FILE *f = fopen(path, "re");

		if (f == NULL || fscanf(f, "%d", &child) != 1)
			poll(NULL, 0, 10);
		if (f != NULL)
			fclose(f);
	}
	return child;
}

static bool comes_to_end(int pid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	/* Nobody may be there to bury it: Z. */
	for (int i = 0; i < 2000 && state != 'Z'; i++) {
		FILE *f = fopen(path, "re");

		if (f == NULL || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'Z';
		else
			poll(NULL, 0, 10);
		if (f != NULL)
			fclose(f);
	}
	return state == 'Z';
}

static void test_slow_hook(void)
{
	int child;

	clear_hooks();
	script("before-pause", 0755, "sleep 1000 & echo $! > child; wait");
	begin(hooks, 2000);
	CU_ASSERT_EQUAL(run_hook(GW_HOOK_BEFORE_PAUSE), -ETIMEDOUT);
	CU_ASSERT_STRING_EQUAL(text, "hook before-pause was killed after its limit of 2000 ms");
	child = child_of_hook();
	CU_ASSERT_NOT_EQUAL(child, 0);
	CU_ASSERT(comes_to_end(child));
	end();
}

static void test_cancelled_hook(void)
{
	struct gw_hook_run *run = NULL;
	int child;

	clear_hooks();
	script("before-pause", 0755, "sleep 1000 & echo $! > child; wait");
	script("on-abort", 0755, "kill -SEGV $$");
	begin(hooks, 60000);
	answers = 0;
	CU_ASSERT_EQUAL(
		gw_hook_start(attendant, GW_HOOK_BEFORE_PAUSE, "s", "", hook_answered, NULL, &run),
		0);
	child = child_of_hook();
	CU_ASSERT_NOT_EQUAL(child, 0);
	gw_hook_cancel(&run);
	CU_ASSERT_PTR_NULL(run);
	CU_ASSERT(comes_to_end(child));
	CU_ASSERT_EQUAL(run_hook(GW_HOOK_ON_ABORT), -ECHILD);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ended by signal 11"));
	CU_ASSERT_EQUAL(answers, 1);
	end();
}

/* What it prints is bounded, whatever it is. */
static void test_chatty_hook(void)
{
	uint32_t lines = 0, longest = 0, n = 0, strange = 0;
	FILE *log = tmpfile();
	int stderr_fd = dup(STDERR_FILENO), c;

	clear_hooks();
	script("before-pause", 0755,
		"head -c 30000 /dev/zero; i=0; while [ $i -lt 500 ]; do echo line $i; "
		"i=$((i+1)); done");
	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	dup2(fileno(log), STDERR_FILENO);
	begin(hooks, 10000);
	CU_ASSERT_EQUAL(run_hook(GW_HOOK_BEFORE_PAUSE), 0);
	end();
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	rewind(log);
	while ((c = fgetc(log)) != EOF) {
		strange += c < ' ' && c != '\n';
		lines += c == '\n';
		n = c == '\n' ? 0 : n + 1;
		longest = n > longest ? n : longest;
	}
	fclose(log);
	CU_ASSERT_EQUAL(strange, 0);
	CU_ASSERT_EQUAL(lines, 101); /* the last says that more was left out */
	CU_ASSERT(longest > 200 && longest < 280);
}

static void refused_at_start(const char *says)
{
	struct gw_attendant_conf conf = {hooks, 1000, true};
	struct gw_attendant *a = NULL;

	CU_ASSERT_EQUAL(gw_attendant_start(&conf, &a, &err) == 0, false);
	CU_ASSERT_PTR_NULL(a);
	if (strstr(err.text, says) == NULL)
		fprintf(stderr, "'%s', wanted '%s'\n", err.text, says);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, says));
}

static void test_not_trusted(void)
{
	char path[256];

	clear_hooks();
	chmod(hooks, 0777);
	refused_at_start("is writable by others (mode 0777); allowed: by its owner only");
	chmod(hooks, 0755);
	folder("on-abort");
	snprintf(path, sizeof(path), "%s/on-abort", hooks);
	chmod(path, 0775);
	refused_at_start("on-abort is writable by others (mode 0775)");
	chmod(path, 0755);
	script("on-abort/x", 0757, "true");
	refused_at_start("on-abort/x is writable by others (mode 0757)");
	script("on-abort/x", 0644, "true");
	refused_at_start("on-abort/x is not an executable file");
	script("on-abort/x", 0755, "true");
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 12345, (gid_t)-1), 0);
		refused_at_start("on-abort belongs to user 12345; allowed: root or godwitd's own");
		CU_ASSERT_EQUAL(chown(path, 0, (gid_t)-1), 0);
	}
	snprintf(path, sizeof(path), "%s/on-abort/y", hooks);
	CU_ASSERT_EQUAL(symlink("/bin/true", path), 0);
	refused_at_start("on-abort/y is not an executable file");
	unlink(path);

	/* Afterwards too. */
	script("before-pause", 0755, "echo > ran");
	begin(hooks, 1000);
	script("before-pause", 0757, "echo > ran");
	CU_ASSERT_EQUAL(run_hook(GW_HOOK_BEFORE_PAUSE), -EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "before-pause is writable by others (mode 0757)"));
	CU_ASSERT_FALSE(wrote("ran", "\n"));
	end();
}

static void test_hooks_without_attendant(void)
{
	clear_hooks();
	script("before-pause", 0755, "sleep 1000");
	begin(hooks, 60000);
	CU_ASSERT_EQUAL(
		gw_hook_start(attendant, GW_HOOK_BEFORE_PAUSE, "s", "", hook_answered, NULL, NULL),
		0);
	kill(attendant->pid, SIGKILL);
	CU_ASSERT_EQUAL(wait_answer(), -EPIPE);
	CU_ASSERT_EQUAL(
		gw_hook_start(attendant, GW_HOOK_BEFORE_PAUSE, "s", "", hook_answered, NULL, NULL),
		-EPIPE);
	end();
	CU_ASSERT_FALSE(gw_attendant_alive(NULL));
	CU_ASSERT_EQUAL(
		gw_hook_start(NULL, GW_HOOK_BEFORE_PAUSE, "s", "", hook_answered, NULL, NULL),
		-EPIPE);
}

/* What is of another size is not godwitd's: it ends, and puts everything back. */
static void test_nonsense(void)
{
	begin(NULL, 0);
	CU_ASSERT_EQUAL(send(attendant->sock, "x", 1, 0), 1);
	CU_ASSERT_EQUAL(waitpid(attendant->pid, NULL, 0), attendant->pid);
	CU_ASSERT(send(attendant->sock, "x", 1, MSG_NOSIGNAL) < 0);
	gw_attendant_free(&attendant);
	gw_timer_free(&patience);
	gw_loop_free(&loop);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"brakes on and off", test_brake},
		{"a number that is another's now", test_number_of_another},
		{"no descriptor left", test_no_descriptor_left},
		{"the attendant is killed", test_attendant_killed},
		{"godwitd is killed", test_parent_killed},
		{"both are killed", test_both_killed},
		{"its name", test_looks},
		{"hooks are run", test_hooks},
		{"a slow hook is killed", test_slow_hook},
		{"a hook that nobody waits for", test_cancelled_hook},
		{"a hook that prints much", test_chatty_hook},
		{"hooks that others may write", test_not_trusted},
		{"no attendant, no hooks", test_hooks_without_attendant},
		{"nonsense on its socket", test_nonsense},
		CU_TEST_INFO_NULL,
	};
	CU_TestInfo without_cgroups[] = {
		{"threads stand still by turns", test_turns},
		{"one that stops late, again", test_turns_again},
		{"the attendant is killed", test_turns_attendant_killed},
		{"godwitd is killed", test_turns_parent_killed},
		{"both are killed", test_turns_both_killed},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"attendant", NULL, NULL, NULL, NULL, tests},
		{"attendant without cgroups", hide_cgroups, NULL, NULL, NULL, without_cgroups},
		CU_SUITE_INFO_NULL,
	};
	int failed;

	snprintf(hooks, sizeof(hooks), "/tmp/godwit-hooks-XXXXXX");
	if (mkdtemp(hooks) == NULL)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	failed = run_suites(suites);
	clear_hooks();
	rmdir(hooks);
	return failed;
}
