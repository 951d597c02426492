/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure: the threads that run a QEMU guest's vCPUs. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#define GW_VCPU_MAX_THREADS 512u

/* cpus: of query-cpus-fast. Each thread once (one may run all vCPUs); 0 where the answer is
 * missing, makes no sense, or names more than there is room for. */
uint32_t gw_vcpus_parse(const json_t *cpus, pid_t tids[GW_VCPU_MAX_THREADS]);
