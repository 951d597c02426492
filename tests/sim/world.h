/* SPDX-License-Identifier: BSD-3-Clause */
/* One seed's world: hosts, ports, cables, guests, what goes wrong, and the run of it all. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What goes wrong, as a mask: a scenario is a subset. */
enum sim_trouble {
	SIM_TROUBLE_WIRE = 1,         /* loss, damage, reorder, duplicates, narrow places */
	SIM_TROUBLE_PORTS = 2,        /* cuts, links down, wrong MTU */
	SIM_TROUBLE_CONTROL = 4,      /* control connections break or fall silent */
	SIM_TROUBLE_DAEMONS = 8,      /* godwitd is killed and started again */
	SIM_TROUBLE_HYPERVISORS = 16, /* operations fail or hang, processes die */
	SIM_TROUBLE_WORKERS = 32,     /* poll cores are away for a while */
	SIM_TROUBLE_USERS = 64,       /* aborts */
	SIM_TROUBLE_ALL = 127,
};

struct sim_outcome {
	const char *broken; /* NULL: every invariant held */
	uint64_t digest;    /* of all that happened */
	uint64_t events, virtual_ns;
	uint32_t completed, not_completed; /* sessions */
};

void sim_world_run(uint64_t seed, uint32_t trouble, struct sim_outcome *out);
