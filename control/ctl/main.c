/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitctl: the command line to godwitd. */
#include "ctl.h"
#include "text.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/godwit/control.sock"

static const struct {
	const char *name;
	ctl_command *run;
	const char *synopsis, *help;
} commands[] = {
	{"migrate", ctl_migrate, "migrate VM HOST [OPTION]...",
		"Move VM to HOST and follow the migration until it ends.\n"
		"\n"
		"  --verify               compare digests of both ends' memory at the end\n"
		"  --after quit|leave     what becomes of the source's hypervisor\n"
		"  --populate-first       populate the destination's memory before sending\n"
		"  --blackout-limit MS    switch over when the predicted blackout fits\n"
		"  --max-total S          limit of the whole migration, 0: none\n"
		"  --on-limit abort|switchover\n"
		"                         what to do when --max-total is over\n"
		"  --max-slowdown PERCENT how much of its time the guest may lose, 0: nothing\n"
		"  --on-slowdown-limit abort|wait|switchover\n"
		"                         what to do when that is not enough\n"
		"  --class NAME           share of busy ports and cap, as configured\n"
		"  --weight N             share of busy ports, 1..1000\n"
		"  --rate RATE            cap over all ports, such as 2.5G; 0: none\n"
		"  --announce MAC[,ADDRESS]...\n"
		"                         of a guest whose hypervisor does not announce it: the\n"
		"                         destination does, for this NIC; once for each\n"
		"  --detach               print the session's id and return once it has begun\n"
		"\n"
		"What is not given here, godwitd's configuration says. Ctrl-C aborts the\n"
		"migration and waits for its end; a second Ctrl-C leaves at once. On a narrow\n"
		"terminal \"bo\" is the blackout and \"G\" is Gb/s.\n"},
	{"check", ctl_check, "check VM HOST",
		"Can VM move to HOST now? If not, why, and what helps.\n"},
	{"dirty-rate", ctl_dirty_rate, "dirty-rate VM [--seconds N]",
		"Measure what VM dirties, without moving it.\n"
		"\n"
		"  --seconds N            how long, 1..60; default 5\n"
		"\n"
		"Tracks the guest's writes for that time and says how much of its memory it\n"
		"dirties (pages that differ, in intervals of 100 ms), how many pages that is in\n"
		"all, and what a migration over this host's ports would come to. Ctrl-C ends it\n"
		"and prints what was measured (exit code 1). A migration of the VM ends it too.\n"},
	{"list", ctl_list, "list", "All sessions, the finished ones too.\n"},
	{"show", ctl_show, "show VM|ID", "One session in full; of a VM the newest.\n"},
	{"abort", ctl_abort, "abort VM|ID [REASON]",
		"End a migration; the guest stays at the source.\n"},
	{"set", ctl_set, "set VM|ID [KEY=VALUE]... | set --port NAME [KEY=VALUE]...",
		"Change a running migration, or a port, in flight.\n"
		"\n"
		"Of a migration, at its source:\n"
		"  weight=N               share of busy ports, 1..1000\n"
		"  rate=RATE              cap over all ports, such as 2.5G; 0: none\n"
		"  class=NAME             weight and cap of a configured class\n"
		"  blackout_limit_ms=MS   switch over when the predicted blackout fits\n"
		"\n"
		"Of a port of this host:\n"
		"  rate=RATE              cap at layer 1, such as 10G; 0: none\n"
		"  state=up|down          down: out of service, its pages go over the others\n"
		"\n"
		"It holds until it is set again; the configuration file stays as it is.\n"},
	{"resolve", ctl_resolve, "resolve VM|ID --as WHAT [--sure]",
		"Say what became of a guest handed to a lost host.\n"
		"\n"
		"At the source, once the destination was told to run the guest and does not\n"
		"answer; 'show' says so. WHAT is\n"
		"  running-there   the guest runs there: the session is over here\n"
		"  running-here    it does not run there and never will: it is resumed here.\n"
		"                  If that is wrong, two guests run and spoil their disks, so\n"
		"                  --sure is needed: the host is off, or its hypervisor ended\n"
		"  gone            it is lost: the session ends, as does the hypervisor here\n"
		"                  unless it is to be left\n"
		"\n"
		"At the destination, by the session's ID: the outcome that is kept for the\n"
		"source is dropped. WHAT has to agree with it.\n"},
	{"peers", ctl_peers, "peers", "The hosts that guests may move to.\n"},
	{"ports", ctl_ports, "ports", "The ports of this host, with their counters.\n"},
	{"reload", ctl_reload, "reload",
		"Look at the files of the certificates now.\n\nGodwitd does so every few seconds, "
		"too.\n"},
	{"report", ctl_report,
		"report VM|ID [--plot FILE.svg] | report --from FILE.json [--plot FILE.svg]",
		"What a finished migration did; with --json all of it.\n"
		"\n"
		"  --plot FILE.svg   draw it (needs gnuplot); - writes to stdout\n"
		"  --from FILE.json  of a saved report, without godwitd\n"},
	{"version", ctl_version, "version", "Versions of godwitctl and godwitd.\n"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *f)
{
	fprintf(f, "usage: godwitctl [--socket PATH] [--json] COMMAND\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const char *options = strstr(commands[i].synopsis, " [");
		size_t len = strlen(commands[i].synopsis) - (options == NULL ? 0 : strlen(options));

		fprintf(f, "  %-16.*s %.*s\n", (int)len, commands[i].synopsis,
			(int)strcspn(commands[i].help, "\n"), commands[i].help);
	}
	fprintf(f, "\n"
		   "  --socket PATH    godwitd's socket; default " DEFAULT_SOCKET "\n"
		   "  --json           one JSON object per command; migrate: one per line\n"
		   "\n"
		   "'godwitctl COMMAND --help' says more.\n"
		   "\n"
		   "Exit codes: 0 done; 1 failed or aborted; 2 wrong usage; 3 no godwitd;\n"
		   "4 refused, the reasons are printed; 5 not found; 6 the VM has a session\n"
		   "already; 7 the peer does not answer; 8 not possible in this phase;\n"
		   "9 not for this user.\n");
}

int ctl_usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "godwitctl: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; try --help\n");
	return CTL_USAGE;
}

bool ctl_operands(int argc, char **argv, int min, int max, const char *names)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1] != '\0') {
			ctl_usage("%s: unknown option '%s'", argv[0], argv[i]);
			return false;
		}
	if (argc - 1 < min || argc - 1 > max) {
		ctl_usage("%s takes %s", argv[0], names);
		return false;
	}
	return true;
}

static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run(const struct ctl *ctl, int argc, char **argv)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		if (asks_help(argc, argv)) {
			printf("usage: godwitctl %s\n\n%s", commands[i].synopsis, commands[i].help);
			return CTL_OK;
		}
		return commands[i].run(ctl, argc, argv);
	}
	return ctl_usage("no command '%s'", argv[0]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
	struct ctl ctl = {.socket = DEFAULT_SOCKET};
	int option, rc, first;

	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt_long(argc, argv, "+s:jh", options, NULL)) != -1) {
		switch (option) {
		case 's':
			ctl.socket = optarg;
			break;
		case 'j':
			ctl.json = true;
			break;
		case 'h':
			print_help(stdout);
			return CTL_OK;
		case 'V':
			printf("godwitctl %s\n", GODWIT_VERSION);
			return CTL_OK;
		default:
			return CTL_USAGE;
		}
	}
	if (optind == argc) {
		print_help(stderr);
		return CTL_USAGE;
	}
	first = optind;
	if (strcmp(argv[first], "help") == 0) {
		print_help(stdout);
		return CTL_OK;
	}
	optind = 0; /* the command parses its own options from the start */
	rc = run(&ctl, argc - first, argv + first);
	/* A full disk must not look like success to a script. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == CTL_OK)
		rc = CTL_FAILED;
	return rc;
}
