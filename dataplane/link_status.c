/* SPDX-License-Identifier: BSD-3-Clause */
/* What a link's paths are seen to do, as their workers publish it. Control thread only. */
#include "internal.h"

#include "base/ip.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

void gw_dp_link_status(const struct gw_dp_link *link, struct gw_dp_link_status *status)
{
	uint32_t cores = 0;
	bool port_seen[GW_DP_MAX_PORTS] = {false};
	bool uncapped = false;

	memset(status, 0, sizeof(*status));
	status->paths = link->n;
	for (uint32_t i = 0; link->initiator && i < link->n; i++) {
		const struct gw_path_out *p = link->dp->out[link->slot[i]];
		uint64_t srtt_ns = __atomic_load_n(&p->pub_srtt_ns, __ATOMIC_RELAXED);
		uint64_t last_ns = __atomic_load_n(&p->pub_last_ack_ns, __ATOMIC_RELAXED);

		status->acked_bytes += __atomic_load_n(&p->pub_acked_bytes, __ATOMIC_RELAXED);
		if (last_ns > status->last_ack_ns)
			status->last_ack_ns = last_ns;
		if (__atomic_load_n(&p->state, __ATOMIC_ACQUIRE) != GW_PATH_UP)
			continue;
		status->paths_up++;
		cores |= 1u << p->core;
		if (srtt_ns != 0 && (status->rtt_ns == 0 || srtt_ns < status->rtt_ns))
			status->rtt_ns = srtt_ns;
		if (port_seen[p->queue->port_index] || !gw_path_carries(p))
			continue;
		port_seen[p->queue->port_index] = true;
		uncapped |= p->queue->port->rate_bps == 0;
		status->rate_bps += p->queue->port->rate_bps;
	}
	if (uncapped)
		status->rate_bps = 0;
	status->ready = link->initiator && cores == (1u << link->n_cores) - 1;
}

void gw_dp_link_ports(const struct gw_dp_link *link, struct gw_dp_link_port port[GW_DP_MAX_PORTS])
{
	memset(port, 0, GW_DP_MAX_PORTS * sizeof(*port));
	for (uint32_t i = 0; link->initiator && i < link->n; i++) {
		const struct gw_path_out *p = link->dp->out[link->slot[i]];
		struct gw_dp_link_port *lp = &port[p->queue->port_index];
		bool up = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE) == GW_PATH_UP;
		uint64_t changed_ns = __atomic_load_n(&p->pub_changed_ns, __ATOMIC_RELAXED);

		lp->paths++;
		lp->paths_up += up;
		if (changed_ns > lp->changed_ns)
			lp->changed_ns = changed_ns;
	}
}

/* Of one path; one that carries all has carried == mtu. */
static void take_finding(const struct gw_path_out *p, struct gw_dp_mtu_finding *f)
{
	snprintf(f->port, sizeof(f->port), "%s", p->queue->port->name);
	f->peer_ip = p->peer_ip;
	f->mtu = p->mtu;
	f->carried = __atomic_load_n(&p->pub_mtu, __ATOMIC_RELAXED);
}

uint32_t gw_dp_link_mtu_findings(
	const struct gw_dp_link *link, struct gw_dp_mtu_finding *out, uint32_t max)
{
	uint32_t n = 0, k;

	for (uint32_t i = 0; link->initiator && i < link->n; i++) {
		struct gw_dp_mtu_finding f;

		take_finding(link->dp->out[link->slot[i]], &f);
		if (f.carried >= f.mtu)
			continue;
		for (k = 0; k < n; k++)
			if (gw_ip_equal(&out[k].peer_ip, &f.peer_ip) &&
				strcmp(out[k].port, f.port) == 0)
				break;
		if (k == max)
			continue;
		if (k == n)
			out[n++] = f;
		else if (f.carried < out[k].carried)
			out[k].carried = f.carried;
	}
	return n;
}

void gw_dp_mtu_finding_text(const struct gw_dp_mtu_finding *f, char text[GW_DP_MTU_TEXT])
{
	char ip[GW_IP_TEXT];

	snprintf(text, GW_DP_MTU_TEXT,
		"port %s to %s: packets over %u bytes do not arrive though mtu is %u: "
		"check the switches between",
		f->port, gw_ip_text(&f->peer_ip, ip), f->carried, f->mtu);
}

void gw_link_mtu_changed(struct gw_dp *dp, const struct gw_path_out *path, uint32_t slot)
{
	const struct gw_path_out *p = dp->out[slot];
	struct gw_dp_mtu_finding f;
	char text[GW_DP_MTU_TEXT], ip[GW_IP_TEXT];

	if (p != path)
		return;
	take_finding(p, &f);
	if (f.carried < f.mtu) {
		gw_dp_mtu_finding_text(&f, text);
		gw_warn("%s", text);
	} else {
		gw_info("port %s to %s: packets of %u bytes arrive", f.port,
			gw_ip_text(&f.peer_ip, ip), f.carried);
	}
}
