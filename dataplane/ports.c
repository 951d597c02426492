/* SPDX-License-Identifier: BSD-3-Clause */
/* The door: what control does to ports while they work. */
#include "internal.h"

static void set_down(struct gw_port *p, uint32_t bit, bool down)
{
	uint32_t now = down ? p->down | bit : p->down & ~bit;

	if (now != p->down)
		__atomic_store_n(&p->down, now, __ATOMIC_RELEASE);
}

void gw_dp_port_set_rate(struct gw_dp *dp, uint32_t port, uint64_t rate_bps)
{
	dp->port[port].rate_bps = rate_bps;
	gw_pacer_set(&dp->port[port].pacer, rate_bps);
}

void gw_dp_port_enable(struct gw_dp *dp, uint32_t port, bool enabled)
{
	set_down(&dp->port[port], GW_PORT_STOPPED, !enabled);
}

void gw_dp_watch_ports(struct gw_dp *dp)
{
	for (uint32_t i = 0; i < dp->n_ports; i++) {
		uint64_t rate_bps;
		bool up;

		/* A port that does not know its link counts as up: then silence decides. */
		if (gw_port_link(&dp->port[i], &up, &rate_bps))
			set_down(&dp->port[i], GW_PORT_LINK_DOWN, !up);
	}
}
