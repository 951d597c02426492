/* SPDX-License-Identifier: BSD-3-Clause */
#include "options_internal.h"

#include "../ctl/text.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#define M(mode) (1u << BENCH_##mode)
#define ENDS (M(LOOPBACK) | M(LISTEN) | M(RUN) | M(SELF))
#define SENDS (M(LOOPBACK) | M(RUN) | M(SELF))

#define AT(field) offsetof(struct bench_options, field)

static const struct option_row rows[] = {
	{"memif", "N", NUMBER, AT(memif), 1, GW_DP_MAX_PORTS, NULL, M(LOOPBACK),
		"make N pairs of shared-memory ports; needs no network card"},
	{"port", "DEVICE", DEVICE, 0, 0, 0, NULL, ENDS,
		"a port: PCI address, or virtual device with its arguments; repeated. loopback "
		"takes "
		"them in pairs that are cabled: the first of each sends"},
	{"address", "IP/PREFIX", ADDRESS, 0, 0, 0, NULL, ENDS,
		"of the --port before it, IPv4 or IPv6; loopback chooses its own (10.213.N.1/24, "
		".2)"},
	{"config", "FILE", TEXT, AT(config), 0, 0, NULL, M(RUN) | M(SELF),
		"ports, workers and integrity from a godwitd configuration"},
	{"listen", "HOST:PORT", TEXT, AT(listen), 0, 0, BENCH_DEFAULT_ADDRESS, M(LISTEN),
		"where the other end is waited for"},
	{"pki", "DIR", TEXT, AT(pki), 0, 0, NULL, M(LISTEN) | M(RUN),
		"certificates for the connection between the two ends, as scripts/pki makes them: "
		"DIR/ca.pem, host.pem, host.key; a configuration with security on says it too"},
	{"insecure", NULL, FLAG, AT(insecure), 0, 0, NULL, M(LISTEN),
		"without certificates allow an address that is not loopback: whoever reaches it "
		"can make this machine work"},
	{"time", "S", SECONDS, AT(time_s), 0, 86400, "3", SENDS, "of each measurement"},
	{"warmup", "S", SECONDS, AT(warmup_s), 0, 3600, "0.5", SENDS,
		"before each measurement, not counted"},
	{"rounds", "N", NUMBER, AT(rounds), 1, 1000, NULL, SENDS,
		"measurements, of which the medians are printed; default: 1, with --bound and "
		"--fresh "
		"5 of each, in turn"},
	{"bound", NULL, FLAG, AT(bound), 0, 0, NULL, M(LOOPBACK) | M(RUN),
		"measure the same path without the protocol too: what the protocol itself costs"},
	{"fresh", NULL, FLAG, AT(fresh), 0, 0, NULL, M(LOOPBACK) | M(RUN),
		"into memory that was never touched, populated ahead by helper threads, in turn "
		"with a "
		"plain loop that fills such memory there; each measurement is one pass over --ram"},
	{"search", NULL, FLAG, AT(search), 0, 0, NULL, SENDS,
		"look for the highest rate without loss (as RFC 2544, section 26.1)"},
	{"mtu", "BYTES", NUMBER, AT(mtu), 1500, 9600, "9000", ENDS, "largest IP packet"},
	{"rate", "BITS", RATE, AT(rate_bps), 0, 0, "0", ENDS,
		"cap of each port at layer 1, such as 10G; 0: none"},
	{"expect", "BITS", RATE, AT(expect_bps), 0, 0, "0", ENDS,
		"link speed that each port should have; a slower one is pointed out"},
	{"integrity", "WORD", INTEGRITY, AT(integrity), 0, 0, "none", ENDS,
		"of every packet: none, crc32c, aes-128-gcm or aes-256-gcm (both encrypt); both "
		"ends "
		"alike"},
	{"ram", "MIB", NUMBER, AT(ram_mib), 16, 1u << 20, "512", SENDS,
		"synthetic guest memory at each end"},
	{"pattern", "LIST", PATTERN, 0, 0, 0, "random", SENDS,
		"what is in it: random, or shares in percent such as zero=30,compressible=20 (the "
		"rest "
		"is random)"},
	{"workers", "N", NUMBER, AT(workers), 1, GW_DP_MAX_WORKERS, "1", ENDS,
		"poll cores of each end"},
	{"cpus", "LIST", CPUS, 0, 0, 0, NULL, ENDS,
		"CPUs of the poll cores, such as 2,3; loopback: of the sending end, then of the "
		"receiving one; default: chosen"},
	{"queues", "N", NUMBER, AT(queues), 1, 16, NULL, ENDS,
		"of each port; default: as many as workers"},
	{"descriptors", "N", NUMBER, AT(descriptors), 64, 32768, NULL, ENDS,
		"of each queue's rings; default: 512 (not for memif: --rsize)"},
	{"rsize", "N", NUMBER, AT(rsize), 5, 14, "7", M(LOOPBACK),
		"memif rings of 2^N packets: what stays in the L2 cache is fastest"},
	{"populate-threads", "N", NUMBER, AT(populate_threads), 1, 64, "1", ENDS,
		"that populate memory ahead with --fresh; said by the receiving end"},
	{"no-zero-copy", NULL, FLAG, AT(no_zero_copy), 0, 0, NULL, ENDS,
		"copy into packets also where the driver could read guest memory itself"},
	{"no-huge-pages", NULL, FLAG, AT(no_huge_pages), 0, 0, NULL, ENDS,
		"packet buffers in ordinary pages: slow"},
	{"json", NULL, FLAG, AT(json), 0, 0, NULL, SENDS, "one JSON object instead of the table"},
	{"svg", "FILE", TEXT, AT(svg), 0, 0, NULL, SENDS,
		"draw it too (needs gnuplot); - writes to stdout"},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
	const char *name, *synopsis, *help;
} modes[] = {
	[BENCH_LOOPBACK] = {"loopback", "loopback --memif N | --port DEVICE --port DEVICE...",
		"Both ends on this machine, each a process of its own, over ports that are "
		"joined:\n"
		"shared memory (--memif), or ports with a cable between them.\n"},
	[BENCH_LISTEN] = {"listen", "listen [CONFIG] [OPTION]...",
		"Waits for `godwit-bench run` on another machine and receives from it, again and\n"
		"again until Ctrl-C. CONFIG is a godwitd configuration; or name ports by --port\n"
		"and --address.\n"},
	[BENCH_RUN] = {"run", "run HOST[:PORT] [OPTION]...",
		"Sends to the `godwit-bench listen` on HOST (default port " BENCH_DEFAULT_PORT
		").\n"},
	[BENCH_SELF] = {"self", "self --port DEVICE [OPTION]...",
		"Sends over one port to itself: by the driver's own loopback, or because the "
		"cable\n"
		"ends in a reflector. One poll core does both ends' work.\n"},
};
#define N_MODES (sizeof(modes) / sizeof(modes[0]))

static const char exit_codes[] =
	"Exit codes: 0 measured; 1 it could not be measured, or something failed; 2 wrong\n"
	"usage; 7 the other end does not answer as godwit-bench does; 130 ended by Ctrl-C,\n"
	"what was measured until then is printed.\n";

static void print_options(FILE *f, unsigned int mode)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct option_row *r = &rows[i];
		char text[512];
		int n;

		if ((r->modes & mode) == 0)
			continue;
		n = fprintf(f, "  --%s%s%s", r->name, r->arg != NULL ? " " : "",
			r->arg != NULL ? r->arg : "");
		snprintf(text, sizeof(text), "%s%s%s", r->help,
			r->fallback != NULL ? "; default " : "",
			r->fallback != NULL ? r->fallback : "");
		fprintf(f, n < 25 ? "%*s" : "\n%*s", n < 25 ? 26 - n : 26, "");
		text_wrap(f, text, 26, 26, 86);
	}
}

static void help(FILE *f)
{
	fprintf(f, "NAME\n  godwit-bench - how fast godwit's data plane moves pages here\n\n"
		   "SYNOPSIS\n");
	for (size_t i = 0; i < N_MODES; i++)
		fprintf(f, "  godwit-bench %s\n", modes[i].synopsis);
	fprintf(f, "\nDESCRIPTION\n"
		   "  Moves synthetic pages with the poll workers, paths and packets that move a "
		   "guest,\n"
		   "  but without one, and prints for each port and queue what was carried, its "
		   "share of\n"
		   "  the line and of the theoretical payload, loss, round-trip times and CPU "
		   "cycles.\n"
		   "  What slows the ports down is pointed out. Start with:\n\n"
		   "    godwit-bench loopback --memif 1\n"
		   "    godwit-bench loopback --memif 1 --bound\n\nOPTIONS\n");
	print_options(f, ENDS);
	fprintf(f,
		"  --help, --version\n\n%s\n'godwit-bench MODE --help' says which options MODE "
		"takes.\n",
		exit_codes);
}

static void help_mode(FILE *f, enum bench_mode mode)
{
	fprintf(f, "usage: godwit-bench %s\n\n%s\n", modes[mode].synopsis, modes[mode].help);
	print_options(f, 1u << mode);
	fprintf(f, "\n%s", exit_codes);
}

/* What a configuration says is not said again. */
static int check_config(const struct bench_options *o, const bool *given)
{
	static const char *const said[] = {"port", "address", "mtu", "rate", "integrity", "workers",
		"cpus", "queues", "descriptors", "pki", "populate-threads", "no-zero-copy",
		"no-huge-pages"};

	if ((o->mode == BENCH_LISTEN ? o->operand : o->config) == NULL)
		return 0;
	for (size_t i = 0; i < N_ROWS; i++)
		for (size_t k = 0; given[i] && k < sizeof(said) / sizeof(said[0]); k++)
			if (strcmp(rows[i].name, said[k]) == 0)
				return option_bad("--%s: the configuration says it", said[k]);
	return 0;
}

static int check(const struct bench_options *o, const bool *given)
{
	const char *name = modes[o->mode].name;

	if (check_config(o, given) != 0)
		return -EINVAL;
	if (o->mode == BENCH_LOOPBACK) {
		if ((o->memif != 0) == (o->n_devices != 0))
			return option_bad("%s takes either --memif N, or pairs of --port", name);
		if (o->n_devices % 2 != 0)
			return option_bad("%s: %u ports: they come in pairs", name, o->n_devices);
		if (o->n_cpus != 0 && o->n_cpus != 2 * o->workers)
			return option_bad("--cpus: %u CPUs for 2 ends of %u workers (--workers)",
				o->n_cpus, o->workers);
		return 0;
	}
	if (o->mode == BENCH_RUN && o->operand == NULL)
		return option_bad("run takes the host on which `godwit-bench listen` runs");
	if (o->n_cpus != 0 && o->n_cpus != o->workers)
		return option_bad(
			"--cpus: %u CPUs for %u workers (--workers)", o->n_cpus, o->workers);
	if (o->mode == BENCH_SELF && o->n_devices != 1 && o->config == NULL)
		return option_bad("self takes one --port");
	if ((o->mode == BENCH_LISTEN ? o->operand : o->config) == NULL) {
		if (o->n_devices == 0)
			return option_bad(
				"%s: no port; name a configuration, or --port and --address", name);
		for (uint32_t i = 0; i < o->n_devices && o->mode != BENCH_SELF; i++)
			if (o->address[i] == NULL)
				return option_bad("--port %s: --address is missing", o->device[i]);
	}
	return 0;
}

static int parse_rows(struct bench_options *o, int argc, char **argv)
{
	struct option options[N_ROWS + 2] = {0};
	unsigned int mode = 1u << o->mode;
	bool given[N_ROWS] = {false};
	int option, index;

	for (size_t i = 0; i < N_ROWS; i++)
		options[i] = (struct option){rows[i].name,
			rows[i].arg != NULL ? required_argument : no_argument, NULL, 0};
	options[N_ROWS] = (struct option){"help", no_argument, NULL, 'h'};
	optind = 1;
	while ((option = getopt_long(argc, argv, "h", options, &index)) != -1) {
		if (option == 'h') {
			help_mode(stdout, o->mode);
			return 1;
		}
		if (option != 0)
			return -EINVAL;
		if ((rows[index].modes & mode) == 0)
			return option_bad("%s does not take --%s", argv[0], rows[index].name);
		if (option_take(o, &rows[index], optarg) != 0)
			return -EINVAL;
		given[index] = true;
	}
	if (optind < argc && (o->mode == BENCH_LISTEN || o->mode == BENCH_RUN))
		o->operand = argv[optind++];
	if (optind < argc)
		return option_bad("%s: '%s' is one word too many", argv[0], argv[optind]);
	return check(o, given);
}

int bench_options_parse(int argc, char **argv, struct bench_options *o)
{
	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].fallback != NULL && option_take(o, &rows[i], rows[i].fallback) != 0)
			return -EINVAL;
	if (argc < 2) {
		help(stderr);
		return -EINVAL;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0) {
		help(stdout);
		return 1;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("godwit-bench %s\n", GODWIT_VERSION);
		return 1;
	}
	for (size_t i = 0; i < N_MODES; i++) {
		if (strcmp(modes[i].name, argv[1]) != 0)
			continue;
		o->mode = (enum bench_mode)i;
		return parse_rows(o, argc - 1, argv + 1);
	}
	return option_bad("no mode '%s': loopback, listen, run and self are there", argv[1]);
}
