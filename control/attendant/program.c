/* SPDX-License-Identifier: BSD-3-Clause */
#include "program.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES 200u
#define MAX_LINES 100u

struct gw_program {
	struct gw_program_conf conf;
	pid_t pid; /* leads a process group of its own; 0: not started */
	int pidfd, output;
	struct gw_watch *end, *readable;
	struct gw_timer *limit;
	bool timed_out;
	char name[128], label[128], line[LINE_BYTES + 1];
	uint32_t line_bytes, lines;
};

/* Its own signals and descriptors again, not the attendant's. */
static _Noreturn void become(const struct gw_program *p, int input, int output)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char lang[] = "LC_ALL=C";
	char point[64], program[4096];
	char *const argv[] = {program, NULL}, *const env[] = {path, lang, point, NULL};
	sigset_t none;

	snprintf(point, sizeof(point), "GODWIT_HOOK=%s", p->conf.point);
	snprintf(program, sizeof(program), "%s", p->conf.path);
	setpgid(0, 0);
	/* Its time limit goes with the attendant. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
		dup2(output, STDERR_FILENO) < 0)
		_exit(126);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	if (chdir("/") == 0)
		execve(program, argv, env);
	dprintf(STDERR_FILENO, "cannot be started: %s\n", strerror(errno));
	_exit(127);
}

static void log_line(struct gw_program *p)
{
	p->line[p->line_bytes] = '\0';
	p->line_bytes = 0;
	if (p->lines < MAX_LINES)
		gw_info("%s: hook %s: %s", p->label, p->name, p->line);
	else if (p->lines == MAX_LINES)
		gw_warn("%s: hook %s: further output is left out", p->label, p->name);
	p->lines += p->lines <= MAX_LINES;
}

static void take(struct gw_program *p, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\n' || p->line_bytes == LINE_BYTES) {
			log_line(p);
			if (c == '\n')
				continue;
		}
		p->line[p->line_bytes++] = (char)(c < ' ' || c == 0x7f ? '?' : c);
	}
}

static void on_output(void *ctx, uint32_t events)
{
	struct gw_program *p = ctx;
	char bytes[4096];
	ssize_t n = read(p->output, bytes, sizeof(bytes));

	(void)events;
	if (n > 0)
		take(p, bytes, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		gw_watch_free(&p->readable);
}

/* What it printed just before its end; somebody it left behind could print for ever. */
static void drain(struct gw_program *p)
{
	for (int i = 0; i < 16 && p->readable != NULL; i++)
		on_output(p, EPOLLIN);
	if (p->line_bytes > 0)
		log_line(p);
}

static void kill_group(const struct gw_program *p)
{
	/* Not waited for yet, so the number is still its own. */
	kill(-p->pid, SIGKILL);
	kill(p->pid, SIGKILL); /* where it did not get as far as its group */
}

static int outcome(const struct gw_program *p, int status, char *text, size_t size)
{
	text[0] = '\0';
	if (p->timed_out) {
		snprintf(text, size, "hook %s was killed after its limit of %u ms", p->name,
			p->conf.timeout_ms);
		return -ETIMEDOUT;
	}
	if (WIFSIGNALED(status)) {
		snprintf(text, size, "hook %s was ended by signal %d", p->name, WTERMSIG(status));
		return -ECHILD;
	}
	if (WEXITSTATUS(status) != 0) {
		snprintf(text, size, "hook %s failed with status %d", p->name, WEXITSTATUS(status));
		return -ECANCELED;
	}
	return 0;
}

static void on_end(void *ctx, uint32_t events)
{
	struct gw_program *p = ctx;
	gw_program_fn *over = p->conf.over;
	void *over_ctx = p->conf.ctx;
	char text[256];
	int status = 0, rc;

	(void)events;
	kill_group(p);
	drain(p);
	if (waitpid(p->pid, &status, 0) == p->pid)
		p->pid = 0;
	rc = outcome(p, status, text, sizeof(text));
	gw_program_free(&p);
	over(over_ctx, rc, text);
}

static void on_limit(void *ctx)
{
	struct gw_program *p = ctx;

	p->timed_out = true;
	kill_group(p);
}

static int launch(struct gw_program *p)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, rc = 0;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
		fcntl(in[1], F_SETFL, O_NONBLOCK) != 0 ||
		write(in[1], p->conf.input, p->conf.input_bytes) != (ssize_t)p->conf.input_bytes)
		rc = errno != 0 ? -errno : -EIO;
	if (rc == 0) {
		p->pid = fork();
		if (p->pid == 0)
			become(p, in[0], out[1]);
		rc = p->pid < 0 ? -errno : 0;
		p->pid = p->pid < 0 ? 0 : p->pid;
	}
	if (in[0] >= 0) {
		close(in[0]);
		close(in[1]);
	}
	if (out[0] >= 0)
		close(out[1]);
	p->output = out[0];
	return rc;
}

int gw_program_start(
	struct gw_loop *loop, const struct gw_program_conf *conf, struct gw_program **out)
{
	struct gw_program *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	p->conf = *conf;
	p->pidfd = p->output = -1;
	snprintf(p->name, sizeof(p->name), "%s", conf->name);
	snprintf(p->label, sizeof(p->label), "%s", conf->label);
	errno = 0;
	rc = launch(p);
	if (rc == 0) {
		fcntl(p->output, F_SETFL, O_NONBLOCK);
		p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
		p->limit = gw_timer_create(loop, on_limit, p);
		p->readable = gw_watch_add(loop, p->output, EPOLLIN, on_output, p);
		if (p->pidfd >= 0)
			p->end = gw_watch_add(loop, p->pidfd, EPOLLIN, on_end, p);
		if (p->limit == NULL || p->readable == NULL || p->end == NULL)
			rc = -ENOMEM;
	}
	if (rc != 0) {
		gw_program_free(&p);
		return rc;
	}
	gw_timer_set(p->limit, conf->timeout_ms * GW_NS_PER_MS, 0);
	*out = p;
	return 0;
}

void gw_program_free(struct gw_program **program)
{
	struct gw_program *p = *program;

	if (p == NULL)
		return;
	if (p->pid > 0) {
		kill_group(p);
		waitpid(p->pid, NULL, 0);
	}
	if (p->end != NULL)
		gw_watch_free(&p->end);
	if (p->readable != NULL)
		gw_watch_free(&p->readable);
	if (p->limit != NULL)
		gw_timer_free(&p->limit);
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->output >= 0)
		close(p->output);
	free(p);
	*program = NULL;
}
