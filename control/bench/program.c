/* SPDX-License-Identifier: BSD-3-Clause */
#include "program.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"
#include "../ctl/gnuplot.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define LINK_NS (10 * GW_NS_PER_S)
#define SELF_LINK_NS (3 * GW_NS_PER_S) /* there is nobody to wait for */

static void on_signal(void *ctx, uint32_t signo)
{
	struct program *p = ctx;

	(void)signo;
	p->interrupted = p->was_interrupted = true;
	gw_loop_stop(p->loop);
}

int program_ports(
	struct program *p, enum bench_side side, const char *directory, struct gw_err *err)
{
	int rc = bench_ports_create(&p->o, side, directory, &p->ports, err);

	if (rc != 0 || p->ports->config == NULL)
		return rc;
	/* Where a configuration may keep its shared-memory sockets; if it cannot be made, the port
	 * says so. */
	if (mkdir(p->ports->config->run_dir, 0755) != 0 && errno != EEXIST)
		gw_warn("%s: %s", p->ports->config->run_dir, strerror(errno));
	p->o.no_huge_pages = !p->ports->dp.huge_pages;
	p->o.no_zero_copy = !p->ports->dp.zero_copy;
	p->o.populate_threads = p->ports->config->dataplane.populate_threads;
	return 0;
}

int program_tls(struct program *p, struct gw_err *err)
{
	static const char *const names[] = {"ca.pem", "host.pem", "host.key"};
	const struct gw_config *c = p->ports->config;
	struct gw_tls_conf conf = {
		.ca = p->tls_file[0], .certificate = p->tls_file[1], .key = p->tls_file[2]};

	if (c != NULL && c->security == GW_CONFIG_ON) {
		conf.ca = c->tls.ca;
		conf.certificate = c->tls.certificate;
		conf.key = c->tls.key;
		conf.crl = c->tls.crl;
	} else if (p->o.pki == NULL) {
		/* Whoever listens on the way would have the secret too. */
		return gw_integrity_encrypts(p->ports->dp.integrity)
			       ? gw_err(err, -EINVAL,
					 "integrity %s: between two machines it takes certificates "
					 "(--pki)",
					 gw_integrity_name(p->ports->dp.integrity))
			       : 0;
	}
	for (int i = 0; c == NULL && i < 3; i++)
		if ((size_t)snprintf(p->tls_file[i], PATH_MAX, "%s/%s", p->o.pki, names[i]) >=
			PATH_MAX)
			return gw_err(err, -ENAMETOOLONG, "--pki %s: too long", p->o.pki);
	return gw_tls_create(&conf, &p->tls, err);
}

int program_start_loop(struct program *p, struct gw_err *err)
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

void program_unwind(struct program *p)
{
	sender_free(&p->bench.sender);
	receiver_free(&p->receiver);
	bench_release(&p->bench);
	talk_free(&p->talk);
	talk_free(&p->twin);
	if (p->dp != NULL)
		gw_dp_free(&p->dp);
	gw_tls_free(&p->tls);
	explicit_bzero(p->secret, sizeof(p->secret));
	bench_ports_free(&p->ports);
	gw_watch_free(&p->sigint);
	gw_watch_free(&p->sigterm);
	if (p->loop != NULL)
		gw_loop_free(&p->loop);
}

int program_secret(struct program *p, struct gw_err *err)
{
	if (getrandom(p->secret, sizeof(p->secret), 0) != sizeof(p->secret))
		return gw_err(err, -EIO, "no random numbers");
	p->has_secret = true;
	return 0;
}

struct talk_conf program_talk_conf(struct program *p)
{
	return (struct talk_conf){
		p->loop, &p->host, &p->interrupted, p->tls, p->has_secret ? p->secret : NULL};
}

static int print(const struct bench *b, struct gw_err *err)
{
	json_t *j;

	if (!b->o->json) {
		bench_print(b, stdout);
	} else {
		j = bench_json(b);
		json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		fputc('\n', stdout);
		json_decref(j);
	}
	/* A full disk must not look like success to a script. */
	if (fflush(stdout) != 0 || ferror(stdout))
		return gw_err(err, -EIO, "the result cannot be written");
	return 0;
}

static int draw(const struct bench *b, struct gw_err *err)
{
	FILE *script = gnuplot_script();
	char text[GW_ERR_TEXT];
	int rc;

	if (script == NULL)
		return gw_err(err, -ENOMEM, "no memory for the picture");
	bench_chart(b, script);
	rc = gnuplot_draw(script, b->o->svg, text, sizeof(text));
	return rc == 0 ? 0 : gw_err(err, -EIO, "--svg: %s", text);
}

int program_measure(struct program *p, struct gw_err *err)
{
	struct bench *b = &p->bench;
	struct bench_ports *other = NULL;
	int rc = talk_link(p->talk, p->o.mode == BENCH_SELF ? SELF_LINK_NS : LINK_NS, err);

	b->o = &p->o;
	b->dp = p->dp;
	b->integrity = p->host.integrity;
	/* The other half's poll cores are on this machine. */
	if (rc == 0 && p->o.mode == BENCH_LOOPBACK)
		rc = bench_ports_create(&p->o, BENCH_RECEIVER, "", &other, err);
	if (rc == 0)
		facts_gather(&p->o, p->dp, talk_dp_link(p->talk),
			other != NULL ? other->dp.worker_cpu : NULL,
			other != NULL ? other->dp.n_workers : 0, &b->facts);
	bench_ports_free(&other);
	b->link = talk_dp_link(p->talk);
	if (rc == 0)
		rc = sender_create(&p->o, p->loop, p->dp, p->talk, &p->events, &p->interrupted,
			&b->sender, err);
	if (rc == 0)
		rc = bench_run(b, err);
	if (rc == 0)
		rc = print(b, err);
	if (rc == 0 && p->o.svg != NULL)
		rc = draw(b, err);
	return rc;
}
