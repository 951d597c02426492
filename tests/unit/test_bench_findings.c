/* SPDX-License-Identifier: BSD-3-Clause */
/* control/bench/findings.c: each by itself on an end that is otherwise well, and a peer's list. */
#include "../../control/bench/findings.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

static struct facts facts;
static struct findings found;

/* A NIC as it should be. */
static void well(void)
{
	memset(&facts, 0, sizeof(facts));
	facts.huge_pages = true;
	facts.zero_copy_wanted = true;
	facts.n_ports = facts.n_workers = 1;
	facts.port[0] = (struct facts_port){.name = "p0",
		.driver = "mlx5_pci",
		.setup = {.socket = 0,
			.rx_descriptors = 1024,
			.tx_descriptors = 1024,
			.zero_copy = true,
			.fast_free = true,
			.fast_free_known = true,
			.rss = true,
			.link_mbps = 100000,
			.device_mtu = 9000},
		.link_up = true,
		.mtu = 9000,
		.path_mtu = 9000,
		.queues = 2,
		.expect_bps = UINT64_C(100000000000)};
	facts.worker[0] = (struct facts_worker){
		.cpu = 2, .socket = 0, .sibling = -1, .governor = "performance"};
}

/* Exactly one finding, with this name, whose value holds the text. */
static bool only(const char *name, const char *value)
{
	findings_of(&facts, &found);
	return found.n == 1 && strcmp(found.f[0].name, name) == 0 &&
	       strstr(found.f[0].value, value) != NULL && found.f[0].advice[0] != '\0';
}

static void test_well(void)
{
	well();
	findings_of(&facts, &found);
	CU_ASSERT_EQUAL(found.n, 0);
	/* What cannot be known is not claimed. */
	facts.port[0].setup.socket = -1;
	facts.port[0].setup.link_mbps = 0;
	facts.port[0].setup.device_mtu = 0;
	facts.port[0].path_mtu = 0;
	facts.worker[0].governor[0] = '\0';
	findings_of(&facts, &found);
	CU_ASSERT_EQUAL(found.n, 0);
}

static void test_ports(void)
{
	well();
	facts.worker[0].socket = 1;
	CU_ASSERT(only("NUMA-remote port p0", "CPU 2 on node 1"));
	well();
	facts.port[0].setup.rx_descriptors = 128;
	CU_ASSERT(only("small rings p0", "128"));
	well();
	facts.port[0].setup.device_mtu = 1500;
	CU_ASSERT(only("wrong MTU p0", "1500"));
	well();
	facts.port[0].path_mtu = 8300;
	CU_ASSERT(only("wrong MTU p0", "8300"));
	well();
	facts.port[0].mtu = facts.port[0].setup.device_mtu = facts.port[0].path_mtu = 1500;
	CU_ASSERT(only("small MTU p0", "3 packets"));
	well();
	facts.port[0].setup.fast_free = false;
	CU_ASSERT(only("FAST_FREE p0", "off"));
	well();
	facts.port[0].setup.fast_free = facts.port[0].setup.fast_free_known = false;
	CU_ASSERT(only("missing offload p0", "MBUF_FAST_FREE"));
	well();
	facts.port[0].setup.rss = false;
	CU_ASSERT(only("missing offload p0", "RSS"));
	facts.port[0].queues = 1;
	findings_of(&facts, &found);
	CU_ASSERT_EQUAL(found.n, 0);
	well();
	facts.port[0].setup.zero_copy = false;
	CU_ASSERT(only("copying transmit p0", "mlx5"));
	facts.flags = GW_WIRE_CRC32C; /* then it must copy */
	findings_of(&facts, &found);
	CU_ASSERT_EQUAL(found.n, 0);
	well();
	facts.port[0].setup.link_mbps = 25000;
	CU_ASSERT(only("slow link p0", "25000"));
	well();
	facts.port[0].link_up = false;
	CU_ASSERT(only("no link p0", "down"));
}

static void test_memif(void)
{
	well();
	strcpy(facts.port[0].driver, "net_memif");
	facts.port[0].setup.memif_rsize = 7;
	/* Its speed and MTU mean nothing, and it has no descriptors of its own. */
	facts.port[0].setup.device_mtu = 1500;
	facts.port[0].setup.link_mbps = 1;
	facts.port[0].setup.rx_descriptors = 1;
	findings_of(&facts, &found);
	CU_ASSERT_EQUAL(found.n, 0);
	facts.port[0].setup.memif_rsize = 11;
	CU_ASSERT(only("large rings p0", "2048"));
	facts.port[0].setup.memif_rsize = 5;
	CU_ASSERT(only("small rings p0", "32"));
	CU_ASSERT(facts_virtual("net_memif"));
	CU_ASSERT(facts_virtual("net_af_packet"));
	CU_ASSERT_FALSE(facts_virtual("net_ice"));
}

static void test_machine(void)
{
	well();
	facts.huge_pages = false;
	CU_ASSERT(only("no huge pages", "4 KiB"));
	well();
	facts.worker[0].shared = true;
	CU_ASSERT(only("shared CPU 2", "two"));
	well();
	facts.worker[0].sibling = 10;
	CU_ASSERT(only("shared core of CPU 2", "CPU 10"));
	well();
	strcpy(facts.worker[0].governor, "powersave");
	CU_ASSERT(only("frequency governor of CPU 2", "powersave"));
}

static void test_seen(void)
{
	well();
	facts.away = 0.25;
	CU_ASSERT(only("CPU taken away", "25 %"));
	well();
	facts.missed = 7;
	CU_ASSERT(only("packets missed", "7"));
	well();
	facts.faults = 9;
	CU_ASSERT(only("page faults", "9"));
	well();
	facts.lost_packets = 4;
	CU_ASSERT(only("packets lost", "4"));
}

/* As many as there can be at all are kept within the list. */
static void test_many(void)
{
	well();
	facts.n_ports = GW_DP_MAX_PORTS;
	facts.n_workers = GW_DP_MAX_WORKERS;
	for (uint32_t i = 0; i < GW_DP_MAX_PORTS; i++) {
		facts.port[i] = facts.port[0];
		facts.port[i].link_up = false;
		facts.port[i].mtu = 1500;
		facts.port[i].setup.rx_descriptors = 1;
		facts.port[i].setup.fast_free = false;
		facts.port[i].setup.rss = false;
		facts.worker[i] = (struct facts_worker){.sibling = 1, .socket = 1};
	}
	findings_of(&facts, &found);
	CU_ASSERT_EQUAL(found.n, FINDINGS_MAX);
}

static void test_travels(void)
{
	static struct findings back;
	json_t *a, *list;

	well();
	facts.missed = 7;
	facts.huge_pages = false;
	findings_of(&facts, &found);
	a = findings_json(&found, "destination");
	CU_ASSERT_EQUAL(findings_read(a, &back), 0);
	CU_ASSERT_EQUAL(back.n, 2);
	CU_ASSERT_STRING_EQUAL(back.f[1].name, found.f[1].name);
	CU_ASSERT_STRING_EQUAL(back.f[1].advice, found.f[1].advice);
	json_decref(a);
	/* A peer's: too many, no list, no strings, control characters. */
	list = json_array();
	for (uint32_t i = 0; i <= FINDINGS_MAX; i++)
		json_array_append_new(list, json_object());
	CU_ASSERT(findings_read(list, &back) != 0);
	json_decref(list);
	CU_ASSERT(findings_read(NULL, &back) != 0);
	list = json_loads("[{\"name\": 3, \"value\": \"a\\u001bb\"}]", 0, NULL);
	CU_ASSERT_EQUAL(findings_read(list, &back), 0);
	CU_ASSERT_STRING_EQUAL(back.f[0].name, "");
	CU_ASSERT_PTR_NULL(strchr(back.f[0].value, '\x1b'));
	json_decref(list);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"nothing to say", test_well},
		{"ports", test_ports},
		{"memif", test_memif},
		{"machine", test_machine},
		{"while it was measured", test_seen},
		{"more than a list holds", test_many},
		{"a list travels", test_travels},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"bench findings", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
