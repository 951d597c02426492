/* SPDX-License-Identifier: BSD-3-Clause */
#include "facts.h"

#include "../../config/load.h"

#include <stdio.h>
#include <string.h>

/* The first line of a file below a CPU's folder; "" where there is none. */
static void cpu_file(uint32_t cpu, const char *file, char *out, size_t size)
{
	char path[128];
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/%s", cpu, file);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(out, (int)size, f) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

/* Other workers on the same CPU, or on another CPU of the same core. */
static void compare(struct facts_worker *w, uint32_t other, const cpu_set_t *siblings)
{
	if (other == w->cpu)
		w->shared = true;
	else if (other < CPU_SETSIZE && CPU_ISSET(other, siblings))
		w->sibling = (int)other;
}

static void worker(const struct gw_dp *dp, uint32_t index, const uint32_t *other_cpu,
	uint32_t n_other, struct facts_worker *w)
{
	struct gw_dp_worker_stats stats;
	cpu_set_t siblings;
	char list[256];

	gw_dp_worker_stats(dp, index, &stats);
	w->cpu = stats.cpu;
	w->socket = stats.socket;
	w->sibling = -1;
	cpu_file(w->cpu, "topology/thread_siblings_list", list, sizeof(list));
	CPU_ZERO(&siblings);
	if (gw_cpu_list_parse(list, &siblings) != 0)
		CPU_ZERO(&siblings);
	for (uint32_t i = 0; i < gw_dp_worker_count(dp); i++) {
		gw_dp_worker_stats(dp, i, &stats);
		if (i != index)
			compare(w, stats.cpu, &siblings);
	}
	for (uint32_t i = 0; i < n_other; i++)
		compare(w, other_cpu[i], &siblings);
	cpu_file(w->cpu, "cpufreq/scaling_governor", w->governor, sizeof(w->governor));
}

static uint32_t path_mtu(const struct gw_dp_link *link, const struct gw_ip *ip)
{
	uint32_t n = 0, mtu = 0;
	const struct gw_dp_path *path = link != NULL ? gw_dp_link_paths(link, &n) : NULL;

	for (uint32_t i = 0; i < n; i++)
		if (gw_ip_equal(&path[i].source_ip, ip) && (mtu == 0 || path[i].mtu < mtu))
			mtu = path[i].mtu;
	return mtu;
}

void facts_gather(const struct bench_options *o, const struct gw_dp *dp,
	const struct gw_dp_link *link, const uint32_t *other_cpu, uint32_t n_other,
	struct facts *facts)
{
	struct gw_dp_host host;

	memset(facts, 0, sizeof(*facts));
	gw_dp_host(dp, &host);
	facts->huge_pages = !o->no_huge_pages;
	facts->zero_copy_wanted = !o->no_zero_copy;
	facts->flags = gw_integrity_flags(host.integrity);
	facts->n_ports = gw_dp_port_count(dp);
	for (uint32_t i = 0; i < facts->n_ports; i++) {
		struct facts_port *p = &facts->port[i];
		struct gw_dp_port_info info;

		gw_dp_port_info(dp, i, &info);
		gw_dp_port_setup(dp, i, &p->setup);
		memcpy(p->name, info.name, sizeof(p->name));
		memcpy(p->driver, info.driver, sizeof(p->driver));
		p->link_up = info.link_up;
		p->mtu = info.mtu;
		p->ipv6 = !gw_ip_is_v4(&info.ip);
		p->path_mtu = path_mtu(link, &info.ip);
		p->queues = info.queues;
		p->expect_bps = o->expect_bps;
	}
	facts->n_workers = gw_dp_worker_count(dp);
	for (uint32_t i = 0; i < facts->n_workers; i++)
		worker(dp, i, other_cpu, n_other, &facts->worker[i]);
}

void facts_found_mtu(const struct gw_dp_link *link, struct facts *facts)
{
	struct gw_dp_mtu_finding f[GW_DP_MAX_PORTS];
	uint32_t n = gw_dp_link_mtu_findings(link, f, GW_DP_MAX_PORTS);

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < facts->n_ports; k++)
			if (strcmp(facts->port[k].name, f[i].port) == 0)
				facts->port[k].path_mtu = f[i].carried;
}
