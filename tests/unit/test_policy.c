/* SPDX-License-Identifier: BSD-3-Clause */
/* control/policy.c, door.c */
#include "../../control/door.c"
#include "../../control/policy.c"
#include "run.h"

#define S(text) ((char[]){text})

static void test_policy(void)
{
	char *every[] = {S("*")}, *web[] = {S("web-*"), S("db[12]")};
	struct gw_config_peer peer[] = {{S("b"), S("b:1"), {.send = web, .n_send = 2}},
		{S("c"), S("c:1"), {.receive = every, .n_receive = 1, .send = every, .n_send = 1}},
		{S("*"), NULL, {.receive = web, .n_receive = 1}}};
	struct gw_config c = {.peers = peer, .n_peers = 3};

	CU_ASSERT_PTR_EQUAL(gw_policy_peer(&c, "b"), &peer[0]);
	CU_ASSERT_PTR_EQUAL(gw_policy_peer(&c, "nobody"), &peer[2]);
	CU_ASSERT(gw_policy_send(&c, "b", "web-1"));
	CU_ASSERT(gw_policy_send(&c, "b", "db2"));
	CU_ASSERT(!gw_policy_send(&c, "b", "db3"));
	CU_ASSERT(!gw_policy_send(&c, "b", "my-web-1"));
	CU_ASSERT(!gw_policy_receive(&c, "b", "web-1"));
	CU_ASSERT(gw_policy_send(&c, "c", "anything") && gw_policy_receive(&c, "c", "anything"));
	CU_ASSERT(gw_policy_receive(&c, "nobody", "web-9"));
	CU_ASSERT(!gw_policy_receive(&c, "nobody", "db3"));
	CU_ASSERT(!gw_policy_send(&c, "nobody", "web-9"));
	/* Without the entry "*" whoever is not listed is nobody. */
	c.n_peers = 2;
	CU_ASSERT_PTR_NULL(gw_policy_peer(&c, "nobody"));
	CU_ASSERT(!gw_policy_receive(&c, "nobody", "web-9"));
}

static uint8_t source[16];

static int enter(struct gw_door *d, uint8_t from, uint64_t now, int *evicted)
{
	source[15] = from;
	return gw_door_enter(d, source, now, evicted);
}

/* One source cannot take all places, and gets new ones when it leaves old ones. */
static void test_per_source(void)
{
	struct gw_door d = {0};
	int evicted, first = enter(&d, 1, 1, &evicted);

	for (uint32_t i = 1; i < GW_DOOR_PER_SOURCE; i++)
		CU_ASSERT(enter(&d, 1, 1, &evicted) >= 0);
	CU_ASSERT_EQUAL(enter(&d, 1, 1, &evicted), -EBUSY);
	CU_ASSERT(enter(&d, 2, 1, &evicted) >= 0);
	gw_door_leave(&d, first);
	CU_ASSERT_EQUAL(enter(&d, 1, 1, &evicted), first);
	CU_ASSERT_EQUAL(evicted, -1);
}

/* Many sources: the oldest goes, and nobody else. */
static void test_eviction(void)
{
	struct gw_door d = {0};
	int evicted;

	for (uint32_t i = 0; i < GW_DOOR_PLACES; i++) {
		CU_ASSERT_EQUAL(enter(&d, (uint8_t)i, 100 + i, &evicted), (int)i);
		CU_ASSERT_EQUAL(evicted, -1);
	}
	CU_ASSERT_EQUAL(enter(&d, 200, 200, &evicted), 0);
	CU_ASSERT_EQUAL(evicted, 0);
	CU_ASSERT_EQUAL(enter(&d, 201, 201, &evicted), 1);
	CU_ASSERT_EQUAL(evicted, 1);
	gw_door_leave(&d, 5);
	CU_ASSERT_EQUAL(enter(&d, 202, 202, &evicted), 5);
	CU_ASSERT_EQUAL(evicted, -1);
}

/* However many come, so many a second are looked at. */
static void test_rate(void)
{
	struct gw_door d = {0};
	uint64_t now = 1000 * GW_NS_PER_S, end = now + 10 * GW_NS_PER_S;
	uint32_t n = 0;
	int evicted;

	while (now < end) {
		uint64_t wait = gw_door_wait_ns(&d, now);

		if (wait == 0)
			enter(&d, (uint8_t)n++, now, &evicted);
		now += wait;
	}
	CU_ASSERT(n >= 10 * GW_DOOR_PER_SECOND && n <= 10 * GW_DOOR_PER_SECOND + GW_DOOR_BURST);
	/* After a rest the burst is whole again. */
	now += 10 * GW_NS_PER_S;
	for (n = 0; gw_door_wait_ns(&d, now) == 0; n++)
		enter(&d, (uint8_t)n, now, &evicted);
	CU_ASSERT_EQUAL(n, GW_DOOR_BURST);
}

int main(void)
{
	CU_TestInfo tests[] = {{"policy", test_policy}, {"places of a source", test_per_source},
		{"eviction", test_eviction}, {"rate", test_rate}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"policy", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
