/* SPDX-License-Identifier: BSD-3-Clause */
/* control/experience.c: what is learned, and from whom it is taken. */
#include "../../control/experience.c"
#include "run.h"

#include <stdio.h>
#include <string.h>

static struct gw_experience e;

/* What a caller sets ahead. */
static const struct gw_experience_costs unknown = {.state_bytes = 1,
	.fixed_ns = 2,
	.gap_ns = 3,
	.verify_ns_per_gib = 4,
	.rate_bps = 5,
	.save_ns = 6};

static struct gw_experience_costs recall(const char *peer, const char *kind)
{
	struct gw_experience_costs c = unknown;

	gw_experience_recall(&e, peer, kind, &c);
	return c;
}

static void learn(const char *peer, const char *kind, uint64_t fixed_ns)
{
	struct gw_experience_costs c = {.state_bytes = fixed_ns * 10,
		.fixed_ns = fixed_ns,
		.gap_ns = fixed_ns * 100,
		.verify_ns_per_gib = 77,
		.rate_bps = fixed_ns * 20,
		.save_ns = fixed_ns * 3};

	gw_experience_learn(&e, peer, kind, &c, false);
}

static void test_whose(void)
{
	memset(&e, 0, sizeof(e));
	CU_ASSERT_EQUAL(recall("a", "qemu").state_bytes, 1);
	CU_ASSERT_EQUAL(recall("a", "qemu").verify_ns_per_gib, 4);
	learn("a", "qemu", 50);
	learn("b", "qemu", 60);
	CU_ASSERT_EQUAL(recall("a", "qemu").fixed_ns, 50);
	CU_ASSERT_EQUAL(recall("a", "qemu").state_bytes, 500);
	CU_ASSERT_EQUAL(recall("a", "qemu").gap_ns, 5000);
	CU_ASSERT_EQUAL(recall("a", "qemu").rate_bps, 1000);
	CU_ASSERT_EQUAL(recall("a", "qemu").save_ns, 150);
	CU_ASSERT_EQUAL(recall("a", "qemu").verify_ns_per_gib, 4); /* nobody verified */
	CU_ASSERT_EQUAL(recall("b", "qemu").fixed_ns, 60);
	/* A peer that is new: as the newest of the kind. Another kind says nothing. */
	CU_ASSERT_EQUAL(recall("c", "qemu").fixed_ns, 60);
	learn("a", "qemu", 50);
	CU_ASSERT_EQUAL(recall("c", "qemu").fixed_ns, 50);
	CU_ASSERT_EQUAL(recall("a", "native").fixed_ns, 2);
}

static void test_median(void)
{
	const uint64_t ns[] = {100, 9000, 110, 105, 120, 130, 140};
	const uint64_t want[] = {100, 4550, 110, 107, 110, 120, 120};

	memset(&e, 0, sizeof(e));
	for (uint32_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		learn("a", "qemu", ns[i]);
		CU_ASSERT_EQUAL(recall("a", "qemu").fixed_ns, want[i]);
	}
}

static struct gw_experience_costs recall_least(void)
{
	struct gw_experience_costs c = unknown;

	gw_experience_recall_least(&e, "a", "qemu", &c);
	return c;
}

/* One or two sessions rule nothing out; later all that are kept have to. */
static void test_least(void)
{
	const uint64_t ns[] = {9000, 9500, 9100, 300, 9300, 9400, 9200, 9600, 9700};
	const uint64_t want[] = {2, 2, 9000, 300, 300, 300, 300, 300, 9200};

	memset(&e, 0, sizeof(e));
	CU_ASSERT_EQUAL(recall_least().fixed_ns, 2);
	for (uint32_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		learn("a", "qemu", ns[i]);
		CU_ASSERT_EQUAL(recall_least().fixed_ns, want[i]);
		CU_ASSERT_EQUAL(recall_least().rate_bps, 5);
		CU_ASSERT_EQUAL(recall_least().verify_ns_per_gib, 4);
	}
	CU_ASSERT_EQUAL(recall_least().state_bytes, 92000);
	CU_ASSERT_EQUAL(recall_least().gap_ns, 920000);
	CU_ASSERT_EQUAL(recall_least().save_ns, 27600);
}

static void test_verify(void)
{
	struct gw_experience_costs c = {.verify_ns_per_gib = 900};

	memset(&e, 0, sizeof(e));
	for (int i = 0; i < 12; i++)
		gw_experience_learn(&e, "a", "native", &c, i % 3 == 0);
	CU_ASSERT_EQUAL(recall("a", "native").verify_ns_per_gib, 900);
}

/* The one that was not used for longest makes room. */
static void test_many(void)
{
	char peer[32];

	memset(&e, 0, sizeof(e));
	for (uint32_t i = 0; i <= GW_EXPERIENCE_PLACES; i++) {
		snprintf(peer, sizeof(peer), "host-%u", i);
		learn(peer, "qemu", 1000 + i);
		learn("host-0", "qemu", 1000);
	}
	CU_ASSERT_EQUAL(recall("host-0", "qemu").fixed_ns, 1000);
	CU_ASSERT_EQUAL(recall("host-2", "qemu").fixed_ns, 1002);
	learn("host-1", "qemu", 7);
	CU_ASSERT_EQUAL(recall("host-1", "qemu").fixed_ns, 7); /* it had been forgotten */
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"whose experience counts", test_whose},
		{"the median", test_median},
		{"the least", test_least},
		{"verify", test_verify},
		{"more peers than there is room for", test_many},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"experience", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
