/* SPDX-License-Identifier: BSD-3-Clause */
/* The synthetic guest's command line. */
#pragma once

#include "profile.h"

#include <stdbool.h>

struct guest_options {
	struct guest_profile profile;
	const char *socket_path;
	const char *vm_name;
	const char *mem_path; /* NULL: memfd */
	uint64_t save_writes; /* pages dirtied by saving the device state */
	uint32_t ring_entries;
	uint32_t socket_mode;     /* 0: 0600 */
	const char *socket_group; /* NULL: as it comes */
	const char *client;       /* user that may connect; NULL: root and its own */
	bool incoming;
	bool push_source; /* the writers push; else userfaultfd */
};

/* 0: go on; 1: --help was printed; -EINVAL: the reason is on stderr. */
int guest_options_parse(int argc, char **argv, struct guest_options *o);
