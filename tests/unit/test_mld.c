/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/port/mld.c, against a report laid out by hand from RFC 3810. */
#include "../../dataplane/port/mld.c"

#include "run.h"

static const uint8_t mac[6] = {2, 0, 0, 0xaa, 0xbb, 0xcc};

static void test_report(void)
{
	static const uint8_t want[GW_MLD_BYTES] = {
		0x33, 0x33, 0, 0, 0, 0x16,     /* to all routers that know version 2 */
		2, 0, 0, 0xaa, 0xbb, 0xcc,     /* from our port */
		0x86, 0xdd,                    /* IPv6 */
		0x60, 0, 0, 0, 0, 36, 0, 1,    /* 36 bytes, one hop */
		0xfe, 0x80, 0, 0, 0, 0, 0, 0,  /* from fe80::ff:feaa:bbcc, */
		0, 0, 0, 0xff, 0xfe, 0xaa, 0xbb, 0xcc,
		0xff, 2, 0, 0, 0, 0, 0, 0,     /* to ff02::16 */
		0, 0, 0, 0, 0, 0, 0, 0x16,
		58, 0, 5, 2, 0, 0, 1, 0,       /* router alert, and ICMPv6 follows */
		143, 0, 0, 0, 0, 0, 0, 1,      /* a report of one record; its checksum: below */
		4, 0, 0, 0,                    /* changes to all but none, */
		0xff, 2, 0, 0, 0, 0, 0, 0,     /* of ff02::1:ff56:789a */
		0, 0, 0, 1, 0xff, 0x56, 0x78, 0x9a,
	};
	const struct gw_ip own = {0xfd00ull << 48, 0x123456789a};
	uint8_t f[GW_MLD_BYTES];
	uint32_t sum = 58 + 28;

	gw_mld_report(f, mac, &own);
	for (uint32_t at = 14 + 8; at < GW_MLD_BYTES; at += 2)
		if (at < 54 || at >= 62)
			sum += (uint32_t)f[at] << 8 | f[at + 1];
	CU_ASSERT_EQUAL((sum >> 16) + (sum & 0xffff), 0xffff);
	f[64] = f[65] = 0;
	CU_ASSERT_EQUAL(memcmp(f, want, sizeof(want)), 0);
}

int main(void)
{
	CU_TestInfo tests[] = {{"a report of the own group", test_report}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"mld", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
