/* SPDX-License-Identifier: BSD-3-Clause */
/* control/security.c: what is said of credentials that end, and when. */
#include "../../control/security.h"

#include "pki.h"
#include "run.h"

#include <fcntl.h>
#include <string.h>

static struct gw_loop *loop;

/* An authority whose certificate and revocation list have so many days, with one host, and what is
 * logged of each file; NULL: nothing. */
static const struct lifetimes {
	const char *dir, *host, *ca;
	const char *host_says, *ca_says, *crl_says;
} lifetimes[] = {
	{"long", "--days 397", "--ca-days 3650", NULL, NULL, NULL},
	{"ends29", "--until '29 days 1 hour'", "--ca-days 3650", "in 29 days: put a new one", NULL,
		NULL},
	{"ends30", "--until '29 days 23 hours'", "--ca-days 3650", "in 29 days: put a new one",
		NULL, NULL},
	{"ends31", "--until '30 days 1 hour'", "--ca-days 3650", NULL, NULL, NULL},
	{"over", "--until '2 days ago'", "--ca-days 3650", "has ended on", NULL, NULL},
	{"ca29", "--days 397", "--ca-days 29", NULL, "days: put a new one", "days: put a new one"},
	{"ca31", "--days 397", "--ca-days 31", NULL, NULL, NULL},
};

/* What is logged while security is switched on, into text. */
static void start(const struct gw_config *config, char *text, size_t size)
{
	struct gw_security *s = NULL;
	struct gw_err err = {.text = ""};
	char path[PATH_MAX];
	int log = open(pki_file("log", path), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int old = dup(STDERR_FILENO);
	ssize_t n;

	CU_ASSERT_FATAL(log >= 0 && old >= 0);
	dup2(log, STDERR_FILENO);
	CU_ASSERT_EQUAL(gw_security_create(loop, config, &s, &err), 0);
	dup2(old, STDERR_FILENO);
	n = pread(log, text, size - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	gw_security_free(&s);
	close(log);
	close(old);
}

/* That of this file these words are logged; NULL: nothing is. */
static void expect(const char *text, const char *key, const char *file, const char *says)
{
	char start[PATH_MAX + 32], line[512] = "";
	const char *at;

	snprintf(start, sizeof(start), "%s: %s: ", key, file);
	at = strstr(text, start);
	if (at != NULL)
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	if (says == NULL ? at != NULL : strstr(line, says) == NULL) {
		fprintf(stderr, "%s%swanted \"%s\" in:\n%s", start, line,
			says != NULL ? says : "nothing", text);
		CU_FAIL("another warning");
	}
}

static char *path_in(const char *folder, const char *name, char out[PATH_MAX])
{
	char below[128];

	snprintf(below, sizeof(below), "%s/h/%s", folder, name);
	pki_file(below, out);
	return out;
}

static void test_ends(void)
{
	for (size_t i = 0; i < sizeof(lifetimes) / sizeof(lifetimes[0]); i++) {
		const struct lifetimes *l = &lifetimes[i];
		char command[256], file[4][PATH_MAX], text[8192];
		struct gw_config config = {.security = GW_CONFIG_ON,
			.name = "h",
			.tls = {.ca = path_in(l->dir, "ca.pem", file[0]),
				.certificate = path_in(l->dir, "host.pem", file[1]),
				.key = path_in(l->dir, "host.key", file[2]),
				.crl = path_in(l->dir, "crl.pem", file[3])}};

		snprintf(command, sizeof(command), "%s %s %s h", l->host, l->ca, l->dir);
		CU_ASSERT_EQUAL_FATAL(pki_run(command), 0);
		start(&config, text, sizeof(text));
		expect(text, "tls.certificate", config.tls.certificate, l->host_says);
		expect(text, "tls.ca", config.tls.ca, l->ca_says);
		expect(text, "tls.crl", config.tls.crl, l->crl_says);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {{"ends", test_ends}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"security", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	int failed;

	if (pki_begin() != 0 || gw_loop_create(&loop) != 0)
		return 1;
	failed = run_suites(suites);
	gw_loop_free(&loop);
	return failed;
}
