/* SPDX-License-Identifier: BSD-3-Clause */
#include "ports.h"

#include "../../config/load.h"
#include "../../config/value.h"
#include "../daemon_conf.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DESCRIPTORS 512u
#define POOL_SLACK 4096u
#define FRAME_ROOM 512u /* of a packet buffer, beside the MTU */

/* Whether a CPU with a smaller number shares its core. */
static bool second_of_core(uint32_t cpu, const cpu_set_t *allowed)
{
	char path[96], list[256] = "";
	cpu_set_t siblings;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
		cpu);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(list, sizeof(list), f) == NULL)
		list[0] = '\0';
	fclose(f);
	list[strcspn(list, "\n")] = '\0';
	if (gw_cpu_list_parse(list, &siblings) != 0)
		return false;
	for (uint32_t i = 0; i < cpu; i++)
		if (CPU_ISSET(i, &siblings) && CPU_ISSET(i, allowed))
			return true;
	return false;
}

/* CPUs that this process may use: one of each core first, in ascending order. */
static uint32_t allowed_cpus(uint32_t *cpu, uint32_t max)
{
	uint32_t n = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		CPU_ZERO(&set);
	for (int second = 0; second < 2; second++)
		for (uint32_t i = 0; i < CPU_SETSIZE && n < max; i++)
			if (CPU_ISSET(i, &set) && second_of_core(i, &set) == (second != 0))
				cpu[n++] = i;
	if (n == 0)
		cpu[n++] = 0;
	return n;
}

/* The sending end's workers first, then the receiving one's, then both control threads; where the
 * CPUs do not suffice, a control thread shares with a worker of the other end, which idles when
 * the control thread works most: before and after. */
static void choose_cpus(const struct bench_options *o, enum bench_side side, struct gw_dp_conf *dp)
{
	uint32_t cpu[CPU_SETSIZE], n = allowed_cpus(cpu, CPU_SETSIZE), w = o->workers;
	bool both = o->mode == BENCH_LOOPBACK;
	uint32_t first = both && side == BENCH_RECEIVER ? w : 0;
	uint32_t all = both ? 2 * w : w;

	dp->n_workers = w;
	for (uint32_t i = 0; i < w; i++)
		dp->worker_cpu[i] = o->n_cpus != 0 ? o->cpu[first + i] : cpu[(first + i) % n];
	if (n > all)
		dp->control_cpu = cpu[all + (both && side == BENCH_RECEIVER && n > all + 1)];
	else
		dp->control_cpu = cpu[(first + w) % n];
}

static void memif_device(const struct bench_options *o, enum bench_side side, const char *directory,
	uint32_t i, char *out, size_t size)
{
	/* A frame must fit one buffer: a chained one may be corrupted after the ring wraps. The
	 * receiving end is the client, which reads the sender's copy in place (from huge pages
	 * only). */
	snprintf(out, size,
		"net_memif%u,role=%s,id=%u,socket=%s/memif%u.sock,socket-abstract=no,bsize=%u,"
		"rsize=%u%s",
		i, side == BENCH_SENDER ? "server" : "client", i, directory, i,
		o->mtu <= 1900 ? 2048 : 10240, o->rsize,
		side == BENCH_SENDER || o->no_huge_pages ? "" : ",zero-copy=yes");
}

static int address_of(const struct bench_options *o, enum bench_side side, uint32_t pair,
	uint32_t device, struct gw_dp_port_conf *c, struct gw_err *err)
{
	const char *text = o->memif != 0 ? NULL : o->address[device];
	uint32_t prefix = 24;

	c->ip = gw_ip_from_v4(0x0ad50000u + pair * 256 + (side == BENCH_SENDER ? 1 : 2));
	if (text != NULL && gw_value_address(text, &c->ip, &prefix) != 0)
		return gw_err(err, -EINVAL, "--address %s: ADDRESS/PREFIX is allowed", text);
	c->prefix = (uint8_t)prefix;
	return 0;
}

static int from_options(const struct bench_options *o, enum bench_side side, const char *directory,
	struct bench_ports *p, struct gw_err *err)
{
	bool pairs = o->mode == BENCH_LOOPBACK;
	uint32_t n = o->memif != 0 ? o->memif : pairs ? o->n_devices / 2 : o->n_devices;
	uint64_t buffers;

	choose_cpus(o, side, &p->dp);
	p->dp.integrity = o->integrity;
	p->dp.zero_copy = !o->no_zero_copy;
	p->dp.huge_pages = !o->no_huge_pages;
	p->dp.idle_sleep_us = 1000;
	p->dp.n_ports = n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t device = pairs ? 2 * i + side : i;
		struct gw_dp_port_conf *c = &p->dp.port[i];

		snprintf(p->name[i], sizeof(p->name[i]), "p%u", i);
		if (o->memif != 0)
			memif_device(o, side, directory, i, p->device[i], sizeof(p->device[i]));
		else if (strlen(o->device[device]) >= sizeof(p->device[i]))
			return gw_err(err, -EINVAL, "--port %s: too long", o->device[device]);
		else
			strcpy(p->device[i], o->device[device]);
		*c = (struct gw_dp_port_conf){.name = p->name[i],
			.device = p->device[i],
			.mtu = o->mtu,
			.rate_bps = o->rate_bps,
			.queues = o->queues,
			.rx_descriptors = o->descriptors,
			.tx_descriptors = o->descriptors};
		if (address_of(o, side, i, device, c, err) != 0)
			return -EINVAL;
	}
	/* Twice what the rings hold, and the pools' own. */
	buffers = p->dp.n_workers *
		  (POOL_SLACK +
			  4ull * n * (o->descriptors != 0 ? o->descriptors : DEFAULT_DESCRIPTORS));
	p->dp.memory_mib = (uint32_t)((buffers * (o->mtu + FRAME_ROOM) >> 20) + 33) & ~1u;
	return 0;
}

static int from_config(const char *path, struct bench_ports *p, struct gw_err *err)
{
	int rc = gw_config_load(path, &p->config, err);

	return rc != 0 ? rc : gw_daemon_dp_conf(p->config, &p->dp, err);
}

int bench_ports_create(const struct bench_options *o, enum bench_side side, const char *directory,
	struct bench_ports **out, struct gw_err *err)
{
	struct bench_ports *p = calloc(1, sizeof(*p));
	const char *config = o->mode == BENCH_LISTEN ? o->operand : o->config;
	int rc;

	if (p == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	rc = config != NULL ? from_config(config, p, err)
			    : from_options(o, side, directory, p, err);
	if (rc != 0)
		bench_ports_free(&p);
	*out = p;
	return rc;
}

void bench_ports_free(struct bench_ports **p)
{
	if (*p == NULL)
		return;
	if ((*p)->config != NULL)
		gw_config_free(&(*p)->config);
	free(*p);
	*p = NULL;
}

void bench_ports_host(const struct bench_ports *p, struct gw_dp_host *host)
{
	memset(host, 0, sizeof(*host));
	host->n_ports = p->dp.n_ports;
	host->n_cores = p->dp.n_workers;
	host->integrity = p->dp.integrity;
	for (uint32_t i = 0; i < p->dp.n_ports; i++) {
		const struct gw_dp_port_conf *c = &p->dp.port[i];

		host->port[i].ip = c->ip;
		host->port[i].prefix = c->prefix;
		host->port[i].mtu = c->mtu;
		if (c->queues != 0 && c->queues < host->n_cores)
			host->n_cores = c->queues;
	}
}
