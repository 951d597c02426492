/* SPDX-License-Identifier: BSD-3-Clause */
#include "group.h"

#include "ndp.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <rte_ethdev.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's own filter of the interface that the port sits on; the driver leaves it alone. As
 * long as a socket is open that receives nothing else. */
static int join_kernel(struct gw_port *p, const uint8_t *mac)
{
	struct packet_mreq mreq = {
		.mr_ifindex = (int)p->if_index, .mr_type = PACKET_MR_MULTICAST, .mr_alen = 6};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return -errno;
	memcpy(mreq.mr_address, mac, 6);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) != 0)
		rc = -errno;
	if (rc != 0)
		close(fd);
	else
		p->group_fd = fd;
	return rc;
}

static int join_device(const struct gw_port *p, const uint8_t *mac)
{
	struct rte_ether_addr group;
	int rc;

	memcpy(group.addr_bytes, mac, 6);
	rc = rte_eth_dev_set_mc_addr_list(p->ethdev, &group, 1);
	if (rc != 0)
		rc = rte_eth_allmulticast_enable(p->ethdev);
	return rc == -ENOTSUP ? 0 : rc;
}

int gw_port_join_group(struct gw_port *p, struct gw_err *err)
{
	struct gw_ip group;
	uint8_t mac[6];
	int rc;

	if (gw_ip_is_v4(&p->ip))
		return 0;
	group = gw_ndp_group(&p->ip);
	gw_ndp_multicast_mac(&group, mac);
	rc = p->if_index != 0 ? join_kernel(p, mac) : join_device(p, mac);
	if (rc != 0)
		return gw_err(err, rc,
			"port '%s': %s does not receive multicast, by which its IPv6 address is "
			"asked for: %s",
			p->name, p->device, rte_strerror(-rc));
	return 0;
}

void gw_port_leave_group(struct gw_port *p)
{
	if (p->group_fd >= 0)
		close(p->group_fd);
	p->group_fd = -1;
}
