/* SPDX-License-Identifier: BSD-3-Clause */
#include "mld.h"

#include "checksum.h"
#include "frame.h"
#include "ndp.h"

#include <string.h>

#define HOP_BY_HOP_BYTES 8u
#define REPORT_BYTES 28u
#define REPORT 143u
#define TO_EXCLUDE 4u /* a record's type; of no sources: all is listened to */
#define LINK_LOCAL UINT64_C(0xfe80000000000000)

static const struct gw_ip all_routers = {UINT64_C(0xff02000000000000), 0x16}; /* of MLDv2 */

/* The interface identifier of a MAC: ff:fe in its middle, the universal bit turned. */
static struct gw_ip link_local(const uint8_t *mac)
{
	const uint8_t id[8] = {mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};

	return (struct gw_ip){LINK_LOCAL, gw_get64(id)};
}

void gw_mld_report(uint8_t *out, const uint8_t *own_mac, const struct gw_ip *own_ip)
{
	uint8_t *ip = out + GW_FRAME_ETHERNET, *options = ip + GW_FRAME_IPV6;
	uint8_t *report = options + HOP_BY_HOP_BYTES;
	const struct gw_ip from = link_local(own_mac), group = gw_ndp_group(own_ip);
	uint8_t to_mac[6];

	memset(out, 0, GW_MLD_BYTES);
	gw_ndp_multicast_mac(&all_routers, to_mac);
	gw_frame_put_ipv6(out, own_mac, to_mac, &from, &all_routers);
	gw_put16(ip + 4, HOP_BY_HOP_BYTES + REPORT_BYTES);
	ip[7] = 1; /* hops; the next header, 0, is the options for each of them */
	options[0] = GW_FRAME_PROTO_ICMPV6;
	options[2] = 5; /* router alert, RFC 2711, of MLD */
	options[3] = 2;
	options[6] = 1; /* padding of two bytes */
	report[0] = REPORT;
	gw_put16(report + 6, 1); /* record */
	report[8] = TO_EXCLUDE;
	gw_ip_put(report + 12, &group);
	gw_put16(report + 2, (uint16_t)~gw_sum_fold(gw_sum_upper(
				     ip, GW_FRAME_PROTO_ICMPV6, report, REPORT_BYTES)));
}
