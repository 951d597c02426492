/* SPDX-License-Identifier: BSD-3-Clause */
/* control/transport_tls.c, tls.c, tls_why.c, tls_cert.c over TCP of the loopback interface. */
#include "../../control/transport_tls.c"

#include "../../dataplane/base/clock.h"
#include "pki.h"
#include "run.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/stat.h>

#define HELLO 300 /* bytes that a client sends as soon as it can */

/* One end of a connection and how it fared. */
struct peer {
	struct gw_tls *tls; /* NULL: in the clear */
	struct gw_transport t;
	bool old_tls, no_certificate;
	bool up, over;
	int rc;
	char why[GW_ERR_TEXT];
};

static struct gw_tls *credentials(const char *ca, const char *host, const char *crl)
{
	char file[4][PATH_MAX], name[64];
	struct gw_tls_conf conf = {.name = NULL};
	struct gw_tls *tls = NULL;
	struct gw_err err = {.text = ""};

	snprintf(name, sizeof(name), "%s/host.pem", host);
	conf.certificate = strdup(pki_file(name, file[0]));
	snprintf(name, sizeof(name), "%s/host.key", host);
	conf.key = strdup(pki_file(name, file[1]));
	conf.ca = strdup(pki_file(ca, file[2]));
	conf.crl = crl != NULL ? strdup(pki_file(crl, file[3])) : NULL;
	if (gw_tls_create(&conf, &tls, &err) != 0)
		fprintf(stderr, "%s\n", err.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tls);
	return tls;
}

/* They were made by credentials(). */
static void forget(struct gw_tls **tls)
{
	struct gw_tls_conf c;

	if (*tls == NULL)
		return;
	memcpy(&c, *tls, sizeof(c)); /* it is the first member: tls.c */
	gw_tls_free(tls);
	free((char *)c.ca);
	free((char *)c.certificate);
	free((char *)c.key);
	free((char *)c.crl);
}

/* The client is under way, the server has accepted. */
static void begin(struct peer *client, struct peer *server, const char *expect)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	char address[64];
	struct gw_err err = {.text = ""};
	int fd = -1, accepted;

	CU_ASSERT_EQUAL_FATAL(gw_transport_listen("127.0.0.1:0", GW_REACH_LOOPBACK, &fd, &err), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(in.sin_port));
	CU_ASSERT_EQUAL_FATAL(
		gw_transport_connect(address, client->tls, expect, &client->t, &err), 0);
	do
		accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	while (accepted < 0 && errno == EAGAIN);
	CU_ASSERT_EQUAL_FATAL(gw_transport_accepted(accepted, server->tls, &server->t), 0);
	close(fd);
}

static void adjust(struct peer *p)
{
	struct state *s = p->t.state;

	if (p->old_tls) {
		SSL_set_min_proto_version(s->ssl, TLS1_2_VERSION);
		SSL_set_max_proto_version(s->ssl, TLS1_2_VERSION);
	}
	if (p->no_certificate)
		SSL_certs_clear(s->ssl);
}

static void ended(struct peer *p, int rc, const char *why)
{
	p->over = true;
	p->rc = rc;
	snprintf(p->why, sizeof(p->why), "%s", why);
	p->t.ops->close(&p->t);
}

/* As peer.c: established, then reading; a client speaks first. */
static void step(struct peer *p, bool client)
{
	struct gw_err err = {.text = ""};
	uint32_t events;
	char buf[HELLO] = {0};
	ssize_t n;
	int rc;

	if (p->over)
		return;
	if (!p->up) {
		rc = p->t.ops->establish(&p->t, &events, &err);
		if (rc == -EAGAIN)
			return;
		if (rc != 0) {
			ended(p, rc, err.text);
			return;
		}
		p->up = true;
		if (client)
			p->t.ops->write(&p->t, buf, sizeof(buf));
		return;
	}
	n = p->t.ops->read(&p->t, buf, sizeof(buf));
	if (n == 0)
		ended(p, 0, "the end");
	else if (n < 0 && n != -EAGAIN)
		ended(p, (int)n, gw_transport_why(&p->t, strerror((int)-n)));
	else if (n > 0 && !client)
		ended(p, 0, "");
}

/* Until both know how it went; the server first, so that its alert has to survive its close. */
static void meet(struct peer *client, struct peer *server, const char *expect)
{
	uint64_t until = gw_now_ns() + 10 * GW_NS_PER_S;

	begin(client, server, expect);
	if (client->tls != NULL)
		adjust(client);
	if (server->tls != NULL)
		adjust(server);
	while (!(client->over && server->over) && gw_now_ns() < until) {
		step(server, false);
		step(client, true);
	}
}

/* Both are connected; nobody has said anything. */
static void join(struct peer *client, struct peer *server)
{
	while (!(client->up && server->up) && !client->over && !server->over) {
		if (!client->up)
			step(client, false);
		if (!server->up)
			step(server, false);
	}
	if (client->over || server->over)
		fprintf(stderr, "client: %s; server: %s\n", client->why, server->why);
	CU_ASSERT_FATAL(client->up && server->up);
}

struct end {
	const char *ca, *host, *crl;
	bool old_tls, no_certificate;
	const char *says;
};

/* Ends that should not trust each other; what each says. */
static const struct refusal {
	const char *name, *expect;
	struct end client, server;
} refusals[] = {
	{"server of another authority", "b",
		{"one/ca.pem", "one/a", .says = "its certificate (for b, issued by 'godwit CA "},
		{"two/ca.pem", "two/b", .says = "its tls.ca does not have the authority"}},
	{"client of another authority", "b",
		{"one/ca.pem", "two/a", .says = "its tls.ca does not have the authority"},
		{"one/ca.pem", "one/b", .says = "is refused: unable to get local issuer"}},
	{"expired server", "old",
		{"one/ca.pem", "one/a",
			.says = "its certificate (for old) is refused: certificate has expired: "
				"20"},
		{"one/ca.pem", "one/old", .says = "refuses this host's certificate: expired"}},
	{"expired client", "b",
		{"one/ca.pem", "one/old", .says = "refuses this host's certificate: expired"},
		{"one/ca.pem", "one/b",
			.says = "its certificate (for old) is refused: certificate has expired: "
				"20"}},
	{"wrong name", "c",
		{"one/ca.pem", "one/a", .says = "its certificate is for b, 127.0.0.1, not for 'c'"},
		{"one/ca.pem", "one/b", .says = "it is not for the name that the peer expects"}},
	{"wrong address", "127.0.0.2",
		{"one/ca.pem", "one/a", .says = "for b, 127.0.0.1, not for '127.0.0.2'"},
		{"one/ca.pem", "one/b", .says = "it is not for the name that the peer expects"}},
	{"revoked server", "gone",
		{"one/ca.pem", "one/a", "one/crl.pem", .says = "is refused: certificate revoked"},
		{"one/ca.pem", "one/gone", .says = "refuses this host's certificate: revoked"}},
	{"revoked client", "b",
		{"one/ca.pem", "one/gone", .says = "refuses this host's certificate: revoked"},
		{"one/ca.pem", "one/b", "one/crl.pem", .says = "is refused: certificate revoked"}},
	{"client of TLS 1.2", "b",
		{"one/ca.pem", "one/a", .old_tls = true, .says = "no common TLS version"},
		{"one/ca.pem", "one/b", .says = "it wants a TLS older than 1.3"}},
	{"server of TLS 1.2", "b",
		{"one/ca.pem", "one/a", .says = "no common TLS version: this host speaks TLS 1.3"},
		{"one/ca.pem", "one/b", .old_tls = true,
			/* As if it were one of 1.3 itself, as every godwitd is. */
			.says = "it wants a TLS older than 1.3, and nothing older is spoken"}},
	{"no certificate", "b",
		{"one/ca.pem", "one/a", .no_certificate = true, .says = "it wants a certificate"},
		{"one/ca.pem", "one/b", .says = "it has no certificate"}},
};

static void test_refusals(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		const struct end *ends[] = {&r->client, &r->server};
		struct peer peer[2] = {0};

		for (int e = 0; e < 2; e++) {
			peer[e].tls = credentials(ends[e]->ca, ends[e]->host, ends[e]->crl);
			peer[e].old_tls = ends[e]->old_tls;
			peer[e].no_certificate = ends[e]->no_certificate;
		}
		meet(&peer[0], &peer[1], r->expect);
		for (int e = 0; e < 2; e++) {
			bool good = peer[e].over && peer[e].rc < 0 &&
				    strstr(peer[e].why, ends[e]->says) != NULL;

			if (!good)
				fprintf(stderr, "%s, %s: %d, got \"%s\", wanted \"%s\"\n", r->name,
					e == 0 ? "client" : "server", peer[e].rc, peer[e].why,
					ends[e]->says);
			CU_ASSERT(good);
			forget(&peer[e].tls);
		}
	}
}

static void test_good(void)
{
	static const char *const names[] = {"b", "127.0.0.1", NULL};

	for (int i = 0; i < 3; i++) {
		struct peer client = {.tls = credentials("one/ca.pem", "one/a", "one/crl.pem")};
		struct peer server = {.tls = credentials("one/ca.pem", "one/b", "one/crl.pem")};
		struct gw_err err;

		begin(&client, &server, names[i]);
		join(&client, &server);
		CU_ASSERT(client.t.secure && server.t.secure);
		CU_ASSERT_EQUAL(client.t.ops->identity(&client.t, "b", &err), 0);
		CU_ASSERT_EQUAL(server.t.ops->identity(&server.t, "a", &err), 0);
		CU_ASSERT_EQUAL(server.t.ops->identity(&server.t, "b", &err), -EKEYREJECTED);
		CU_ASSERT_STRING_EQUAL(err.text, "it calls itself 'b', its certificate is for a");
		CU_ASSERT(server.t.ops->left_s(&server.t) > 396 * INT64_C(86400) &&
			  server.t.ops->left_s(&server.t) <= 397 * INT64_C(86400));
		CU_ASSERT_EQUAL(SSL_version(((struct state *)client.t.state)->ssl), TLS1_3_VERSION);
		ended(&client, 0, "");
		while (!server.over)
			step(&server, false);
		forget(&client.tls);
		forget(&server.tls);
	}
}

/* What security is off at is told apart from what is broken. */
static void test_clear_text(void)
{
	struct peer client = {0}, server = {0};
	struct gw_err err = {.text = ""};
	uint32_t events;
	char hello[8] = {0};
	int rc;

	server.tls = credentials("one/ca.pem", "one/b", NULL);
	begin(&client, &server, NULL);
	CU_ASSERT_EQUAL(client.t.ops->write(&client.t, hello, sizeof(hello)), sizeof(hello));
	do
		rc = server.t.ops->establish(&server.t, &events, &err);
	while (rc == -EAGAIN);
	CU_ASSERT_EQUAL(rc, -EPROTONOSUPPORT);
	CU_ASSERT_STRING_EQUAL(
		err.text, "it speaks in the clear: `security` is off there and on here");
	client.t.ops->close(&client.t);
	server.t.ops->close(&server.t);

	client.tls = server.tls;
	server.tls = NULL;
	begin(&client, &server, "b");
	CU_ASSERT_EQUAL(server.t.ops->write(&server.t, hello, sizeof(hello)), sizeof(hello));
	do
		rc = client.t.ops->establish(&client.t, &events, &err);
	while (rc == -EAGAIN);
	CU_ASSERT_EQUAL(rc, -EPROTONOSUPPORT);
	client.t.ops->close(&client.t);
	server.t.ops->close(&server.t);

	/* One that just goes. */
	begin(&client, &server, "b");
	server.t.ops->close(&server.t);
	do
		rc = client.t.ops->establish(&client.t, &events, &err);
	while (rc == -EAGAIN);
	CU_ASSERT(rc < 0);
	client.t.ops->close(&client.t);
	forget(&client.tls);
}

/* Both ends have the same bytes; another connection and another label give others. */
static void test_export(void)
{
	uint8_t secret[3][2][32];

	for (int i = 0; i < 3; i++) {
		struct peer client = {.tls = credentials("one/ca.pem", "one/a", NULL)};
		struct peer server = {.tls = credentials("one/ca.pem", "one/b", NULL)};
		const char *label = i < 2 ? GW_EXPORT_LABEL : "EXPORTER-other";

		begin(&client, &server, "b");
		CU_ASSERT(client.t.ops->export(&client.t, label, secret[i][0], 32) < 0);
		join(&client, &server);
		CU_ASSERT_EQUAL(client.t.ops->export(&client.t, label, secret[i][0], 32), 0);
		CU_ASSERT_EQUAL(server.t.ops->export(&server.t, label, secret[i][1], 32), 0);
		CU_ASSERT_EQUAL(memcmp(secret[i][0], secret[i][1], 32), 0);
		ended(&client, 0, "");
		ended(&server, 0, "");
		forget(&client.tls);
		forget(&server.tls);
	}
	CU_ASSERT_NOT_EQUAL(memcmp(secret[0][0], secret[1][0], 32), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(secret[0][0], secret[2][0], 32), 0);
}

/* More than sockets hold, in pieces, from a buffer that moves between two attempts. */
static void test_bulk(void)
{
	enum { BYTES = 8 << 20 };
	struct peer client = {.tls = credentials("one/ca.pem", "one/a", NULL)};
	struct peer server = {.tls = credentials("one/ca.pem", "one/b", NULL)};
	uint8_t *out = malloc(BYTES), *moved = malloc(BYTES), *in = malloc(BYTES);
	size_t put = 0, got = 0;
	bool waited = false;

	CU_ASSERT_FATAL(out != NULL && moved != NULL && in != NULL);
	for (size_t i = 0; i < BYTES; i++)
		out[i] = moved[i] = (uint8_t)(i * 2654435761u >> 13);
	begin(&client, &server, "b");
	join(&client, &server);
	while (got < BYTES) {
		ssize_t n = 1;

		while (put < BYTES && n > 0) {
			n = client.t.ops->write(
				&client.t, (put & 1 ? out : moved) + put, BYTES - put);
			put += n > 0 ? (size_t)n : 0;
			waited = waited || n == -EAGAIN;
		}
		CU_ASSERT_FATAL(n > 0 || n == -EAGAIN);
		n = server.t.ops->read(
			&server.t, in + got, BYTES - got < 5000 ? BYTES - got : 5000);
		CU_ASSERT_FATAL(n > 0 || n == -EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		/* A record is larger than what was asked for: no event would announce the rest. */
		if (n == 5000 && got == 5000)
			CU_ASSERT(server.t.ops->pending(&server.t));
	}
	CU_ASSERT(waited);
	CU_ASSERT_EQUAL(memcmp(in, out, BYTES), 0);
	ended(&client, 0, "");
	while (!server.over)
		step(&server, true);
	CU_ASSERT_STRING_EQUAL(server.why, "the end");
	forget(&client.tls);
	forget(&server.tls);
	free(out);
	free(moved);
	free(in);
}

static void put_file(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f = fopen(pki_file(name, path), "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

/* New files are taken, bad ones are not, and connections outlive both. */
static void test_rotation(void)
{
	struct peer client = {.tls = NULL}, server = {.tls = NULL};
	struct gw_tls_end end;
	struct gw_err err = {.text = ""};
	char copy[256], names[64];
	uint8_t byte = 7;

	CU_ASSERT_EQUAL_FATAL(pki_run("one r s"), 0);
	client.tls = credentials("one/ca.pem", "one/r", NULL);
	server.tls = credentials("one/ca.pem", "one/s", "one/s/crl.pem");
	begin(&client, &server, "s");
	join(&client, &server);
	CU_ASSERT_EQUAL(gw_tls_reload(server.tls, false, &err), 0);
	CU_ASSERT_EQUAL_FATAL(pki_run("--renew --days 90 one s:new.example"), 0);
	CU_ASSERT_EQUAL(gw_tls_reload(server.tls, false, &err), 1);
	gw_tls_end(server.tls, GW_TLS_CERTIFICATE, &end);
	CU_ASSERT((end.left_s - 1) / 86400 == 89);
	gw_tls_names(server.tls, names, sizeof(names));
	CU_ASSERT_STRING_EQUAL(names, "s, new.example");
	/* Half of a new pair: the other half is still to come. */
	CU_ASSERT_EQUAL_FATAL(pki_run("--force one half"), 0);
	snprintf(copy, sizeof(copy), "cp %s/one/half/host.pem %s/one/s/", pki_dir, pki_dir);
	CU_ASSERT_EQUAL_FATAL(system(copy), 0);
	CU_ASSERT(gw_tls_reload(server.tls, false, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not the key of tls.certificate"));
	put_file("one/s/host.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
	CU_ASSERT(gw_tls_reload(server.tls, false, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "tls.certificate: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "one/s/host.pem: "));
	/* Said once. */
	CU_ASSERT_EQUAL(gw_tls_reload(server.tls, false, &err), 0);
	gw_tls_names(server.tls, names, sizeof(names));
	CU_ASSERT_STRING_EQUAL(names, "s, new.example");
	/* The old connection goes on. */
	CU_ASSERT_EQUAL(client.t.ops->write(&client.t, &byte, 1), 1);
	while (!server.over)
		step(&server, false);
	CU_ASSERT_STRING_EQUAL(server.why, "");
	ended(&client, 0, "");
	/* A revoked client is out from the next connection on. */
	CU_ASSERT_EQUAL_FATAL(pki_run("--force one s:s.example"), 0);
	CU_ASSERT_EQUAL_FATAL(pki_run("--revoke r one"), 0);
	CU_ASSERT_EQUAL(gw_tls_reload(server.tls, false, &err), 1);
	client = (struct peer){.tls = client.tls};
	server = (struct peer){.tls = server.tls};
	meet(&client, &server, "s");
	CU_ASSERT_PTR_NOT_NULL(strstr(server.why, "certificate revoked"));
	forget(&client.tls);
	forget(&server.tls);
}

static void bad(
	const char *ca, const char *cert, const char *key, const char *crl, const char *says)
{
	char file[4][PATH_MAX];
	struct gw_tls_conf conf = {.ca = pki_file(ca, file[0]),
		.certificate = pki_file(cert, file[1]),
		.key = pki_file(key, file[2]),
		.crl = crl != NULL ? pki_file(crl, file[3]) : NULL};
	struct gw_tls *tls = NULL;
	struct gw_err err = {.text = ""};
	int rc = gw_tls_create(&conf, &tls, &err);

	if (rc >= 0 || strstr(err.text, says) == NULL)
		fprintf(stderr, "rc %d, got \"%s\", wanted \"%s\"\n", rc, err.text, says);
	CU_ASSERT(rc < 0 && strstr(err.text, says) != NULL);
	gw_tls_free(&tls);
}

static void test_bad_files(void)
{
	char path[PATH_MAX], text[PATH_MAX + 64];

	put_file("empty", "");
	put_file("junk", "no certificate at all\n");
	snprintf(text, sizeof(text), "tls.ca: %s: No such file", pki_file("none", path));
	bad("none", "one/a/host.pem", "one/a/host.key", NULL, text);
	bad("junk", "one/a/host.pem", "one/a/host.key", NULL, "tls.ca: ");
	bad("one/ca.pem", "none", "one/a/host.key", NULL, "none: No such file");
	bad("one/ca.pem", "empty", "one/a/host.key", NULL, "tls.certificate: ");
	bad("one/ca.pem", "one/a/host.pem", "none", NULL, "tls.key: ");
	bad("one/ca.pem", "one/a/host.pem", "one/b/host.key", NULL,
		"not the key of tls.certificate");
	bad("one/ca.pem", "one/a/host.pem", "one/a/host.key", "none", "tls.crl: ");
	bad("one/ca.pem", "one/a/host.pem", "one/a/host.key", "junk", "tls.crl: ");
	CU_ASSERT_EQUAL(chmod(pki_file("two/b/host.key", path), 0644), 0);
	bad("two/ca.pem", "two/b/host.pem", "two/b/host.key", NULL, "mode 0644 lets anybody at it");
	CU_ASSERT_EQUAL(chmod(path, 0640), 0);
	forget(&(struct gw_tls *){credentials("two/ca.pem", "two/b", NULL)});
}

/* What peers would say is known before they say it. */
static void test_own(void)
{
	struct gw_err err = {.text = ""};
	struct gw_tls *tls = credentials("one/ca.pem", "one/old", NULL);
	struct gw_tls_end end;

	CU_ASSERT_EQUAL(gw_tls_check(tls, &err), -EKEYREJECTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "peers will refuse it: certificate has expired"));
	gw_tls_end(tls, GW_TLS_CERTIFICATE, &end);
	CU_ASSERT(end.left_s < -86400);
	forget(&tls);
	tls = credentials("one/ca.pem", "two/a", NULL);
	CU_ASSERT_EQUAL(gw_tls_check(tls, &err), -EKEYREJECTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "unable to get local issuer"));
	forget(&tls);
	tls = credentials("one/ca.pem", "one/gone", "one/crl.pem");
	CU_ASSERT_EQUAL(gw_tls_check(tls, &err), -EKEYREJECTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "revoked"));
	forget(&tls);
	tls = credentials("one/ca.pem", "one/soon", "one/crl.pem");
	CU_ASSERT_EQUAL(gw_tls_check(tls, &err), 0);
	gw_tls_end(tls, GW_TLS_CERTIFICATE, &end);
	CU_ASSERT((end.left_s - 1) / 86400 == 9);
	CU_ASSERT_STRING_EQUAL(end.key, "tls.certificate");
	gw_tls_end(tls, GW_TLS_CA, &end);
	CU_ASSERT((end.left_s - 1) / 86400 == 3649);
	gw_tls_end(tls, GW_TLS_CRL, &end);
	CU_ASSERT(end.left_s / 86400 >= 3648 && end.left_s / 86400 <= 3650);
	forget(&tls);
}

static void concatenate(const char *first, const char *second, const char *both)
{
	char command[512];

	snprintf(command, sizeof(command), "cd %s && cat %s %s >%s", pki_dir, first, second, both);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* From one authority to another: both are believed, and where there are revocation lists each
 * needs its own. */
static void test_two_authorities(void)
{
	concatenate("one/ca.pem", "two/ca.pem", "both-ca.pem");
	concatenate("one/crl.pem", "two/crl.pem", "both-crl.pem");
	for (int both = 0; both < 2; both++) {
		struct peer client = {.tls = credentials("both-ca.pem", "two/a", NULL)};
		struct peer server = {.tls = credentials("both-ca.pem", "one/b",
					      both ? "both-crl.pem" : "one/crl.pem")};

		meet(&client, &server, "b");
		CU_ASSERT_EQUAL(server.rc == 0, both == 1);
		if (both == 0)
			CU_ASSERT_PTR_NOT_NULL(strstr(server.why, "unable to get certificate CRL"));
		forget(&client.tls);
		forget(&server.tls);
	}
}

/* The same key and name, but of another use than both. */
static void issue(const char *host, const char *use)
{
	char command[1024];

	snprintf(command, sizeof(command),
		"cd %s/one && openssl req -new -key %s/host.key -subj /CN=%s -out use.csr && "
		"printf 'extendedKeyUsage=%s\nsubjectAltName=DNS:%s\n' >use.ext && "
		"openssl x509 -req -in use.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 "
		"-extfile use.ext -out %s/host.pem 2>use.log",
		pki_dir, host, host, use, host, host);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* A host connects and is connected to: one use is not enough, at the start and later. */
static void test_uses(void)
{
	static const struct {
		const char *use, *says;
	} cases[] = {
		{"serverAuth", "unsuitable certificate purpose (as a client's)"},
		{"clientAuth", "unsuitable certificate purpose (as a server's)"},
		{"codeSigning", "unsuitable certificate purpose (as a server's)"},
	};
	struct gw_err err = {.text = ""};
	struct gw_tls *tls;

	CU_ASSERT_EQUAL_FATAL(pki_run("one use"), 0);
	tls = credentials("one/ca.pem", "one/use", NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gw_tls *new;

		issue("use", cases[i].use);
		CU_ASSERT_EQUAL(gw_tls_reload(tls, true, &err), -EKEYREJECTED);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].says));
		CU_ASSERT_EQUAL(gw_tls_check(tls, &err), 0); /* the old one */
		new = credentials("one/ca.pem", "one/use", NULL);
		CU_ASSERT_EQUAL(gw_tls_check(new, &err), -EKEYREJECTED);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].says));
		forget(&new);
	}
	issue("use", "serverAuth,clientAuth");
	CU_ASSERT_EQUAL(gw_tls_reload(tls, true, &err), 1);
	forget(&tls);
}

/* Without certificates nobody far away is let in or asked in, whatever a name turned into. */
static void test_reach(void)
{
	static const struct {
		const char *address;
		enum gw_reach reach;
		int rc;
	} tries[] = {
		{"198.51.100.7:0", GW_REACH_PRIVATE, -EPERM},
		{"0.0.0.0:0", GW_REACH_PRIVATE, -EPERM},
		{"[2001:db8::7]:0", GW_REACH_PRIVATE, -EPERM},
		{"127.0.0.1:0", GW_REACH_PRIVATE, 0},
		{"10.213.0.7:0", GW_REACH_LOOPBACK, -EPERM},
		/* Allowed, and of no interface here. */
		{"10.213.0.7:0", GW_REACH_PRIVATE, -EADDRNOTAVAIL},
		{"198.51.100.7:0", GW_REACH_ANY, -EADDRNOTAVAIL},
	};
	struct gw_transport t;
	struct gw_err err;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		int fd = -1;

		CU_ASSERT_EQUAL(gw_transport_listen(tries[i].address, tries[i].reach, &fd, &err),
			tries[i].rc);
		if (fd >= 0)
			close(fd);
	}
	CU_ASSERT_EQUAL(gw_transport_connect("198.51.100.7:9", NULL, NULL, &t, &err), -EPERM);
	CU_ASSERT(strstr(err.text, "only private addresses are allowed") != NULL);
}

int main(void)
{
	CU_TestInfo tests[] = {{"good", test_good}, {"refusals", test_refusals},
		{"clear text", test_clear_text}, {"export", test_export}, {"bulk", test_bulk},
		{"bad files", test_bad_files}, {"own certificate", test_own}, {"uses", test_uses},
		{"two authorities", test_two_authorities}, {"rotation", test_rotation},
		{"reach", test_reach}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"tls", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	signal(SIGPIPE, SIG_IGN); /* as in every main() */
	if (pki_make() != 0)
		return 1;
	return run_suites(suites);
}
