/* SPDX-License-Identifier: BSD-3-Clause */
/* Fixed scenarios that measure how much of a long link the data plane fills: two hosts, paths,
 * streams, and always something to send. Payload is neither copied nor compared here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Names for --help, with what they are. */
void sim_measure_list(FILE *f);
/* Prints one JSON object; *share: of the payload rate. False: no such scenario. */
bool sim_measure(const char *name, uint64_t seed, FILE *out, double *share);
