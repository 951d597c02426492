/* SPDX-License-Identifier: BSD-3-Clause */
/* godwit-bench: the data plane without a guest. */
#include "program.h"

#include "../../dataplane/base/log.h"

#include <errno.h>
#include <signal.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_PEER = 7, INTERRUPTED = 130 };

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* Before any thread exists, so that all inherit it. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int exit_code(const struct program *p, int rc)
{
	if (p->was_interrupted)
		return p->o.mode == BENCH_LISTEN ? DONE : INTERRUPTED;
	if (rc == 0)
		return DONE;
	return rc == -EPROTO || rc == -EADDRNOTAVAIL || rc == -EHOSTUNREACH ? NO_PEER : FAILED;
}

int main(int argc, char **argv)
{
	static int (*const mode[])(struct program * p, struct gw_err * err) = {
		[BENCH_LOOPBACK] = mode_loopback,
		[BENCH_LISTEN] = mode_listen,
		[BENCH_RUN] = mode_run,
		[BENCH_SELF] = mode_self};
	static struct program p;
	struct gw_err err = {.text = ""};
	int rc = bench_options_parse(argc, argv, &p.o);

	if (rc != 0)
		return rc > 0 ? DONE : USAGE;
	gw_log_set_level(p.o.mode == BENCH_LISTEN ? GW_LOG_INFO : GW_LOG_WARN);
	block_signals();
	rc = mode[p.o.mode](&p, &err);
	if (rc != 0 && rc != -EINTR)
		fprintf(stderr, "godwit-bench: %s\n", err.text);
	program_unwind(&p);
	loopback_end(&p.loopback);
	return exit_code(&p, rc);
}
