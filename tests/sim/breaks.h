/* SPDX-License-Identifier: BSD-3-Clause */
/* Deliberate breaches, one at a time: each must be found by an invariant, or the invariant proves
 * nothing. They live here and in the simulated surroundings, never in the code under test. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* X(name, option, what is done) */
#define SIM_BREAKS(X)                                                                           \
	X(LOSE_DIRTY, "lose-dirty", "the exporter forgets a dirty page now and then")           \
	X(LATE_LABEL, "late-label", "a label is published after its pages were opened")         \
	X(SKIP_HOLES, "skip-holes", "nobody looks for given-back pages after the pause")        \
	X(LATE_STORE, "late-store", "an old packet is stored after the fence")                  \
	X(REUSE_PSN, "reuse-psn", "an ACK repeats a packet number now and then")                \
	X(REUSE_NONCE, "reuse-nonce", "a packet is sealed with another one's nonce")            \
	X(WRONG_KEY, "wrong-key", "an end's next keys are other ones than its peer's")          \
	X(SKIP_TAG, "skip-tag", "encrypted packets are believed whatever their tag is")         \
	X(SWALLOW, "swallow", "a frame vanishes and nobody counts it")                          \
	X(MISCOUNT, "miscount", "a packet's pages are counted as settled twice")                \
	X(PAUSE_LIES, "pause-lies", "the hypervisor says that the guest is paused, it runs on") \
	X(RESUME_LIES, "resume-lies", "the hypervisor says that the guest runs, it does not")   \
	X(RESUME_AFTER_GO, "resume-after-go", "the source resumes its guest after GO")          \
	X(NO_RECORDS, "no-records", "promises are not recorded")                                \
	X(KEEP_MEMORY, "keep-memory", "an aborted destination keeps what it got")               \
	X(LOSE_TIMER, "lose-timer", "timers of a second or more never fire")

enum sim_break {
	SIM_BREAK_NONE,
#define X(name, option, what) SIM_BREAK_##name,
	SIM_BREAKS(X)
#undef X
		SIM_BREAKS_N
};

bool sim_breaks_set(const char *option); /* false: no such breach */
bool sim_breaks(enum sim_break b);       /* whether that one is on */
void sim_breaks_list(FILE *f);
