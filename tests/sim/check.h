/* SPDX-License-Identifier: BSD-3-Clause */
/* The invariants that are looked at from outside the guests (guest.c has theirs): packet numbers,
 * the fence, counters, and where the guest is when a session ends. A breach is sim_broken(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void sim_check_reset(void);
/* A source's session is over: completed, or not and then the guest runs at the source. */
void sim_check_end(uint32_t host, const char *vm, bool completed);
/* Every frame that was sent is accounted for; running guests have their memory. */
void sim_check_all(void);
/* No session is left: what waited at a destination in vain was given its memory back empty. */
void sim_check_rest(void);
