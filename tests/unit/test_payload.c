/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/wire/payload.h: the theoretical payload, against frames laid out by hand. */
#include "../../dataplane/wire/payload.h"

#include <CUnit/Basic.h>
#include <math.h>

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-12;
}

static void test_pages(void)
{
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(1500, true), 0);
	/* IPv4 20, UDP 8, godwit 32, CRC 4 and a page of 4096 are 4160. */
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4159, true), 0);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4160, true), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4156, false), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(4155, false), 0);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8255, true), 1);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(8256, true), 2);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(9600, true), 2);
	CU_ASSERT_EQUAL(gw_wire_pages_per_packet(0, true), 0);
}

static void test_share(void)
{
	/* 14 + 20 + 8 + 32 + 24 are 98 bytes a packet, 102 with a CRC. */
	CU_ASSERT_EQUAL(gw_wire_overhead(false), 98);
	CU_ASSERT_EQUAL(gw_wire_overhead(true), 102);
	CU_ASSERT(near(gw_wire_payload_share(9000, true), 8192.0 / 8294));
	CU_ASSERT(near(gw_wire_payload_share(9000, false), 8192.0 / 8290));
	CU_ASSERT(near(gw_wire_payload_share(4200, true), 4096.0 / 4198));
	CU_ASSERT(near(gw_wire_payload_share(1500, true), 4096.0 / 4402));
	CU_ASSERT(near(gw_wire_payload_share(1500, false), 4096.0 / 4390));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"pages to a packet", test_pages},
		{"share of the line", test_share},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"payload", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
