/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/base/ip.h */
#include "../../dataplane/base/ip.h"

#include "run.h"

static struct gw_ip ip(const char *text)
{
	struct gw_ip out = {0, 0};

	CU_ASSERT_TRUE(gw_ip_from_text(text, &out));
	return out;
}

static void test_text(void)
{
	static const char *const same[] = {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1",
		"fd00::1", "2001:db8:1:2:3:4:5:6", "ff02::1:ff00:1"};
	static const char *const bad[] = {"", "10.0.0", "10.0.0.1/8", "10.0.0.256", "fd00:::1",
		"fd00::1/64", "fd00::1%lo", "[::1]", "::ffff:10.0.0.1", "::ffff:a00:1",
		"localhost"};
	char text[GW_IP_TEXT];
	struct gw_ip a, b;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		a = ip(same[i]);
		CU_ASSERT_STRING_EQUAL(gw_ip_text(&a, text), same[i]);
		CU_ASSERT_EQUAL(gw_ip_is_v4(&a), strchr(same[i], ':') == NULL);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(gw_ip_from_text(bad[i], &a));
	a = ip("2001:DB8:0::1");
	b = ip("2001:db8::1");
	CU_ASSERT_TRUE(gw_ip_equal(&a, &b));
	a = ip("255.255.255.255");
	CU_ASSERT_EQUAL(gw_ip_v4(&a), UINT32_MAX);
}

static void test_bytes(void)
{
	static const uint8_t bytes[16] = {0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct gw_ip a = gw_ip_get(bytes), b = ip("fd01:203:405:607:809:a0b:c0d:e0f");
	uint8_t out[16];

	CU_ASSERT_TRUE(gw_ip_equal(&a, &b));
	gw_ip_put(out, &a);
	CU_ASSERT_EQUAL(memcmp(out, bytes, 16), 0);
}

static bool near(const char *a, const char *b, uint32_t prefix)
{
	struct gw_ip x = ip(a), y = ip(b);
	bool there = gw_ip_same_subnet(&x, &y, prefix);

	CU_ASSERT_EQUAL(gw_ip_same_subnet(&y, &x, prefix), there);
	return there;
}

static void test_subnet(void)
{
	CU_ASSERT_TRUE(near("10.0.0.1", "10.0.0.200", 24));
	CU_ASSERT_FALSE(near("10.0.0.1", "10.0.1.1", 24));
	CU_ASSERT_TRUE(near("10.0.0.0", "10.0.0.1", 31));
	CU_ASSERT_FALSE(near("10.0.0.0", "10.0.0.1", 32));
	CU_ASSERT_TRUE(near("1.2.3.4", "200.2.3.4", 0));
	CU_ASSERT_TRUE(near("fd00::1", "fd00::ffff:ffff:ffff:ffff", 64));
	CU_ASSERT_FALSE(near("fd00::1", "fd00:0:0:1::1", 64));
	CU_ASSERT_TRUE(near("fd00:0:0:0::1", "fd00:0:0:1::1", 63));
	CU_ASSERT_TRUE(near("fd00::0", "fd00::1", 127));
	CU_ASSERT_FALSE(near("fd00::0", "fd00::1", 128));
	CU_ASSERT_TRUE(near("fd00::1", "fd00::1", 128));
	CU_ASSERT_FALSE(near("fd00::1:0:0", "fd00::2:0:0", 96));
	CU_ASSERT_TRUE(near("fd00::1", "1::", 0));
	/* They differ where two IPv4 addresses would be alike. */
	CU_ASSERT_FALSE(near("fd00::1", "fd00::ffff:0:1", 96));
	CU_ASSERT_TRUE(near("fd00::1", "fd00::ffff:0:1", 80));
	/* Two families have nothing in common. */
	CU_ASSERT_FALSE(near("10.0.0.1", "fd00::1", 0));
	CU_ASSERT_FALSE(near("0.0.0.0", "::", 0));
}

static void test_host_part(void)
{
	struct gw_ip a = ip("fd00:1:2:3:4:5:6:7"), b = ip("10.1.2.3"), part;

	part = gw_ip_host_part(&a, 64);
	CU_ASSERT_EQUAL(part.high, 0);
	CU_ASSERT_EQUAL(part.low, a.low);
	part = gw_ip_host_part(&a, 0);
	CU_ASSERT_TRUE(gw_ip_equal(&part, &a));
	part = gw_ip_host_part(&a, 16);
	CU_ASSERT_EQUAL(part.high, UINT64_C(0x0000000100020003));
	part = gw_ip_host_part(&a, 112);
	CU_ASSERT_EQUAL(part.low, 7);
	part = gw_ip_host_part(&a, 128);
	CU_ASSERT_FALSE(gw_ip_is_set(&part));
	part = gw_ip_host_part(&b, 8);
	CU_ASSERT_EQUAL(part.low, 0x010203);
	part = gw_ip_host_part(&b, 0);
	CU_ASSERT_EQUAL(part.low, 0x0a010203);
	part = gw_ip_host_part(&b, 32);
	CU_ASSERT_FALSE(gw_ip_is_set(&part));
}

static void test_kinds(void)
{
	static const char *const hosts[] = {
		"fd00::1", "fe80::1", "2001:db8::", "64:ff9b::1", "::1:0:0:1"};
	static const char *const none[] = {
		"::", "::1", "ff02::1", "ff00::", "::10.0.0.1", "10.0.0.1"};
	struct gw_ip a;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		a = ip(hosts[i]);
		CU_ASSERT_TRUE(gw_ip_is_v6_host(&a));
		CU_ASSERT_EQUAL(gw_ip_is_link_local(&a), i == 1);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		a = ip(none[i]);
		CU_ASSERT_FALSE(gw_ip_is_v6_host(&a));
	}
	a = ip("febf::1");
	CU_ASSERT_TRUE(gw_ip_is_link_local(&a));
	a = ip("fec0::1");
	CU_ASSERT_FALSE(gw_ip_is_link_local(&a));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"text", test_text},
		{"bytes", test_bytes},
		{"subnets", test_subnet},
		{"host part", test_host_part},
		{"kinds", test_kinds},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"ip", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
