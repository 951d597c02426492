/* SPDX-License-Identifier: BSD-3-Clause */
/* A process that is held by a descriptor, not by its number, which another may get. */
#pragma once

#include <poll.h>
#include <stdbool.h>

/* Has the process of pidfd ended? Where it has not, what /proc said of its number until now was
 * said of it. */
static inline bool gw_pidfd_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}
