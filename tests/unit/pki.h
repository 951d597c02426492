/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates for tests, made by scripts/pki in a folder of their own: authority "one" with hosts
 * a, b (also 127.0.0.1), old (ended two days ago), soon (ends in ten days) and gone (revoked);
 * authority "two" with a and b. */
#pragma once

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char pki_dir[] = "/tmp/godwit-pki-XXXXXX";

static int pki_run(const char *arguments)
{
	char command[1024];

	snprintf(command, sizeof(command), "cd %s && " GW_SOURCE_ROOT "/scripts/pki %s >pki.log",
		pki_dir, arguments);
	return system(command);
}

static void pki_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", pki_dir);
	if (system(command) != 0)
		fprintf(stderr, "%s stays behind\n", pki_dir);
}

/* The folder, empty; its end is the program's. */
static inline int pki_begin(void)
{
	if (mkdtemp(pki_dir) == NULL)
		return -1;
	atexit(pki_remove);
	return 0;
}

static inline int pki_make(void)
{
	return pki_begin() != 0 || pki_run("one a b:127.0.0.1 gone") != 0 ||
			       pki_run("two a b") != 0 ||
			       pki_run("--until '2 days ago' one old") != 0 ||
			       pki_run("--days 10 one soon") != 0 ||
			       pki_run("--revoke gone one") != 0
		       ? -1
		       : 0;
}

/* "one/a/host.pem" with the folder before it. */
static inline const char *pki_file(const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", pki_dir, name);
	return out;
}
