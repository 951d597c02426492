/* SPDX-License-Identifier: BSD-3-Clause */
/* control/bench/result.c and snapshot_json.c: counters made up, rates and cycles by hand; and a
 * peer's counters that are nonsense. */
#include "../../control/bench/result.h"
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct measurement m;
static struct result r;
static struct snapshot back; /* too large for a stack */

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

/* Two seconds: 1000 packets of two pages, 5 lost; the receiver has 990 of them. */
static void make_measurement(void)
{
	memset(&m, 0, sizeof(m));
	m.seconds = 2;
	m.sender.n_workers = m.receiver.n_workers = 1;
	m.sender.worker[0] = (struct gw_dp_worker_stats){
		.cpu = 3, .tsc = 10000000, .busy_cycles = 4000000, .away_cycles = 1000000};
	m.receiver.worker[0] =
		(struct gw_dp_worker_stats){.cpu = 4, .tsc = 10000000, .busy_cycles = 1980000};
	m.sender.n_queues = m.receiver.n_queues = 1;
	m.sender.queue[0] = (struct snapshot_queue){.tx_packets = 1000,
		.tx_bytes = 1000 * 8266,
		.payload_bytes = 1000 * 8192,
		.lost_packets = 5,
		.resent_pages = 10};
	m.receiver.queue[0] =
		(struct snapshot_queue){.rx_packets = 990, .rx_bytes = UINT64_C(990) * 8266};
	m.receiver.moved_bytes = UINT64_C(990) * 8192;
	m.receiver.time_ns = UINT64_C(2000000000);
	m.receiver.missed = 3;
	for (uint32_t v = 1; v <= 10; v++)
		gw_histogram_add(&m.sender.rtt[0], v);
}

static void test_rates(void)
{
	const struct result_port port = {.mtu = 9000, .line_rate_bps = 100000000};

	make_measurement();
	result_of(&m, &port, 1, false, &r);
	CU_ASSERT(near(r.payload_bps, 990 * 8192 * 8 / 2.0));
	CU_ASSERT(near(r.queue[0].l1_bps, 1000 * 8290 * 8 / 2.0));
	CU_ASSERT(near(r.queue[0].payload_bps, 1000 * 8192 * 8 / 2.0));
	CU_ASSERT(near(r.line_share, 1000 * 8290 * 8 / 2.0 / 1e8));
	/* What arrived against what the line could carry. */
	CU_ASSERT(near(r.payload_share, 990 * 8192 * 8 / 2.0 / (1e8 * 8192 / 8290)));
	CU_ASSERT(near(r.packets_ps, 500));
	CU_ASSERT_EQUAL(r.lost_packets, 5);
	CU_ASSERT_EQUAL(r.resent_pages, 10);
	CU_ASSERT_EQUAL(r.missed, 3);
	CU_ASSERT(near(r.rtt_us[0], 5 * 0.064));
	CU_ASSERT(near(r.rtt_us[3], 10 * 0.064));
	CU_ASSERT_EQUAL(r.queue[0].cpu, 3);
}

static void test_cycles(void)
{
	make_measurement();
	result_of(&m, NULL, 0, false, &r);
	CU_ASSERT(near(r.sender.cycles_per_page, 2000));
	CU_ASSERT(near(r.sender.cycles_per_packet, 4000));
	CU_ASSERT(near(r.sender.busy, 0.4));
	CU_ASSERT(near(r.sender.away, 0.1));
	CU_ASSERT(near(r.receiver.cycles_per_page, 1000));
	CU_ASSERT(near(r.receiver.cycles_per_packet, 2000));
	CU_ASSERT_EQUAL(r.receiver.n_queues, 1);
	CU_ASSERT(near(r.receiver.queue[0].l1_bps, 990 * 8290 * 8 / 2.0));
}

/* A port without a known rate: no share rather than a wrong one; and nothing at all measured. */
static void test_unknown(void)
{
	const struct result_port port[2] = {
		{.mtu = 9000, .line_rate_bps = 100000000}, {.mtu = 9000}};

	make_measurement();
	result_of(&m, port, 2, false, &r);
	CU_ASSERT_EQUAL(r.line_share, 0);
	CU_ASSERT_EQUAL(r.payload_share, 0);
	memset(&m, 0, sizeof(m));
	result_of(&m, port, 1, false, &r);
	CU_ASSERT_EQUAL(r.payload_bps, 0);
	CU_ASSERT_EQUAL(r.sender.cycles_per_page, 0);
	CU_ASSERT_EQUAL(r.sender.busy, 0);
}

static void test_median(void)
{
	static struct result some[4];
	const double v[] = {9, 1, 5}, w[] = {9, 1, 5, 4};

	CU_ASSERT_EQUAL(result_median_of(v, 3), 5);
	CU_ASSERT_EQUAL(result_median_of(w, 4), 4.5);
	CU_ASSERT_EQUAL(result_median_of(w, 1), 9);
	for (uint32_t i = 0; i < 4; i++)
		some[i].payload_bps = w[i];
	CU_ASSERT_EQUAL(result_median(some, 1), 0);
	CU_ASSERT_EQUAL(result_median(some, 3), 2);
	CU_ASSERT_EQUAL(result_median(some, 4), 3);
	some[0].payload_bps = some[1].payload_bps = 5;
	CU_ASSERT_EQUAL(some[result_median(some, 3)].payload_bps, 5);
}

static void test_interval(void)
{
	static struct snapshot was, now, got;

	make_measurement();
	was = m.sender;
	now = m.sender;
	now.time_ns += 7;
	now.queue[0].tx_packets += 11;
	now.queue[0].lost_packets += 1;
	now.worker[0].busy_cycles += 13;
	now.faults += 2;
	gw_histogram_add(&now.rtt[0], 4);
	snapshot_interval(&was, &now, &got);
	CU_ASSERT_EQUAL(got.time_ns, 7);
	CU_ASSERT_EQUAL(got.queue[0].tx_packets, 11);
	CU_ASSERT_EQUAL(got.queue[0].lost_packets, 1);
	CU_ASSERT_EQUAL(got.queue[0].tx_bytes, 0);
	CU_ASSERT_EQUAL(got.worker[0].busy_cycles, 13);
	CU_ASSERT_EQUAL(got.worker[0].tsc, 0);
	CU_ASSERT_EQUAL(got.worker[0].cpu, 3);
	CU_ASSERT_EQUAL(got.faults, 2);
	CU_ASSERT_EQUAL(gw_histogram_total(&got.rtt[0]), 1);
}

static void test_travels(void)
{
	json_t *o;

	make_measurement();
	o = snapshot_json(&m.receiver);
	CU_ASSERT_EQUAL(snapshot_read(o, &back), 0);
	CU_ASSERT_EQUAL(back.time_ns, m.receiver.time_ns);
	CU_ASSERT_EQUAL(back.moved_bytes, m.receiver.moved_bytes);
	CU_ASSERT_EQUAL(back.missed, 3);
	CU_ASSERT_EQUAL(back.n_workers, 1);
	CU_ASSERT_EQUAL(back.worker[0].cpu, 4);
	CU_ASSERT_EQUAL(back.worker[0].busy_cycles, 1980000);
	CU_ASSERT_EQUAL(back.n_queues, 1);
	CU_ASSERT_EQUAL(back.queue[0].rx_packets, 990);
	json_decref(o);
}

static int read_text(const char *workers, const char *queues)
{
	char text[4096];
	json_t *o;
	int rc;

	snprintf(text, sizeof(text),
		"{\"time_ns\": 1, \"moved\": 1, \"drops\": 0, \"faults\": 0, \"missed\": 0, "
		"\"workers\": %s, \"queues\": %s}",
		workers, queues);
	o = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	rc = snapshot_read(o, &back);
	json_decref(o);
	return rc;
}

static void test_nonsense(void)
{
	json_t *many = json_array();
	char *text;

	CU_ASSERT_EQUAL(read_text("[]", "[]"), 0);
	CU_ASSERT(read_text("{}", "[]") != 0);
	CU_ASSERT(read_text("[[0,1,2,3,4,5]]", "[]") != 0);
	CU_ASSERT(read_text("[[0,1,2,3,4,5,-6]]", "[]") != 0);
	CU_ASSERT(read_text("[[0,1,2,3,4,5,\"6\"]]", "[]") != 0);
	CU_ASSERT(read_text("[[0,9999999999,2,3,4,5,6]]", "[]") != 0);
	CU_ASSERT(read_text("[]", "[[16,0,0,0,0,0,0,0,0,0]]") != 0);
	CU_ASSERT(read_text("[]", "[[0,0,16,0,0,0,0,0,0,0]]") != 0);
	CU_ASSERT(read_text("[]", "[[0,0,0,0,0,0,0,0,0]]") != 0);
	CU_ASSERT(read_text("[]", "7") != 0);
	for (uint32_t i = 0; i <= GW_DP_MAX_WORKERS; i++)
		json_array_append_new(many, json_pack("[i,i,i,i,i,i,i]", 0, 0, 0, 0, 0, 0, 0));
	text = json_dumps(many, JSON_COMPACT);
	CU_ASSERT(read_text(text, "[]") != 0);
	free(text);
	json_decref(many);
	CU_ASSERT(snapshot_read(NULL, &back) != 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"rates and shares", test_rates},
		{"cycles", test_cycles},
		{"what is not known", test_unknown},
		{"medians", test_median},
		{"intervals", test_interval},
		{"counters travel", test_travels},
		{"a peer's nonsense", test_nonsense},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"bench result", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
