/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/vcpus.c: an answer of QEMU's that is not trusted. */
#include "../../control/hypervisor/vcpus.h"
#include "run.h"

static pid_t tids[GW_VCPU_MAX_THREADS];

static uint32_t parse(const char *text)
{
	json_t *cpus = json_loads(text, 0, NULL);
	uint32_t n = gw_vcpus_parse(cpus, tids);

	json_decref(cpus);
	return n;
}

static void test_threads(void)
{
	CU_ASSERT_EQUAL(parse("[{\"cpu-index\":0,\"thread-id\":71},"
			      "{\"cpu-index\":1,\"thread-id\":70,\"target\":\"x86_64\"}]"),
		2);
	CU_ASSERT_EQUAL(tids[0], 71);
	CU_ASSERT_EQUAL(tids[1], 70);
	/* One thread runs them all. */
	CU_ASSERT_EQUAL(parse("[{\"thread-id\":5},{\"thread-id\":5},{\"thread-id\":5}]"), 1);
	CU_ASSERT_EQUAL(tids[0], 5);
}

static void test_nonsense(void)
{
	CU_ASSERT_EQUAL(gw_vcpus_parse(NULL, tids), 0);
	CU_ASSERT_EQUAL(parse("{}"), 0);
	CU_ASSERT_EQUAL(parse("[]"), 0);
	CU_ASSERT_EQUAL(parse("[{\"thread-id\":5},7]"), 0);
	CU_ASSERT_EQUAL(parse("[{\"thread-id\":\"5\"}]"), 0);
	CU_ASSERT_EQUAL(parse("[{\"thread-id\":0}]"), 0);
	CU_ASSERT_EQUAL(parse("[{\"thread-id\":-1}]"), 0);
	CU_ASSERT_EQUAL(parse("[{\"thread-id\":4294967297}]"), 0);
}

static void test_many(void)
{
	json_t *cpus = json_array();

	for (uint32_t i = 1; i <= GW_VCPU_MAX_THREADS; i++)
		json_array_append_new(cpus, json_pack("{s:i}", "thread-id", (int)i));
	CU_ASSERT_EQUAL(gw_vcpus_parse(cpus, tids), GW_VCPU_MAX_THREADS);
	json_array_append_new(cpus, json_pack("{s:i}", "thread-id", 7));
	CU_ASSERT_EQUAL(gw_vcpus_parse(cpus, tids), GW_VCPU_MAX_THREADS);
	json_array_append_new(cpus, json_pack("{s:i}", "thread-id", (int)GW_VCPU_MAX_THREADS + 1));
	CU_ASSERT_EQUAL(gw_vcpus_parse(cpus, tids), 0);
	json_decref(cpus);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"threads", test_threads},
		{"nonsense", test_nonsense},
		{"as many as there is room for", test_many},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"vcpus", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
