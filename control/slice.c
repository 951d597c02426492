/* SPDX-License-Identifier: BSD-3-Clause */
#include "slice.h"

#include <linux/sched.h>
#include <linux/sched/types.h> /* not beside <sched.h>, which newer C libraries have it in too */
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool get(struct sched_attr *a)
{
	return syscall(SYS_sched_getattr, 0, a, sizeof(*a), 0) == 0 &&
	       a->sched_policy == SCHED_NORMAL;
}

uint64_t gw_slice_get_ns(void)
{
	struct sched_attr a = {0};

	return get(&a) ? a.sched_runtime : 0;
}

void gw_slice_set_ns(uint64_t ns)
{
	struct sched_attr a = {0};

	if (!get(&a))
		return;
	a.sched_runtime = ns;
	syscall(SYS_sched_setattr, 0, &a, 0);
}
