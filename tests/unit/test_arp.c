/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/port/arp.c */
#include "../../dataplane/port/arp.c"

#include "run.h"

#include <stdlib.h>

static const uint8_t mac_here[6] = {2, 0, 0, 0, 0, 1}, mac_there[6] = {2, 0, 0, 0, 0, 0xf2};

/* A copy that ends where its memory ends. */
static enum gw_frame_kind parse(const struct gw_ip *ip, const uint8_t *frame, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct gw_frame_in in;
	enum gw_frame_kind kind;

	memcpy(copy, frame, len);
	kind = gw_frame_parse(copy, len, ip, &in);
	free(copy);
	return kind;
}

static void test_arp(void)
{
	const struct gw_ip here = gw_ip_from_v4(0x0a000001), there = gw_ip_from_v4(0x0a000002);
	const struct gw_ip ipv6 = {0xfd00ull << 48, 1};
	struct gw_ip ip;
	const uint8_t *mac;
	uint8_t f[64], bad[64];

	gw_arp_request(f, mac_there, &there, &here);
	CU_ASSERT_EQUAL(memcmp(f, "\xff\xff\xff\xff\xff\xff", 6), 0);
	CU_ASSERT_EQUAL(parse(&here, f, GW_ARP_BYTES), GW_FRAME_ARP_IN);
	/* An IPv6 port has no use for it. */
	CU_ASSERT_EQUAL(parse(&ipv6, f, GW_ARP_BYTES), GW_FRAME_OTHER);
	CU_ASSERT_TRUE(gw_arp_wants(f, &here));
	CU_ASSERT_FALSE(gw_arp_wants(f, &there));
	ip = gw_arp_sender(f, &mac);
	CU_ASSERT_TRUE(gw_ip_equal(&ip, &there));
	CU_ASSERT_EQUAL(memcmp(mac, mac_there, 6), 0);
	gw_arp_answer(f, mac_here, &here);
	CU_ASSERT_EQUAL(parse(&here, f, GW_ARP_BYTES), GW_FRAME_ARP_IN);
	CU_ASSERT_EQUAL(memcmp(f, mac_there, 6), 0);
	CU_ASSERT_EQUAL(memcmp(f + 6, mac_here, 6), 0);
	CU_ASSERT_EQUAL(gw_get16(f + 20), 2);
	ip = gw_arp_sender(f, &mac);
	CU_ASSERT_TRUE(gw_ip_equal(&ip, &here));
	CU_ASSERT_EQUAL(memcmp(mac, mac_here, 6), 0);
	CU_ASSERT_EQUAL(memcmp(f + 32, mac_there, 6), 0);
	CU_ASSERT_EQUAL(gw_get32(f + 38), gw_ip_v4(&there));
	CU_ASSERT_FALSE(gw_arp_wants(f, &there)); /* an answer asks nothing */
	for (size_t cut = 0; cut < GW_ARP_BYTES; cut++)
		CU_ASSERT_NOT_EQUAL(parse(&here, f, cut), GW_FRAME_ARP_IN);
	for (unsigned int at = 14; at < 20; at++) {
		memcpy(bad, f, sizeof(bad));
		bad[at] ^= 1;
		CU_ASSERT_EQUAL(parse(&here, bad, GW_ARP_BYTES), GW_FRAME_OTHER);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"ARP", test_arp},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"arp", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
