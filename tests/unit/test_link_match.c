/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/link_match.c: ports of both families, near and behind gateways. */
#include "../../dataplane/link_match.c"

#include "run.h"

static struct gw_dp dp;
static struct gw_dp_host peer;

static void reset(void)
{
	memset(&dp, 0, sizeof(dp));
	memset(&peer, 0, sizeof(peer));
}

static void ours(const char *ip, uint8_t prefix, const char *gateway)
{
	struct gw_port *p = &dp.port[dp.n_ports++];

	CU_ASSERT_TRUE(gw_ip_from_text(ip, &p->ip));
	p->prefix = prefix;
	if (gateway != NULL)
		CU_ASSERT_TRUE(gw_ip_from_text(gateway, &p->gateway));
}

static void theirs(const char *ip)
{
	CU_ASSERT_TRUE(gw_ip_from_text(ip, &peer.port[peer.n_ports++].ip));
}

static int match(uint32_t port)
{
	return gw_link_match(&dp, port, &peer);
}

static void test_near(void)
{
	reset();
	ours("10.0.0.1", 24, NULL);
	ours("10.0.1.1", 24, NULL);
	ours("10.0.2.1", 24, NULL);
	theirs("10.0.1.2");
	theirs("10.0.0.2");
	CU_ASSERT_EQUAL(match(0), 1);
	CU_ASSERT_EQUAL(match(1), 0);
	CU_ASSERT_EQUAL(match(2), -1);
	/* Ports of one subnet spread over the peer's there. */
	reset();
	for (uint32_t i = 0; i < 4; i++)
		ours("fd00::1", 64, NULL);
	theirs("fd00::2");
	theirs("fd00:0:0:1::2");
	theirs("fd00::3");
	CU_ASSERT_EQUAL(match(0), 0);
	CU_ASSERT_EQUAL(match(1), 2);
	CU_ASSERT_EQUAL(match(2), 0);
	CU_ASSERT_EQUAL(match(3), 2);
}

/* A subnet that has all addresses of a family has none of the other. */
static void test_families(void)
{
	reset();
	ours("fd00::1", 0, NULL);
	ours("10.0.0.1", 0, NULL);
	theirs("192.0.2.1");
	CU_ASSERT_EQUAL(match(0), -1);
	CU_ASSERT_EQUAL(match(1), 0);
	theirs("2001:db8::1");
	CU_ASSERT_EQUAL(match(0), 1);
	CU_ASSERT_EQUAL(match(1), 0);
}

static void test_gateways(void)
{
	reset();
	ours("fd00::1", 64, "fe80::1");
	ours("10.0.0.1", 24, "10.0.0.254");
	ours("fd00:0:0:9::1", 64, "fe80::1");
	CU_ASSERT_EQUAL(match(0), -1);
	theirs("192.0.2.1");
	CU_ASSERT_EQUAL(match(0), -1);
	CU_ASSERT_EQUAL(match(1), 0);
	theirs("2001:db8::1");
	theirs("2001:db8:1::1");
	CU_ASSERT_EQUAL(match(0), 1);
	CU_ASSERT_EQUAL(match(1), 0);
	CU_ASSERT_EQUAL(match(2), 2); /* spread, whatever stands between */
	/* Who is near comes first. */
	theirs("fd00:0:0:9::2");
	CU_ASSERT_EQUAL(match(2), 3);
}

/* A port that sends to itself: no other of the subnet will do, and otherwise never that one. */
static void test_loop_back(void)
{
	reset();
	ours("fd00::1", 64, NULL);
	theirs("fd00::2");
	theirs("fd00::1");
	CU_ASSERT_EQUAL(match(0), 0);
	dp.conf.loop_back = true;
	CU_ASSERT_EQUAL(match(0), 1);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"on one subnet", test_near},
		{"families", test_families},
		{"gateways", test_gateways},
		{"loopback", test_loop_back},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"link match", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
