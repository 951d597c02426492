/* SPDX-License-Identifier: BSD-3-Clause */
#include "harden.h"

#include "../../dataplane/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* core(5): private anonymous memory and ELF headers. */
#define FILTER "0x11"

void gw_harden_dumps(void)
{
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	/* -ENOENT: a kernel without core dumps */
	if (fd < 0 ? errno != ENOENT : write(fd, FILTER, strlen(FILTER)) != (ssize_t)strlen(FILTER))
		gw_warn("a core dump might hold guest memory: /proc/self/coredump_filter: %s",
			strerror(errno));
	if (fd >= 0)
		close(fd);
}
