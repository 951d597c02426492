/* SPDX-License-Identifier: BSD-3-Clause */
#include "program.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"
#include "../acceptor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_NS (2 * GW_NS_PER_S)
#define LOCAL_HELLO_NS (30 * GW_NS_PER_S) /* the other half starts its data plane first */
#define RESOLVE_S 2u

/* ---- both ends on this machine ---- */

/* One half, up to its end of the socket between them. The data plane comes first: the child waits
 * for the hello, and a memif client starts only beside its server. */
static int start_half(struct program *p, enum bench_side side, struct gw_err *err)
{
	struct talk_conf tc;
	int rc = program_start_loop(p, err);

	if (rc == 0)
		rc = program_ports(p, side, p->loopback.directory, err);
	if (rc == 0)
		rc = gw_dp_create(&p->ports->dp, &p->dp, err);
	if (rc != 0) {
		close(p->loopback.fd);
		return rc;
	}
	gw_dp_host(p->dp, &p->host);
	tc = program_talk_conf(p);
	if (side == BENCH_SENDER)
		rc = talk_open(&tc, p->loopback.fd, &p->talk, err);
	else
		rc = talk_accept(&tc, p->loopback.fd, &p->talk, err);
	if (rc == 0)
		talk_set_dp(p->talk, p->dp);
	return rc;
}

static int child(struct program *p, struct gw_err *err)
{
	int rc = loopback_wait(&p->loopback, err);

	if (rc != 0) {
		close(p->loopback.fd);
		return rc;
	}
	rc = start_half(p, BENCH_RECEIVER, err);
	if (rc != 0)
		return rc;
	rc = receiver_create(&p->o, p->loop, p->dp, p->talk, &p->events, &p->receiver, err);
	return rc != 0 ? rc : receiver_serve(p->receiver, err);
}

static int parent(struct program *p, struct gw_err *err)
{
	int rc = start_half(p, BENCH_SENDER, err);

	if (rc != 0)
		return rc;
	rc = talk_hello(p->talk, LOCAL_HELLO_NS, err);
	/* The child has said why. */
	if (rc == -EPROTO)
		rc = gw_err(err, -ECHILD, "the receiving half did not start");
	return rc != 0 ? rc : program_measure(p, err);
}

int mode_loopback(struct program *p, struct gw_err *err)
{
	int rc = program_secret(p, err);

	if (rc == 0)
		rc = loopback_start(&p->loopback, err);
	if (rc != 0)
		return rc;
	if (p->loopback.child != 0)
		return parent(p, err);
	rc = child(p, err);
	if (rc != 0)
		gw_error("receiving half: %s", err->text);
	program_unwind(p);
	/* What the parent has in its buffers is the parent's. */
	_exit(rc == 0 ? 0 : 1);
}

/* ---- the receiving end of two hosts ---- */

struct listener {
	struct program *p;
	struct gw_acceptor *acceptor;
	int fd, accepted;
};

static void on_accept(void *ctx)
{
	struct listener *l = ctx;
	int fd = gw_acceptor_take(l->acceptor, NULL, NULL);

	if (fd < 0)
		return;
	/* One run at a time: another one's numbers would be worth nothing. */
	if (l->accepted >= 0 || l->p->talk != NULL) {
		gw_warn("busy: a second sender was turned away");
		close(fd);
		return;
	}
	l->accepted = fd;
	gw_loop_stop(l->p->loop);
}

/* One sender, from its hello to its end. */
static int serve(struct program *p, int fd, struct gw_err *err)
{
	struct talk_conf tc = program_talk_conf(p);
	int rc = talk_accept(&tc, fd, &p->talk, err);

	if (rc != 0)
		return rc;
	talk_set_dp(p->talk, p->dp);
	rc = talk_hello(p->talk, HELLO_NS, err);
	if (rc == 0)
		gw_info("a sender is connected");
	if (rc == 0)
		rc = receiver_create(&p->o, p->loop, p->dp, p->talk, &p->events, &p->receiver, err);
	if (rc == 0)
		rc = receiver_serve(p->receiver, err);
	receiver_free(&p->receiver);
	talk_free(&p->talk);
	bench_events_poll(p->dp, &p->events);
	return rc;
}

static int listen_loop(struct program *p, struct listener *l, struct gw_err *err)
{
	while (!p->interrupted) {
		int rc = gw_loop_run(p->loop);

		if (rc != 0)
			return gw_err(err, rc, "event loop: %s", strerror(-rc));
		if (l->accepted < 0)
			continue;
		rc = serve(p, l->accepted, err);
		l->accepted = -1;
		if (rc == -EINTR)
			break;
		if (rc != 0)
			gw_warn("%s", err->text);
		gw_info("waiting for a sender");
	}
	return gw_err(err, -EINTR, "interrupted");
}

int mode_listen(struct program *p, struct gw_err *err)
{
	struct listener l = {p, NULL, -1, -1};
	int rc = program_start_loop(p, err);

	if (rc == 0)
		rc = program_ports(p, BENCH_RECEIVER, NULL, err);
	if (rc == 0)
		rc = program_tls(p, err);
	if (rc == 0)
		rc = gw_transport_listen(p->o.listen,
			p->tls != NULL || p->o.insecure ? GW_REACH_ANY : GW_REACH_LOOPBACK, &l.fd,
			err);
	if (rc == 0)
		rc = gw_dp_create(&p->ports->dp, &p->dp, err);
	if (rc == 0) {
		gw_dp_host(p->dp, &p->host);
		l.acceptor = gw_acceptor_create(p->loop, l.fd, "--listen", on_accept, &l);
		if (l.acceptor == NULL)
			rc = gw_err(err, -ENOMEM, "out of memory");
	}
	if (rc == 0) {
		gw_info("listening on %s", p->o.listen);
		rc = listen_loop(p, &l, err);
	}
	gw_acceptor_free(&l.acceptor);
	if (l.fd >= 0)
		close(l.fd);
	return rc;
}

/* ---- the sending end of two hosts ---- */

/* HOST or HOST:PORT; an IPv6 address in brackets. */
static void with_port(const char *host, char *out, size_t size)
{
	const char *colon = strrchr(host, ':');
	bool has = colon != NULL && (host[0] != '[' || colon[-1] == ']');

	snprintf(out, size, "%s%s", host, has ? "" : ":" BENCH_DEFAULT_PORT);
}

/* The resolver waits for name servers longer than anybody wants to. */
static void too_slow(int signo)
{
	static const char text[] = "godwit-bench: the host's name cannot be resolved in time\n";

	(void)signo;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	_exit(7);
}

int mode_run(struct program *p, struct gw_err *err)
{
	struct talk_conf tc;
	char address[300];
	int rc = program_start_loop(p, err);

	if (rc == 0)
		rc = program_ports(p, BENCH_SENDER, NULL, err);
	if (rc == 0)
		rc = program_tls(p, err);
	if (rc != 0)
		return rc;
	/* The hello first: whoever is not godwit-bench is told so before anything is started. */
	bench_ports_host(p->ports, &p->host);
	tc = program_talk_conf(p);
	with_port(p->o.operand, address, sizeof(address));
	signal(SIGALRM, too_slow);
	alarm(RESOLVE_S);
	rc = talk_connect(&tc, address, &p->talk, err);
	alarm(0);
	if (rc == 0)
		rc = talk_hello(p->talk, HELLO_NS, err);
	if (rc == 0)
		rc = gw_dp_create(&p->ports->dp, &p->dp, err);
	if (rc != 0)
		return rc;
	talk_set_dp(p->talk, p->dp);
	return program_measure(p, err);
}

/* ---- a port to itself ---- */

int mode_self(struct program *p, struct gw_err *err)
{
	struct talk_conf tc;
	int rc = program_start_loop(p, err);

	if (rc == 0)
		rc = program_secret(p, err);
	if (rc == 0)
		rc = program_ports(p, BENCH_SENDER, NULL, err);
	if (rc != 0)
		return rc;
	p->ports->dp.loop_back = true;
	rc = gw_dp_create(&p->ports->dp, &p->dp, err);
	if (rc != 0)
		return rc;
	gw_dp_host(p->dp, &p->host);
	tc = program_talk_conf(p);
	rc = talk_pair(&tc, &p->talk, &p->twin, err);
	if (rc != 0)
		return rc;
	talk_set_dp(p->talk, p->dp);
	talk_set_dp(p->twin, p->dp);
	rc = receiver_create(&p->o, p->loop, p->dp, p->twin, &p->events, &p->receiver, err);
	if (rc != 0)
		return rc;
	talk_set_answerer(p->talk, receiver_answer, p->receiver);
	return program_measure(p, err);
}
