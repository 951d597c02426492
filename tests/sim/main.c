/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator; scripts/simulate runs it. */
#include "measure.h"

#include <getopt.h>
#include <stdlib.h>

static void usage(FILE *f)
{
	fprintf(f,
		"usage: simulator --measure SCENARIO [--seed S]\n"
		"\n"
		"Runs the data plane over a simulated network in virtual time and prints one JSON\n"
		"object. Scenarios:\n");
	sim_measure_list(f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"measure", required_argument, NULL, 'm'},
		{"seed", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	const char *scenario = NULL;
	uint64_t seed = 1;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'm':
			scenario = optarg;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (scenario == NULL || optind != argc) {
		usage(stderr);
		return 2;
	}
	if (sim_measure(scenario, seed, stdout))
		return 0;
	fprintf(stderr, "simulator: no scenario '%s'\n", scenario);
	return 2;
}
