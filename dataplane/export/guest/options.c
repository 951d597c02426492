/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"
#include "../access.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { SIZE, NUMBER, RATE, TEXT, FLAG, PATTERN, SOURCE, MODE };

/* One row per option: it makes the parser and --help. */
struct row {
	const char *name, *arg, *help;
	enum kind kind;
	void *value;
};

static int parse_number(const char *text, bool units, uint64_t *out)
{
	static const char suffix[] = "KMGT";
	unsigned long long v;
	const char *s;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno != 0 || end == text || text[0] == '-')
		return -EINVAL;
	if (units && *end != '\0' && (s = strchr(suffix, *end)) != NULL) {
		unsigned int shift = 10 * (unsigned int)(s - suffix + 1);

		if (v > UINT64_MAX >> shift)
			return -EINVAL;
		v <<= shift;
		end++;
	}
	*out = v;
	return *end == '\0' ? 0 : -EINVAL;
}

static int parse_pattern(const char *text, uint32_t *out)
{
	static const char *const names[] = {"seq", "random", "hot"};

	for (uint32_t i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_value(const struct row *r, const char *text)
{
	uint64_t v;

	switch (r->kind) {
	case SIZE:
		return parse_number(text, true, r->value);
	case RATE:
		if (strcmp(text, "max") != 0)
			return parse_number(text, false, r->value);
		*(uint64_t *)r->value = GUEST_RATE_MAX;
		return 0;
	case NUMBER:
		if (parse_number(text, false, &v) < 0 || v > UINT32_MAX)
			return -EINVAL;
		*(uint32_t *)r->value = (uint32_t)v;
		return 0;
	case TEXT:
		*(const char **)r->value = text;
		return 0;
	case PATTERN:
		return parse_pattern(text, r->value);
	case SOURCE:
		*(bool *)r->value = strcmp(text, "push") == 0;
		return strcmp(text, "push") == 0 || strcmp(text, "uffd") == 0 ? 0 : -EINVAL;
	case MODE:
		return gw_access_mode(text, r->value);
	case FLAG:
		*(bool *)r->value = true;
		return 0;
	}
	return -EINVAL;
}

static void print_help(const struct row *rows, size_t n)
{
	printf("usage: godwit-guest --socket PATH [options]\n"
	       "A process that behaves like a guest: it writes its memory by a profile, verifies "
	       "it all "
	       "the time,\nand exports it to godwit as a native hypervisor.\n\n");
	for (size_t i = 0; i < n; i++)
		printf("  --%-13s %-15s %s\n", rows[i].name, rows[i].arg, rows[i].help);
	printf("  --%-13s %-15s %s\n\n", "help", "", "this text");
	printf("SIZE takes K, M, G or T. SIGUSR1 prints a status line, SIGTERM ends the guest and "
	       "prints\n"
	       "it too. Exit status: 0; 1 if a page had the wrong content; 2 if it could not "
	       "start.\n");
}

int guest_options_parse(int argc, char **argv, struct guest_options *o)
{
	bool counter = false;
	struct guest_profile *p = &o->profile;
	uint32_t save_writes = 0;
	const struct row rows[] = {
		{"socket", "PATH", "where to listen for godwitd (required)", TEXT, &o->socket_path},
		{"name", "NAME", "VM name (default: guest)", TEXT, &o->vm_name},
		{"ram", "SIZE", "guest memory (default: 256M)", SIZE, &p->ram_bytes},
		{"regions", "N", "cut into 1..16 regions (default: 1)", NUMBER, &p->regions},
		{"mem-path", "DIR|FILE", "memory from files there (default: memfd)", TEXT,
			&o->mem_path},
		{"holes", "PCT", "pages never touched (default: 0)", NUMBER, &p->holes_pct},
		{"zero", "PCT", "pages zero every other time (default: 0)", NUMBER, &p->zero_pct},
		{"compressible", "PCT", "of the other pages (default: 50)", NUMBER,
			&p->compressible_pct},
		{"hot-set", "SIZE",
			"memory that is written (default: all; with hot: 90% of writes)", SIZE,
			&p->hot_set_bytes},
		{"write-rate", "PAGES_PER_S", "0: idle, or max (default: 10000)", RATE,
			&p->write_rate},
		{"check-rate", "PAGES_PER_S", "pages verified, 0 or max (default: 20000)", RATE,
			&p->check_rate},
		{"pattern", "seq|random|hot", "order of writes (default: random)", PATTERN,
			&p->pattern},
		{"seed", "N", "of contents and order (default: 1)", SIZE, &p->seed},
		{"threads", "N", "writers, 1..15 (default: 1)", NUMBER, &p->threads},
		{"counter", "", "bump a counter in RAM each millisecond", FLAG, &counter},
		{"incoming", "", "start empty and paused, wait for LOAD", FLAG, &o->incoming},
		{"source", "uffd|push", "how writes are tracked (default: uffd)", SOURCE,
			&o->push_source},
		{"save-writes", "PAGES", "dirtied by saving device state (default: 0)", NUMBER,
			&save_writes},
		{"ring-entries", "N", "64..1048576, a power of two (default: 65536)", NUMBER,
			&o->ring_entries},
		{"mode", "MODE", "of the socket (default: 0600)", MODE, &o->socket_mode},
		{"group", "GROUP", "of the socket", TEXT, &o->socket_group},
		{"client", "USER", "may connect, beside root and its own user", TEXT, &o->client},
	};
	enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct option longs[N_ROWS + 2] = {{NULL, 0, NULL, 0}};
	const char *error;
	int c;

	*o = (struct guest_options){.vm_name = "guest", .ring_entries = 65536};
	*p = (struct guest_profile){.ram_bytes = 256ull << 20,
		.regions = 1,
		.compressible_pct = 50,
		.write_rate = 10000,
		.check_rate = 20000,
		.pattern = GUEST_RANDOM,
		.seed = 1,
		.threads = 1};
	for (int i = 0; i < N_ROWS; i++)
		longs[i] = (struct option){rows[i].name,
			rows[i].kind == FLAG ? no_argument : required_argument, NULL, i};
	longs[N_ROWS] = (struct option){"help", no_argument, NULL, N_ROWS};

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == N_ROWS) {
			print_help(rows, N_ROWS);
			return 1;
		}
		if (c < 0 || c > N_ROWS)
			return -EINVAL; /* getopt has said why */
		if (parse_value(&rows[c], optarg) < 0) {
			fprintf(stderr, "godwit-guest: --%s '%s': expected %s\n", rows[c].name,
				optarg, rows[c].arg);
			return -EINVAL;
		}
	}
	p->counter = counter;
	o->save_writes = save_writes;
	error = guest_profile_error(p);
	if (optind < argc)
		error = "no arguments are taken besides options";
	else if (o->socket_path == NULL)
		error = "--socket is required";
	if (error != NULL) {
		fprintf(stderr, "godwit-guest: %s\n", error);
		return -EINVAL;
	}
	return 0;
}
