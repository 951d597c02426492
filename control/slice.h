/* SPDX-License-Identifier: BSD-3-Clause */
/* For how long the calling thread runs at a time (Linux 6.12 and later; before, nothing happens). With
 * a short slice it gets its turn soon after it wakes, beside threads that never sleep: poll-mode
 * cores, a guest's CPUs. Its share of the CPU does not change. */
#pragma once

#include <stdint.h>

/* 0: it has none, by an older kernel or another policy. */
uint64_t gw_slice_get_ns(void);
void gw_slice_set_ns(uint64_t ns);
