/* SPDX-License-Identifier: BSD-3-Clause */
#include "grace.h"

#include <dlfcn.h>
#include <errno.h>
#include <rte_interrupts.h>
#include <stdlib.h>
#include <unistd.h>

/* A burst takes some 20 us. */
#define LOOK_US 20

static struct rte_rcu_qsbr *grace;

struct rte_rcu_qsbr *gw_grace(void)
{
	return grace;
}

int gw_grace_init(struct gw_err *err)
{
	size_t bytes = rte_rcu_qsbr_get_memsize(RTE_MAX_LCORE);
	struct rte_rcu_qsbr *g =
		aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(bytes, RTE_CACHE_LINE_SIZE));

	if (g == NULL || rte_rcu_qsbr_init(g, RTE_MAX_LCORE) != 0) {
		free(g);
		return gw_err(err, -ENOMEM, "no memory for grace periods");
	}
	grace = g;
	return 0;
}

/* Not rte_rcu_qsbr_synchronize(): it spins, maybe on the CPU that a poll core waits for. */
static void wait_for_all(void)
{
	uint64_t token = rte_rcu_qsbr_start(grace);

	while (rte_rcu_qsbr_check(grace, token, false) == 0)
		usleep(LOOK_US);
}

/*
 * Stands before EAL's function of that name. When a peer goes, memif, in EAL's interrupt thread,
 * says that the port is not connected, calls this, and unmaps the rings; poll cores that had looked
 * before are still at work in them.
 */
int rte_intr_callback_unregister(
	const struct rte_intr_handle *intr_handle, rte_intr_callback_fn cb, void *cb_arg)
{
	int (*unregister)(const struct rte_intr_handle *, rte_intr_callback_fn, void *) =
		(int (*)(const struct rte_intr_handle *, rte_intr_callback_fn, void *))dlsym(
			RTLD_NEXT, "rte_intr_callback_unregister");
	int ret = unregister != NULL ? unregister(intr_handle, cb, cb_arg) : -ENOTSUP;

	if (grace != NULL)
		wait_for_all();
	return ret;
}
