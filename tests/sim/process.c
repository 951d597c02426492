/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/process.h: the process of a simulated hypervisor. */
#include "../../control/hypervisor/process.h"

#include "guest.h"

#include <errno.h>
#include <stdlib.h>

struct gw_process {
	struct sim_instance *inst;
	struct sim_event look;
	uint64_t kill_at_ns;
	void (*gone)(void *ctx);
	void *ctx;
};

/* Exporter.c says a process's number for its pidfd. */
int gw_process_open(struct gw_loop *loop, int pidfd, struct gw_process **out)
{
	(void)loop;
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return -ENOMEM;
	(*out)->inst = sim_instance_of_pid(pidfd);
	return 0;
}

void gw_process_free(struct gw_process **p)
{
	if (*p == NULL)
		return;
	sim_stop(&(*p)->look);
	free(*p);
	*p = NULL;
}

static void look(void *ctx)
{
	struct gw_process *p = ctx;

	if (!p->inst->alive) {
		p->gone(p->ctx);
		return;
	}
	if (sim_now() >= p->kill_at_ns)
		sim_instance_kill(p->inst);
	sim_after(&p->look, 500000, look, p);
}

void gw_process_await_end(
	struct gw_process *p, uint64_t kill_after_ns, void (*gone)(void *ctx), void *ctx)
{
	p->gone = gone;
	p->ctx = ctx;
	p->kill_at_ns = sim_now() + kill_after_ns;
	sim_after(&p->look, 1000, look, p);
}
