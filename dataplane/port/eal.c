/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include "grace.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_memory.h>
#include <stdio.h>
#include <string.h>

#define MAX_ARGS (16 + 2 * (int)GW_DP_MAX_PORTS)
#define ARG_BYTES 512

/*
 * Stands before EAL's function of that name. memif, in its zero-copy mode, closes the descriptor
 * that it gets here each time a port connects, as if it were its own: the second port, or the second
 * connection, closes whatever of godwitd's has that number by then. So it gets one of its own.
 */
int rte_memseg_get_fd(const struct rte_memseg *ms)
{
	int (*get_fd)(const struct rte_memseg *) =
		(int (*)(const struct rte_memseg *))dlsym(RTLD_NEXT, "rte_memseg_get_fd");
	int fd = get_fd != NULL ? get_fd(ms) : -ENOTSUP;

	return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

struct args {
	int n;
	char text[MAX_ARGS][ARG_BYTES];
	char *argv[MAX_ARGS + 1];
};

static __attribute__((format(printf, 2, 3))) void add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->n == MAX_ARGS)
		return;
	va_start(ap, fmt);
	vsnprintf(a->text[a->n], ARG_BYTES, fmt, ap);
	va_end(ap);
	a->argv[a->n] = a->text[a->n];
	a->argv[++a->n] = NULL;
}

/* "0000:3b:00.0" and "3b:00.0" are PCI addresses; vdevs begin with a driver's name. */
static bool is_pci(const char *device)
{
	return isxdigit((unsigned char)device[0]) && strchr(device, ':') != NULL &&
	       strncmp(device, "net_", 4) != 0;
}

/* Devices made by the program itself (tests join rings) have no arguments. */
static bool is_vdev(const char *device)
{
	return !is_pci(device) && strncmp(device, "net_ring_", 9) != 0;
}

uint64_t gw_eal_capabilities(const struct gw_dp_conf *conf)
{
	uint64_t keep = 0;

	for (uint32_t i = 0; i < conf->n_ports; i++)
		if (is_pci(conf->port[i].device))
			keep |= 1ull << CAP_IPC_LOCK   /* memory for DMA, as DPDK's heap grows */
				| 1ull << CAP_NET_RAW; /* mlx5: its queues are the kernel's */
	/* Of memory that is added the physical address must be seen. */
	if (keep != 0 && rte_eal_iova_mode() == RTE_IOVA_PA)
		keep |= 1ull << CAP_SYS_ADMIN;
	return keep;
}

static unsigned long free_huge_pages(void)
{
	unsigned long n = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");

	if (f != NULL) {
		if (fscanf(f, "%lu", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n;
}

int gw_eal_start(const struct gw_dp_conf *conf, struct gw_err *err)
{
	static bool started;
	static struct args a; /* EAL keeps pointers into it */
	char lcores[ARG_BYTES];
	bool pci = false;
	int n;

	if (started)
		return 0;
	if (conf->huge_pages && free_huge_pages() * 2 < conf->memory_mib)
		return gw_err(err, -ENOMEM,
			"dataplane.memory_mib: %u MiB of huge pages wanted, %lu MiB are free; "
			"reserve more, for example: "
			"echo %u > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
			conf->memory_mib, free_huge_pages() * 2, conf->memory_mib);
	n = snprintf(lcores, sizeof(lcores), "0@%u", conf->control_cpu);
	for (uint32_t i = 0; i < conf->n_workers; i++)
		n += snprintf(lcores + n, sizeof(lcores) - (size_t)n, ",%u@%u", i + 1,
			conf->worker_cpu[i]);
	add(&a, "godwit");
	add(&a, "--lcores=%s", lcores);
	add(&a, "--main-lcore=0");
	add(&a, "--no-telemetry");
	add(&a, "--log-level=*:%s", "error");
	if (conf->huge_pages) {
		add(&a, "--in-memory");
		add(&a, "--single-file-segments");
	} else {
		add(&a, "--no-huge");
		add(&a, "--no-shconf");
		add(&a, "-m");
		add(&a, "%u", conf->memory_mib);
	}
	for (uint32_t i = 0; i < conf->n_ports; i++) {
		if (is_pci(conf->port[i].device)) {
			add(&a, "--allow=%s", conf->port[i].device);
			pci = true;
		} else if (is_vdev(conf->port[i].device)) {
			add(&a, "--vdev=%s", conf->port[i].device);
		}
	}
	if (!pci) {
		add(&a, "--no-pci");
		add(&a, "--iova-mode=va"); /* no device wants physical addresses */
	}
	if (rte_eal_init(a.n, a.argv) < 0)
		return gw_err(err, -rte_errno,
			"DPDK's environment does not start: %s (its own messages are above; memory "
			"%u MiB, "
			"devices as in ports[].device)",
			rte_strerror(rte_errno), conf->memory_mib);
	if (gw_grace_init(err) != 0)
		return -ENOMEM;
	started = true;
	return 0;
}
