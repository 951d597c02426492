/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/path/mtu.c: which size a path is found to carry. Time is made up. */
#include "../../dataplane/path/mtu.c"
#include "run.h"

#define MS 1000000ull

/* A path that carries `carries` bytes and loses every lose-th probe (0: none), looked at each ms.
 */
struct way {
	struct gw_mtu m;
	uint32_t carries, lose, probes, large;
	uint64_t psn, now_ns;
	bool dead;
};

static void run(struct way *w, uint64_t ns)
{
	for (uint64_t end_ns = w->now_ns + ns; w->now_ns < end_ns; w->now_ns += MS) {
		uint32_t size = gw_mtu_due(&w->m, w->now_ns);

		if (size == 0)
			continue;
		w->large++;
		gw_mtu_sent(&w->m, w->psn, w->psn + 1, w->now_ns);
		for (uint32_t i = 0; i < 2; i++, w->psn++)
			if (!w->dead && (w->lose == 0 || ++w->probes % w->lose != 0) &&
				(i == 1 || size <= w->carries))
				gw_mtu_replied(&w->m, w->psn, w->now_ns);
	}
}

static struct way make(uint32_t limit, uint32_t carries)
{
	struct way w = {.carries = carries, .now_ns = 1000 * MS};

	gw_mtu_init(&w.m, limit);
	gw_mtu_start(&w.m);
	return w;
}

static void test_sizes(void)
{
	const uint32_t carries[][3] = {{9000, 9000, 9000}, {9000, 8999, 4200}, {9000, 4200, 4200},
		{9000, 4199, 1500}, {9000, 1500, 1500}, {9000, 1499, 1280}, {9000, 1280, 1280},
		{9000, 600, 1280}, {4500, 4400, 4200}, {4000, 3000, 1500}, {1500, 1500, 1500},
		{1500, 1400, 1280}, {9600, 9600, 9600}};

	for (unsigned int i = 0; i < sizeof(carries) / sizeof(carries[0]); i++) {
		struct way w = make(carries[i][0], carries[i][1]);

		/* Believed until shown otherwise. */
		CU_ASSERT_EQUAL(gw_mtu_good(&w.m), carries[i][0]);
		run(&w, 500 * MS);
		CU_ASSERT_EQUAL(gw_mtu_good(&w.m), carries[i][2]);
		CU_ASSERT(w.large <= GW_MTU_MISSES * GW_MTU_SIZES);
		w.large = 0;
		run(&w, 1000 * MS);
		CU_ASSERT_EQUAL(w.large, 0);
	}
}

/* A path that answers nothing says nothing of its size. */
static void test_silence(void)
{
	struct way w = make(9000, 9000);

	w.dead = true;
	run(&w, 20000 * MS);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 9000);
	CU_ASSERT(w.large > 20 && w.large < 100);
	w.dead = false;
	run(&w, 1000 * MS);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 9000);
	CU_ASSERT_FALSE(w.m.active);
}

/* Random loss does not look like a size. */
static void test_loss(void)
{
	for (uint32_t lose = 2; lose < 20; lose++) {
		struct way w = make(9000, 9000);

		w.lose = lose;
		run(&w, 10000 * MS);
		CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 9000);
	}
}

/* A switch is set wrong in mid-work: found on suspicion; it is mended: found by the next test. */
static void test_change(void)
{
	struct way w = make(9000, 9000);

	run(&w, 5000 * MS);
	w.carries = 1500;
	run(&w, 5000 * MS);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 9000);
	gw_mtu_suspect(&w.m, w.now_ns);
	run(&w, 300 * MS);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 1500);
	run(&w, 29000 * MS);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 1500);
	w.carries = 9000;
	run(&w, 2000 * MS);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 9000);
	/* Suspicions are not followed more than once a second, and find nothing. */
	w.large = 0;
	for (unsigned int i = 0; i < 3000; i++) {
		gw_mtu_suspect(&w.m, w.now_ns);
		run(&w, MS);
	}
	CU_ASSERT(w.large >= 2 && w.large <= 3);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 9000);
}

/* Answers to what was not asked change nothing. */
static void test_strays(void)
{
	struct way w = make(9000, 1500);

	gw_mtu_replied(&w.m, 0, w.now_ns);
	run(&w, 500 * MS);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 1500);
	for (uint64_t psn = 0; psn < 100; psn++)
		gw_mtu_replied(&w.m, psn, w.now_ns);
	CU_ASSERT_EQUAL(gw_mtu_good(&w.m), 1500);
	/* Under test: only the newest pair counts. */
	gw_mtu_start(&w.m);
	CU_ASSERT_EQUAL(gw_mtu_due(&w.m, w.now_ns), 9000);
	gw_mtu_sent(&w.m, 500, 501, w.now_ns);
	gw_mtu_replied(&w.m, 499, w.now_ns);
	gw_mtu_replied(&w.m, 502, w.now_ns);
	CU_ASSERT_TRUE(w.m.active);
	CU_ASSERT_FALSE(w.m.small_came);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"sizes", test_sizes},
		{"silence", test_silence},
		{"loss", test_loss},
		{"changes", test_change},
		{"strays", test_strays},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"mtu", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
