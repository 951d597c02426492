/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/wire/payload.h: the theoretical payload, against frames laid out by hand. */
#include "../../dataplane/wire/payload.h"
#include "run.h"

#include <math.h>

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-12;
}

static void test_pages(void)
{
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(1500, false, GW_WIRE_CRC32C), 0);
	/* IPv4 20, UDP 8, godwit 32, CRC 4 and a page of 4096 are 4160. */
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4159, false, GW_WIRE_CRC32C), 0);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4160, false, GW_WIRE_CRC32C), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4156, false, 0), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4155, false, 0), 0);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8255, false, GW_WIRE_CRC32C), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8256, false, GW_WIRE_CRC32C), 2);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(9600, false, GW_WIRE_CRC32C), 2);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(0, false, GW_WIRE_CRC32C), 0);
	/* The tag takes 16. */
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4171, false, GW_WIRE_AEAD), 0);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4172, false, GW_WIRE_AEAD), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8267, false, GW_WIRE_AEAD), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8268, false, GW_WIRE_AEAD), 2);
	CU_ASSERT_FALSE(gw_wire_needs_quarters(1452, false, GW_WIRE_AEAD));
	CU_ASSERT_TRUE(gw_wire_needs_quarters(1451, false, GW_WIRE_AEAD));
	/* The longest run list and a quarter fit the smallest MTU. */
	CU_ASSERT(40 + 8 + 32 + 8 * GW_WIRE_RUNS_SENT + GW_WIRE_TAG_BYTES <= 1280);
	CU_ASSERT(40 + 8 + 32 + GW_WIRE_QUARTER_BYTES + GW_WIRE_TAG_BYTES <= 1280);
}

/* IPv6's header has 20 bytes more. */
static void test_pages_ipv6(void)
{
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4179, true, GW_WIRE_CRC32C), 0);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4180, true, GW_WIRE_CRC32C), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4191, true, GW_WIRE_AEAD), 0);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4192, true, GW_WIRE_AEAD), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4200, true, GW_WIRE_AEAD), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8287, true, GW_WIRE_AEAD), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8288, true, GW_WIRE_AEAD), 2);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(0, true, 0), 0);
	CU_ASSERT_FALSE(gw_wire_needs_quarters(1472, true, GW_WIRE_AEAD));
	CU_ASSERT_TRUE(gw_wire_needs_quarters(1471, true, GW_WIRE_AEAD));
	CU_ASSERT_EQUAL(gw_wire_overhead(true, GW_WIRE_AEAD), 134);
	CU_ASSERT(near(gw_wire_payload_share(9000, true, GW_WIRE_AEAD), 8192.0 / 8326));
	CU_ASSERT(near(gw_wire_payload_share(1500, true, 0), 4096.0 / 4450));
}

static void test_share(void)
{
	/* 14 + 20 + 8 + 32 + 24 are 98 bytes a packet, 102 with a CRC. */
	CU_ASSERT_EQUAL(gw_wire_overhead(false, 0), 98);
	CU_ASSERT_EQUAL(gw_wire_overhead(false, GW_WIRE_CRC32C), 102);
	CU_ASSERT_EQUAL(gw_wire_overhead(false, GW_WIRE_AEAD), 114);
	CU_ASSERT(near(gw_wire_payload_share(9000, false, GW_WIRE_AEAD), 8192.0 / 8306));
	CU_ASSERT(near(gw_wire_payload_share(1500, false, GW_WIRE_AEAD), 4096.0 / 4438));
	CU_ASSERT(near(gw_wire_payload_share(9000, false, GW_WIRE_CRC32C), 8192.0 / 8294));
	CU_ASSERT(near(gw_wire_payload_share(9000, false, 0), 8192.0 / 8290));
	CU_ASSERT(near(gw_wire_payload_share(4200, false, GW_WIRE_CRC32C), 4096.0 / 4198));
	CU_ASSERT(near(gw_wire_payload_share(1500, false, GW_WIRE_CRC32C), 4096.0 / 4402));
	CU_ASSERT(near(gw_wire_payload_share(1500, false, 0), 4096.0 / 4390));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"pages to a packet", test_pages},
		{"the same over IPv6", test_pages_ipv6},
		{"share of the line", test_share},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"payload", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
