/* SPDX-License-Identifier: BSD-3-Clause */
/* Following one migration to its end on the screen, and aborting it on Ctrl-C. One at a time. */
#pragma once

#include "ctl.h"

#include <stdint.h>

struct follow {
	const struct ctl *ctl;
	struct ctl_client *client;
	const char *vm, *host;
	json_t *id; /* owned by the caller; NULL until admitted */
	/* Of follow.c: */
	bool aborting;
	bool terminal;
	bool line_open; /* a progress line waits for its newline */
	uint64_t printed_ns;
	char phase[32];
};

/* Takes over SIGINT and SIGTERM; ctl, vm and host are set, client and id follow when there are any.
 */
void follow_begin(struct follow *follow);
/* Looks whether a signal has come; for ctl_client_call(). May leave the program. */
void follow_interrupted(void *follow);
/* Until the session has ended; an exit code. */
int follow_run(struct follow *follow);
