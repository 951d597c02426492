/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator; scripts/simulate runs it. */
#include "breaks.h"
#include "engine.h"
#include "measure.h"
#include "world.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t trouble;
	const char *what;
} scenarios[] = {
	{"random", SIM_TROUBLE_ALL, "everything goes wrong now and then (the default)"},
	{"calm", 0, "nothing goes wrong"},
	{"wire", SIM_TROUBLE_WIRE | SIM_TROUBLE_WORKERS, "a bad network, slow poll cores"},
	{"ports", SIM_TROUBLE_WIRE | SIM_TROUBLE_PORTS, "a bad network, and ports that fail"},
	{"commit",
		SIM_TROUBLE_CONTROL | SIM_TROUBLE_DAEMONS | SIM_TROUBLE_HYPERVISORS |
			SIM_TROUBLE_USERS,
		"a good network; daemons, hypervisors and control connections fail"},
};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static void usage(FILE *f)
{
	fprintf(f,
		"usage: simulator [--scenario NAME] [--first S] [--seeds N | --seed S [--trace]] "
		"[--break NAME]\n"
		"       simulator --measure NAME [--seed S] [--at-least SHARE]\n"
		"\n"
		"Runs godwit's own code in virtual time, from seeds S, S + 1, ... One line for "
		"each\n"
		"seed that breaks an invariant, then a summary. Exit code 0: every seed held, 1: "
		"one\n"
		"did not, 2: usage.\n"
		"\n"
		"Scenarios:\n");
	for (size_t i = 0; i < SCENARIOS; i++)
		fprintf(f, "  %-18s %s\n", scenarios[i].name, scenarios[i].what);
	fprintf(f, "\nBreaches to be found (--break):\n");
	sim_breaks_list(f);
	fprintf(f, "\nMeasured (--measure; prints JSON):\n");
	sim_measure_list(f);
}

struct options {
	const char *scenario, *measure;
	uint64_t first, seeds;
	double at_least; /* of a measured share */
	bool trace, verbose, twice, breach;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {{"scenario", required_argument, NULL, 'n'},
		{"first", required_argument, NULL, 'f'}, {"seeds", required_argument, NULL, 'k'},
		{"seed", required_argument, NULL, 's'}, {"trace", no_argument, NULL, 't'},
		{"verbose", no_argument, NULL, 'v'}, {"twice", no_argument, NULL, '2'},
		{"break", required_argument, NULL, 'b'}, {"measure", required_argument, NULL, 'm'},
		{"at-least", required_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			o->scenario = optarg;
			break;
		case 'f':
		case 's':
			o->first = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			o->seeds = strtoull(optarg, NULL, 0);
			break;
		case 't':
			o->trace = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'l':
			o->at_least = strtod(optarg, NULL);
			break;
		case 'm':
			o->measure = optarg;
			break;
		case '2':
			o->twice = true;
			break;
		case 'b':
			o->breach = true;
			if (sim_breaks_set(optarg))
				break;
			fprintf(stderr, "simulator: no breach '%s'\n", optarg);
			return 2;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			return 2;
		}
	}
	return optind == argc ? 0 : 2;
}

static void show(uint64_t seed, const struct sim_outcome *out)
{
	printf("seed %llu: %s (%u completed, %u not, %.3f s, %llu events, digest %016llx)\n",
		(unsigned long long)seed, out->broken != NULL ? out->broken : "ok", out->completed,
		out->not_completed, (double)out->virtual_ns / 1e9, (unsigned long long)out->events,
		(unsigned long long)out->digest);
	fflush(stdout);
}

static int run(const struct options *o, uint32_t trouble)
{
	uint64_t failed = 0, completed = 0, not_completed = 0, seeds = 0;

	sim_trace_on(o->trace);
	for (uint64_t seed = o->first; seeds < o->seeds && !(o->breach && failed > 0); seed++) {
		struct sim_outcome out, again;

		sim_world_run(seed, trouble, &out);
		seeds++;
		if (o->twice && out.broken == NULL) {
			sim_world_run(seed, trouble, &again);
			if (again.digest != out.digest)
				out.broken = "the same seed went another way";
		}
		completed += out.completed;
		not_completed += out.not_completed;
		failed += out.broken != NULL;
		if (out.broken != NULL || o->verbose || o->seeds == 1)
			show(seed, &out);
	}
	printf("%llu seeds, %llu failed; sessions: %llu completed, %llu not\n",
		(unsigned long long)seeds, (unsigned long long)failed,
		(unsigned long long)completed, (unsigned long long)not_completed);
	return o->breach ? failed == 0 : failed != 0;
}

int main(int argc, char **argv)
{
	struct options o = {.scenario = "random", .first = 1, .seeds = 1};
	int rc = parse(argc, argv, &o);
	double share;

	if (rc != 0)
		return rc;
	if (o.measure != NULL) {
		if (sim_measure(o.measure, o.first, stdout, &share))
			return share < o.at_least;
		fprintf(stderr, "simulator: nothing to measure is called '%s'\n", o.measure);
		return 2;
	}
	for (size_t i = 0; i < SCENARIOS; i++)
		if (strcmp(scenarios[i].name, o.scenario) == 0)
			return run(&o, scenarios[i].trouble);
	fprintf(stderr, "simulator: no scenario '%s'\n", o.scenario);
	return 2;
}
