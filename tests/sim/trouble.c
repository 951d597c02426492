/* SPDX-License-Identifier: BSD-3-Clause */
#include "trouble.h"

#include "control_net.h"
#include "daemon.h"
#include "world.h"

#include <string.h>

#define MAX_PLANS 32u

enum kind { CUT, LINK, MTU, BREAK, SILENCE, DAEMON, AWAY, HYPERVISOR, ABORT, KINDS };
static const uint32_t wanted[KINDS] = {SIM_TROUBLE_PORTS, SIM_TROUBLE_PORTS, SIM_TROUBLE_PORTS,
	SIM_TROUBLE_CONTROL, SIM_TROUBLE_CONTROL, SIM_TROUBLE_DAEMONS, SIM_TROUBLE_DAEMONS,
	SIM_TROUBLE_HYPERVISORS, SIM_TROUBLE_USERS};

/* Something that happens and, after a while, is over. */
static struct plan {
	enum kind kind;
	uint32_t host, port;
	struct sim_vm *vm;
	enum sim_moment waits_for; /* SIM_MOMENTS: for none */
	uint64_t after_ns, lasts_ns;
	struct sim_event begin, end;
} plan[MAX_PLANS];
static uint32_t plans, mask;

static void over(void *ctx)
{
	struct plan *p = ctx;

	sim_trace("trouble %d is over", (int)p->kind);
	switch (p->kind) {
	case CUT:
		sim_net_up((uint16_t)p->port)->cut = sim_net_down((uint16_t)p->port)->cut = false;
		break;
	case LINK:
		sim_net_link((uint16_t)p->port, true);
		break;
	case MTU:
		sim_net_up((uint16_t)p->port)->conf.mtu = 0;
		break;
	case SILENCE:
		sim_control_silence(p->host, false);
		break;
	case DAEMON:
		if (!sim_daemon_alive(p->host))
			sim_daemon_start(p->host);
		break;
	default:
		break;
	}
}

static void begin(void *ctx)
{
	struct plan *p = ctx;
	struct sim_instance *i;

	sim_trace("trouble %d: host %u, port %u", (int)p->kind, p->host, p->port);
	switch (p->kind) {
	case CUT:
		sim_net_up((uint16_t)p->port)->cut = sim_net_down((uint16_t)p->port)->cut = true;
		break;
	case LINK:
		sim_net_link((uint16_t)p->port, false);
		break;
	case MTU:
		sim_net_up((uint16_t)p->port)->conf.mtu = 1400 + sim_below(3000);
		break;
	case BREAK:
		sim_control_break(p->host);
		return;
	case SILENCE:
		sim_control_silence(p->host, true);
		break;
	case DAEMON:
		sim_daemon_kill(p->host);
		break;
	case AWAY:
		sim_daemon_away(p->host, p->lasts_ns, sim_chance(0.5));
		return;
	case HYPERVISOR:
		i = sim_instance_find(p->host, p->vm->name);
		if (i == NULL)
			return;
		p->vm->lost = true;
		sim_instance_kill(i);
		return;
	default:
		if (sim_daemon_alive(p->host))
			sim_daemon_abort(p->host, p->vm->name);
		return;
	}
	sim_after(&p->end, p->lasts_ns, over, p);
}

static void moment(struct sim_instance *i, enum sim_moment m)
{
	for (uint32_t n = 0; n < plans; n++) {
		struct plan *p = &plan[n];

		if (p->waits_for != m || p->vm != i->vm)
			continue;
		p->waits_for = SIM_MOMENTS;
		sim_after(&p->begin, p->after_ns, begin, p);
	}
}

void sim_trouble_reset(uint32_t trouble)
{
	for (uint32_t n = 0; n < plans; n++) {
		sim_stop(&plan[n].begin);
		sim_stop(&plan[n].end);
	}
	memset(plan, 0, sizeof(plan));
	plans = 0;
	mask = trouble;
	sim_on_moment(moment);
}

static uint32_t random_port_of(uint32_t host)
{
	struct gw_dp *dp = sim_daemon_dp(host);

	return dp != NULL ? dp->port[sim_below(dp->n_ports)].ethdev : 0;
}

static void add(uint32_t from, uint32_t to, struct sim_vm *vm)
{
	struct plan *p = &plan[plans];
	enum kind kind = (enum kind)sim_below(KINDS);

	if (plans == MAX_PLANS || !(mask & wanted[kind]))
		return;
	plans++;
	p->kind = kind;
	p->host = sim_chance(0.5) ? from : to;
	p->port = random_port_of(p->host);
	p->vm = vm;
	if (kind == ABORT)
		p->host = from;
	p->lasts_ns = (uint64_t)sim_log_between(1e5, 5e9);
	/* Most of it in the switchover, where who runs the guest is decided. */
	p->waits_for = sim_chance(0.7) ? (enum sim_moment)sim_below(SIM_MOMENTS) : SIM_MOMENTS;
	if (p->waits_for != SIM_MOMENTS) {
		p->after_ns = (uint64_t)sim_log_between(1e3, 3e8);
		return;
	}
	p->after_ns = (uint64_t)sim_log_between(1e5, 2e9);
	sim_after(&p->begin, p->after_ns, begin, p);
}

void sim_trouble_session(uint32_t from, uint32_t to, struct sim_vm *vm)
{
	uint32_t n = sim_chance(0.5) ? 0 : 1 + sim_below(3);

	while (n-- > 0)
		add(from, to, vm);
}
