/* SPDX-License-Identifier: BSD-3-Clause */
/* godwit-bench: the data plane without a guest. */
#include "bench.h"
#include "loopback.h"
#include "receiver.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_PEER = 7, INTERRUPTED = 130 };

#define HELLO_NS (2500 * GW_NS_PER_MS)
#define LOCAL_HELLO_NS (30 * GW_NS_PER_S) /* the other half starts its data plane first */
#define LINK_NS (10 * GW_NS_PER_S)

struct program {
	struct bench_options o;
	struct gw_loop *loop;
	struct gw_watch *sigint, *sigterm;
	bool interrupted;
	bool was_interrupted;
	struct loopback loopback;
	struct bench_ports *ports;
	struct gw_dp_host host;
	struct gw_dp *dp;
	struct talk *talk;
	struct bench bench;
};

static void on_signal(void *ctx, uint32_t signo)
{
	struct program *p = ctx;

	(void)signo;
	p->interrupted = p->was_interrupted = true;
	gw_loop_stop(p->loop);
}

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

static int start_loop(struct program *p, struct gw_err *err)
{
	int rc = gw_loop_create(&p->loop);

	if (rc != 0)
		return gw_err(err, rc, "event loop: %s", strerror(-rc));
	p->sigint = gw_watch_signal(p->loop, SIGINT, on_signal, p);
	p->sigterm = gw_watch_signal(p->loop, SIGTERM, on_signal, p);
	if (p->sigint == NULL || p->sigterm == NULL)
		return gw_err(err, -ENOMEM, "signals: %s", strerror(errno));
	return 0;
}

static void unwind(struct program *p)
{
	sender_free(&p->bench.sender);
	bench_release(&p->bench);
	talk_free(&p->talk);
	if (p->dp != NULL)
		gw_dp_free(&p->dp);
	bench_ports_free(&p->ports);
	if (p->sigint != NULL)
		gw_watch_free(&p->sigint);
	if (p->sigterm != NULL)
		gw_watch_free(&p->sigterm);
	if (p->loop != NULL)
		gw_loop_free(&p->loop);
}

static struct talk_conf talk_conf(struct program *p)
{
	return (struct talk_conf){p->loop, &p->host, &p->interrupted};
}

/* The receiving half of a loopback. */
static int run_child(struct program *p, struct gw_err *err)
{
	struct talk_conf tc;
	int rc = loopback_wait(&p->loopback, err);

	if (rc == 0)
		rc = start_loop(p, err);
	if (rc == 0)
		rc = bench_ports_create(
			&p->o, BENCH_RECEIVER, p->loopback.directory, &p->ports, err);
	if (rc == 0)
		rc = gw_dp_create(&p->ports->dp, &p->dp, err);
	if (rc != 0) {
		close(p->loopback.fd);
		return rc;
	}
	gw_dp_host(p->dp, &p->host);
	tc = talk_conf(p);
	rc = talk_accept(&tc, p->loopback.fd, &p->talk, err);
	if (rc != 0)
		return rc;
	talk_set_dp(p->talk, p->dp);
	return receiver_serve(&p->o, p->loop, p->dp, p->talk, err);
}

static int measure(struct program *p, struct gw_err *err)
{
	int rc = talk_link(p->talk, LINK_NS, err);

	p->bench.o = &p->o;
	p->bench.loop = p->loop;
	p->bench.dp = p->dp;
	p->bench.interrupted = &p->interrupted;
	p->bench.crc = p->host.integrity == GW_DP_CRC32C;
	if (rc == 0)
		rc = sender_create(
			&p->o, p->loop, p->dp, p->talk, &p->interrupted, &p->bench.sender, err);
	if (rc == 0)
		rc = bench_run(&p->bench, err);
	return rc;
}

static int print(struct program *p, struct gw_err *err)
{
	json_t *j;

	if (!p->o.json) {
		bench_print(&p->bench, stdout);
	} else {
		j = bench_json(&p->bench);
		json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		fputc('\n', stdout);
		json_decref(j);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return gw_err(err, -EIO, "the result cannot be written");
	return 0;
}

/* The sending end, when the other one can be reached at p->talk. */
static int send_all(struct program *p, uint64_t hello_ns, struct gw_err *err)
{
	int rc = talk_hello(p->talk, hello_ns, err);

	if (rc == 0 && p->dp == NULL)
		rc = gw_dp_create(&p->ports->dp, &p->dp, err);
	if (rc != 0)
		return rc;
	talk_set_dp(p->talk, p->dp);
	rc = measure(p, err);
	return rc != 0 ? rc : print(p, err);
}

static int run_parent(struct program *p, struct gw_err *err)
{
	struct talk_conf tc;
	int rc = start_loop(p, err);

	if (rc == 0)
		rc = bench_ports_create(&p->o, BENCH_SENDER, p->loopback.directory, &p->ports, err);
	/* Before the hello, for which the child waits: a memif client starts only beside its
	 * server. */
	if (rc == 0)
		rc = gw_dp_create(&p->ports->dp, &p->dp, err);
	if (rc != 0) {
		close(p->loopback.fd);
		return rc;
	}
	bench_ports_host(p->ports, &p->host);
	tc = talk_conf(p);
	rc = talk_open(&tc, p->loopback.fd, &p->talk, err);
	return rc != 0 ? rc : send_all(p, LOCAL_HELLO_NS, err);
}

static int run_loopback(struct program *p, struct gw_err *err)
{
	int rc = loopback_start(&p->loopback, err);

	if (rc != 0) {
		loopback_end(&p->loopback);
		return rc;
	}
	if (p->loopback.child != 0)
		return run_parent(p, err);
	rc = run_child(p, err);
	if (rc != 0)
		gw_error("receiving end: %s", err->text);
	unwind(p);
	/* What the parent had in its buffers is the parent's. */
	_exit(rc == 0 ? DONE : FAILED);
}

static int exit_code(const struct program *p, int rc)
{
	if (p->was_interrupted)
		return INTERRUPTED;
	if (rc == 0)
		return DONE;
	return rc == -EPROTO || rc == -ECONNREFUSED || rc == -EHOSTUNREACH ? NO_PEER : FAILED;
}

int main(int argc, char **argv)
{
	static struct program p;
	struct gw_err err = {.text = ""};
	int rc = bench_options_parse(argc, argv, &p.o);

	if (rc != 0)
		return rc > 0 ? DONE : USAGE;
	gw_log_set_level(GW_LOG_WARN);
	block_signals();
	switch (p.o.mode) {
	case BENCH_LOOPBACK:
		rc = run_loopback(&p, &err);
		break;
	case BENCH_LISTEN:
	case BENCH_RUN:
	case BENCH_SELF:
		rc = gw_err(&err, -ENOTSUP, "this mode is not there yet");
		break;
	}
	if (rc != 0 && rc != -EINTR)
		fprintf(stderr, "godwit-bench: %s\n", err.text);
	unwind(&p);
	if (p.o.mode == BENCH_LOOPBACK)
		loopback_end(&p.loopback);
	return exit_code(&p, rc);
}
