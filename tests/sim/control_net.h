/* SPDX-License-Identifier: BSD-3-Clause */
/* The management network: the byte streams between daemons. In order and without loss, but it
 * takes time, breaks, and may fall silent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void sim_control_reset(uint64_t delay_ns, uint64_t rate_bps);
/* Every connection of the host breaks; both ends are told. */
void sim_control_break(uint32_t host);
/* Nothing passes to or from the host while it is silent; nobody is told. */
void sim_control_silence(uint32_t host, bool silent);

/* A host's address, as its configuration says. */
#define SIM_ADDRESS "10.255.0.%u:7411"
/* Who calls: the simulator says it before it runs a daemon's code. */
void sim_control_caller(uint32_t host);
uint32_t sim_control_current(void);
