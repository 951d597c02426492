/* SPDX-License-Identifier: BSD-3-Clause */
/* Which port of a peer a port of ours talks to. Pure. */
#include "internal.h"

/* Whether the peer's port shares our port's subnet: with a loopback it is that port itself. */
static bool is_near(const struct gw_dp *dp, const struct gw_port *p, const struct gw_ip *ip)
{
	return gw_port_on_link(p, ip) && gw_ip_equal(ip, &p->ip) == dp->conf.loop_back;
}

/* Of the peer's ports that are near to ours, or else of those of its family, which a gateway leads
 * to: the rank-th, which begins again at their number. -1: there is none. */
static int pick(const struct gw_dp *dp, const struct gw_port *p, const struct gw_dp_host *peer,
	bool near, uint32_t rank)
{
	int found[GW_DP_MAX_PORTS];
	uint32_t n = 0;

	for (uint32_t i = 0; i < peer->n_ports; i++) {
		const struct gw_ip *ip = &peer->port[i].ip;

		if (near ? is_near(dp, p, ip) : gw_ip_is_v4(ip) == gw_ip_is_v4(&p->ip))
			found[n++] = (int)i;
	}
	return n != 0 ? found[rank % n] : -1;
}

int gw_link_match(const struct gw_dp *dp, uint32_t port, const struct gw_dp_host *peer)
{
	const struct gw_port *p = &dp->port[port];
	uint32_t on_link = 0, of_family = 0;
	int found;

	for (uint32_t i = 0; i < port; i++) {
		on_link += gw_port_on_link(p, &dp->port[i].ip);
		of_family += gw_ip_is_v4(&p->ip) == gw_ip_is_v4(&dp->port[i].ip);
	}
	found = pick(dp, p, peer, true, on_link);
	return found >= 0 || !gw_ip_is_set(&p->gateway) ? found
							: pick(dp, p, peer, false, of_family);
}
