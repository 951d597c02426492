/* SPDX-License-Identifier: BSD-3-Clause */
#include "port.h"

#include "group.h"
#include "ring.h"

#include <errno.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_RX_DESCRIPTORS 512u
/* af_xdp keeps its fill ring full, whatever was asked for, and copies what it sends into the same
 * pool: 2048 descriptors each (DPDK 22.11, ETH_AF_XDP_DFLT_NUM_DESCS). */
#define AF_XDP_BUFFERS 4096u
/* DPDK 22.11, ETH_MEMIF_DEFAULT_RING_SIZE and ETH_MEMIF_MAX_LOG2_RING_SIZE. */
#define MEMIF_RSIZE_DEFAULT 10u
#define MEMIF_RSIZE_MAX 14u

static int find_ethdev(const char *device, uint16_t *id)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	/* Arguments follow the name. */
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	return rte_eth_dev_get_port_by_name(name, id);
}

/* Guest RAM as external buffers, without registering it with the device: only where the driver
 * itself copies inside its transmit call. memif does, unless it is in its own zero-copy mode (which
 * may not transmit external buffers). */
static bool copies_in_tx(const char *driver, const char *device)
{
	return strcmp(driver, "net_memif") == 0 && strstr(device, "zero-copy=yes") == NULL;
}

/* memif's own zero-copy mode, of its client: buffers of the receiving pool lie in memory that the
 * core at the other end copies into, again and again. Whether that goes faster where this core
 * takes the lines away after each packet depends on how the CPU's caches talk: on AMD's Zen 5 the
 * sender's time for a page halves, on an Intel Xeon with 480 MiB of L3 it grows by a quarter. */
static bool owns_lines(const char *driver, const char *device)
{
#ifdef RTE_ARCH_X86_64
	return __builtin_cpu_is("amd") && strcmp(driver, "net_memif") == 0 &&
	       strstr(device, "zero-copy=yes") != NULL;
#else
	(void)driver;
	(void)device;
	return false;
#endif
}

/* As its own argument says; DPDK has refused one that is too large. */
static uint32_t memif_rsize(const char *driver, const char *device)
{
	const char *at = strstr(device, "rsize=");
	unsigned long n =
		at != NULL ? strtoul(at + strlen("rsize="), NULL, 10) : MEMIF_RSIZE_DEFAULT;

	return strcmp(driver, "net_memif") == 0 && n <= MEMIF_RSIZE_MAX ? (uint32_t)n : 0;
}

/* These report a link that is up for ever; the interface that they sit on knows better. */
static bool sits_on_kernel(const char *driver)
{
	return strcmp(driver, "net_af_packet") == 0 || strcmp(driver, "net_af_xdp") == 0;
}

bool gw_port_carrier(uint32_t if_index)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr;
	bool up;

	memset(&ifr, 0, sizeof(ifr));
	if (fd < 0)
		return true; /* not known: then silence decides */
	up = if_indextoname(if_index, ifr.ifr_name) != NULL && ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 &&
	     (ifr.ifr_flags & IFF_RUNNING) != 0;
	close(fd);
	return up;
}

int gw_port_open(struct gw_port *p, const struct gw_dp_port_conf *conf, uint32_t n_workers,
	struct gw_err *err)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	uint32_t queues = conf->queues != 0 ? conf->queues : n_workers;

	memset(p, 0, sizeof(*p));
	p->group_fd = -1;
	if (strlen(conf->device) >= sizeof(p->device))
		return gw_err(err, -ENAMETOOLONG, "port '%s': device: %zu bytes, allowed are %zu",
			conf->name, strlen(conf->device), sizeof(p->device) - 1);
	if (find_ethdev(conf->device, &p->ethdev) != 0)
		return gw_err(err, -ENODEV,
			"port '%s': DPDK has no device '%s': is it bound to vfio-pci, is the "
			"driver name right?",
			conf->name, conf->device);
	if (rte_eth_dev_info_get(p->ethdev, &info) != 0 ||
		rte_eth_macaddr_get(p->ethdev, &mac) != 0)
		return gw_err(err, -ENODEV, "port '%s': device '%s' tells nothing about itself",
			conf->name, conf->device);
	if (queues > info.max_rx_queues || queues > info.max_tx_queues)
		return gw_err(err, -EINVAL, "port '%s': queues: %u wanted, %s has at most %u",
			conf->name, queues, conf->device,
			RTE_MIN(info.max_rx_queues, info.max_tx_queues));
	snprintf(p->name, sizeof(p->name), "%s", conf->name);
	snprintf(p->device, sizeof(p->device), "%s", conf->device);
	snprintf(p->driver, sizeof(p->driver), "%s", info.driver_name);
	memcpy(p->mac, mac.addr_bytes, 6);
	p->if_index = sits_on_kernel(p->driver) ? info.if_index : 0;
	p->standby = conf->standby;
	p->zero_copy = copies_in_tx(p->driver, p->device);
	p->owns_lines = owns_lines(p->driver, p->device);
	p->memif_rsize = memif_rsize(p->driver, p->device);
	p->ip = conf->ip;
	p->prefix = conf->prefix;
	p->gateway = conf->gateway;
	p->mtu = conf->mtu;
	p->rate_bps = conf->rate_bps;
	p->queues = (uint16_t)queues;
	p->rx_descriptors = (uint16_t)(conf->rx_descriptors != 0 ? conf->rx_descriptors
								 : DEFAULT_RX_DESCRIPTORS);
	p->tx_descriptors = (uint16_t)(conf->tx_descriptors != 0
					       ? conf->tx_descriptors
					       : gw_ring_descriptors(conf->rate_bps, conf->mtu));
	if (rte_eth_dev_adjust_nb_rx_tx_desc(p->ethdev, &p->rx_descriptors, &p->tx_descriptors) !=
		0)
		return gw_err(err, -EINVAL, "port '%s': descriptors: %s refuses %u/%u", conf->name,
			conf->device, p->rx_descriptors, p->tx_descriptors);
	gw_pacer_init(&p->pacer, p->rate_bps);
	return 0;
}

uint32_t gw_port_room(const struct gw_port *p)
{
	uint32_t room = RTE_ALIGN_CEIL(RTE_PKTMBUF_HEADROOM + RTE_ETHER_HDR_LEN +
					       RTE_ETHER_CRC_LEN + 2 * RTE_VLAN_HLEN + p->mtu,
		64);

	/* Some NICs round a buffer down to whole KiB, af_packet wants room for its frame headers.
	 */
	return RTE_MAX(room, (uint32_t)RTE_MBUF_DEFAULT_BUF_SIZE);
}

/* memif's rings are so large whatever was asked for. */
static uint32_t memif_ring(const struct gw_port *p)
{
	return p->memif_rsize != 0 ? 1u << p->memif_rsize : 0;
}

uint32_t gw_port_rx_buffers(const struct gw_port *p)
{
	if (strcmp(p->driver, "net_af_xdp") == 0)
		return AF_XDP_BUFFERS;
	return RTE_MAX((uint32_t)p->rx_descriptors, memif_ring(p));
}

uint32_t gw_port_tx_buffers(const struct gw_port *p)
{
	/* Virtual ports have rings of their own size, whatever was asked for. */
	uint32_t n = RTE_MAX((uint32_t)p->tx_descriptors, GW_RING_MAX);

	return RTE_MAX(n, memif_ring(p));
}

static int configure(struct gw_port *p, struct gw_err *err)
{
	uint64_t hash =
		gw_ip_is_v4(&p->ip) ? RTE_ETH_RSS_NONFRAG_IPV4_UDP : RTE_ETH_RSS_NONFRAG_IPV6_UDP;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int ret;

	memset(&conf, 0, sizeof(conf));
	rte_eth_dev_info_get(p->ethdev, &info);
	/* Fast free knows neither chains nor external buffers. */
	if (!p->zero_copy)
		conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	/* Then asking for the link reads memory, not the device. */
	conf.intr_conf.lsc = (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
	if (p->queues > 1 && (info.flow_type_rss_offloads & hash) != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = hash;
	}
	/* memif reports a frame limit of 1518 that is not one, and has no MTU call. */
	if (strcmp(p->driver, "net_memif") != 0) {
		if (p->mtu < info.min_mtu || p->mtu > info.max_mtu)
			return gw_err(err, -EINVAL,
				"port '%s': mtu: %u is out of %s's range %u..%u", p->name, p->mtu,
				p->device, info.min_mtu, info.max_mtu);
		conf.rxmode.mtu = p->mtu;
	}
	p->fast_free = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
	p->rss = conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS;
	conf.lpbk_mode = p->loop_back;
	ret = rte_eth_dev_configure(p->ethdev, p->queues, p->queues, &conf);
	if (ret != 0 && p->loop_back) {
		conf.lpbk_mode = 0;
		ret = rte_eth_dev_configure(p->ethdev, p->queues, p->queues, &conf);
	}
	if (ret != 0)
		return gw_err(err, ret, "port '%s': %s refuses %u queues at MTU %u: %s", p->name,
			p->device, p->queues, p->mtu, rte_strerror(-ret));
	return 0;
}

int gw_port_start(struct gw_port *p, struct rte_mempool *const *rx_pool, struct gw_err *err)
{
	int socket = rte_eth_dev_socket_id(p->ethdev);
	int ret = configure(p, err);

	if (ret != 0)
		return ret;
	for (uint16_t q = 0; q < p->queues; q++) {
		ret = rte_eth_rx_queue_setup(
			p->ethdev, q, p->rx_descriptors, (unsigned int)socket, NULL, rx_pool[q]);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(
				p->ethdev, q, p->tx_descriptors, (unsigned int)socket, NULL);
		if (ret != 0)
			return gw_err(err, ret, "port '%s': queue %u of %s cannot be set up: %s",
				p->name, q, p->device, rte_strerror(-ret));
	}
	ret = rte_eth_dev_start(p->ethdev);
	/* memif's only answer, of a client. */
	if (ret == -1 && strcmp(p->driver, "net_memif") == 0)
		return gw_err(err, -ECONNREFUSED,
			"port '%s': %s does not start: its socket takes no connection (the end "
			"with role=server starts first)",
			p->name, p->device);
	if (ret != 0)
		return gw_err(err, ret, "port '%s': %s does not start: %s", p->name, p->device,
			rte_strerror(-ret));
	p->started = true;
	return gw_port_join_group(p, err);
}

void gw_port_stop(struct gw_port *p)
{
	if (!p->started)
		return;
	gw_port_leave_group(p);
	rte_eth_dev_stop(p->ethdev);
	rte_eth_dev_close(p->ethdev);
	p->started = false;
}
