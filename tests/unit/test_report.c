/* SPDX-License-Identifier: BSD-3-Clause */
/* control/report.c, timeline.c, history.c */
#include "../../control/history.h"
#include "../../control/report.h"
#include "../../control/timeline.h"

#include "../../dataplane/base/clock.h"
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID "01234567-89ab-cdef-0123-456789abcdef"

static json_t *at(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (v == NULL)
		printf("\n    no key '%s' ", key);
	CU_ASSERT_PTR_NOT_NULL(v);
	return v;
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-6 * fabs(b) + 1e-9;
}

static struct gw_report_ports ports_at(uint64_t packets)
{
	struct gw_report_ports p = {.n = 2};

	for (uint32_t i = 0; i < p.n; i++) {
		struct gw_dp_port_info *x = &p.port[i];

		snprintf(x->name, sizeof(x->name), "p%u", i);
		x->mtu = 9000;
		x->rate_bps = i == 0 ? 10000000000ull : 0;
		x->ip = gw_ip_from_v4(0x0a000001 + i);
		x->line_rate_bps = 10000000000ull;
		x->tx_packets = packets;
		x->tx_bytes = packets * 8270;
		x->payload_bytes = packets * 8192;
		x->lost_packets = packets / 100;
		x->resent_pages = packets / 50;
	}
	return p;
}

static struct gw_outages outages;

/* Port 0 goes at 500 ms and comes back at 600, and stays away from 700 on; port 1 never goes. Port
 * 2 has no path to this peer. */
static void note_outages(void)
{
	static const struct {
		uint64_t at_ms, changed_ms;
		uint32_t up;
	} look[] = {{4400, 0, 2}, {4505, 4500, 0}, {4590, 4500, 0}, {4610, 4600, 1},
		{4705, 4700, 0}, {4720, 4700, 0}};
	struct gw_dp_link_port port[GW_DP_MAX_PORTS] = {{.paths = 2}, {.paths = 2, .paths_up = 1}};

	memset(&outages, 0, sizeof(outages));
	for (size_t i = 0; i < sizeof(look) / sizeof(look[0]); i++) {
		port[0].paths_up = look[i].up;
		port[0].changed_ns = look[i].changed_ms * GW_NS_PER_MS;
		gw_outages_look(&outages, port, 3, look[i].at_ms * GW_NS_PER_MS);
		CU_ASSERT_EQUAL(outages.all_ns, 0);
	}
}

static json_t *whole_report(void)
{
	struct gw_report_ports p0 = ports_at(0), p1 = ports_at(1000), p2 = ports_at(1000 + 125000);
	struct gw_dp_source_stats s0 = {0}, s1 = {.pages = 250000,
						    .zero_pages = 10,
						    .hole_pages = 20,
						    .wire_bytes = 1250000000};
	struct gw_report_sample sample = {.now_ns = 5000 * GW_NS_PER_MS, .phase = GW_PRECOPY};
	struct gw_report_end end = {.now_ns = 6000 * GW_NS_PER_MS,
		.result = GW_COMPLETED,
		.error = "",
		.predicted_ns = 12 * GW_NS_PER_MS,
		.blackout_ns = 15 * GW_NS_PER_MS,
		.state_bytes = 100,
		.verify = true,
		.verified_pages = 300,
		.outages = &outages};
	struct gw_report *r;
	json_t *o;

	note_outages();
	CU_ASSERT_EQUAL_FATAL(
		gw_report_create(ID, "vm", "b", true, 4000 * GW_NS_PER_MS, 0, &p0, &r), 0);
	gw_report_phase(r, GW_TRACE, 4100 * GW_NS_PER_MS);
	gw_report_phase(r, GW_TRACE, 4150 * GW_NS_PER_MS);
	gw_report_phase(r, GW_PRECOPY, 4200 * GW_NS_PER_MS);
	gw_report_epoch_opened(r, 1, 4200 * GW_NS_PER_MS, &s0, &p1);
	gw_report_sample(r, &sample);
	gw_report_epoch_idle(r, 5200 * GW_NS_PER_MS, &s1, &p2);
	gw_report_epoch_dirty(r, 77);
	gw_report_epoch_opened(r, 2, 5300 * GW_NS_PER_MS, &s1, &p2);
	gw_report_epoch_opened(r, 3, 5310 * GW_NS_PER_MS, &s1, &p2);
	gw_report_epoch_idle(r, 5320 * GW_NS_PER_MS, &s1, &p2);
	gw_report_blackout_part(r, "pause", GW_NS_PER_MS / 2);
	gw_report_drop(r, "late", 3);
	o = gw_report_json(r, &end, &p2);
	gw_report_free(&r);
	return o;
}

static void test_keys(void)
{
	static const char *const keys[] = {"id", "vm", "role", "peer", "started", "result", "error",
		"total_ms", "phases", "epochs", "ports", "blackout_ms", "blackout_parts",
		"slowdown", "state_bytes", "verify", "integrity", "worker_faults", "drops",
		"timeline"};
	json_t *o = whole_report();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		at(o, keys[i]);
	CU_ASSERT_EQUAL(json_object_size(o), sizeof(keys) / sizeof(keys[0]));
	CU_ASSERT_STRING_EQUAL(json_string_value(at(o, "started")), "1970-01-01T00:00:00Z");
	CU_ASSERT_STRING_EQUAL(json_string_value(at(o, "result")), "completed");
	CU_ASSERT(json_is_null(at(o, "error")));
	CU_ASSERT(near(json_number_value(at(o, "total_ms")), 2000));
	CU_ASSERT(near(json_number_value(at(at(o, "blackout_ms"), "source")), 15));
	CU_ASSERT(near(json_number_value(at(at(o, "blackout_ms"), "predicted")), 12));
	CU_ASSERT(json_is_null(at(at(o, "blackout_ms"), "guest")));
	CU_ASSERT(near(json_number_value(at(at(o, "blackout_parts"), "pause")), 0.5));
	CU_ASSERT_EQUAL(json_integer_value(at(at(o, "verify"), "pages")), 300);
	CU_ASSERT_EQUAL(json_integer_value(at(at(o, "drops"), "late")), 3);
	CU_ASSERT_STRING_EQUAL(json_string_value(at(o, "integrity")), "crc32c");
	json_decref(o);
}

static void test_phases_and_epochs(void)
{
	json_t *o = whole_report(), *p = at(o, "phases"), *e = at(o, "epochs");

	CU_ASSERT_EQUAL(json_array_size(p), 3);
	CU_ASSERT_STRING_EQUAL(json_string_value(at(json_array_get(p, 1), "name")), "trace");
	CU_ASSERT(near(json_number_value(at(json_array_get(p, 1), "start_ms")), 100));
	CU_ASSERT(near(json_number_value(at(json_array_get(p, 1), "duration_ms")), 100));
	CU_ASSERT_EQUAL(json_array_size(e), 3);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(e, 0), "epoch")), 0);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(e, 0), "label")), 1);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(e, 0), "pages")), 250000);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(e, 0), "hole_pages")), 20);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(e, 0), "dirty_pages")), 77);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(e, 0), "bps")), 10000000000);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(e, 1), "pages")), 0);
	CU_ASSERT(near(json_number_value(at(json_array_get(e, 1), "duration_ms")), 10));
	json_decref(o);
}

static void test_ports(void)
{
	json_t *o = whole_report(), *p = at(o, "ports"), *with = json_array_get(p, 0),
	       *without = json_array_get(p, 1);
	double share = gw_report_payload_share(9000, false, GW_DP_CRC32C);

	CU_ASSERT_EQUAL(json_array_size(p), 2);
	/* 125,000 packets of two pages in the second that epoch 0 took */
	CU_ASSERT_EQUAL(json_integer_value(at(with, "payload_bps")), 8192000000);
	CU_ASSERT(near(json_number_value(at(with, "payload_utilisation")), 0.8192 / share));
	CU_ASSERT(json_is_null(at(without, "payload_utilisation")));
	CU_ASSERT_EQUAL(json_integer_value(at(with, "tx_packets")), 126000);
	CU_ASSERT_EQUAL(json_integer_value(at(with, "lost_packets")), 1260);
	CU_ASSERT_EQUAL(json_array_size(at(without, "outages")), 0);
	CU_ASSERT_EQUAL_FATAL(json_array_size(at(with, "outages")), 2);
	with = json_array_get(at(with, "outages"), 0);
	CU_ASSERT(near(json_number_value(at(with, "down_ms")), 500));
	CU_ASSERT(near(json_number_value(at(with, "up_ms")), 600));
	with = json_array_get(at(json_array_get(p, 0), "outages"), 1);
	CU_ASSERT(near(json_number_value(at(with, "down_ms")), 700));
	CU_ASSERT(json_is_null(at(with, "up_ms")));
	json_decref(o);
}

/* All ports out at once, and more outages than are kept. */
static void test_outages(void)
{
	struct gw_dp_link_port port[GW_DP_MAX_PORTS] = {{.paths = 1}, {.paths = 1, .paths_up = 1}};
	struct gw_outages o = {0};
	json_t *list;

	gw_outages_look(&o, port, 2, 10);
	CU_ASSERT_EQUAL(o.all_ns, 0);
	port[1].paths_up = 0;
	gw_outages_look(&o, port, 2, 20);
	gw_outages_look(&o, port, 2, 30);
	CU_ASSERT_EQUAL(o.all_ns, 20);
	port[0].paths_up = 1;
	gw_outages_look(&o, port, 2, 40);
	CU_ASSERT_EQUAL(o.all_ns, 0);
	for (uint64_t i = 0; i < 2 * GW_OUTAGES_MAX; i++) {
		port[0].paths_up = 0;
		gw_outages_look(&o, port, 2, 100 + 2 * i);
		port[0].paths_up = 1;
		gw_outages_look(&o, port, 2, 101 + 2 * i);
	}
	CU_ASSERT_EQUAL(o.kept, GW_OUTAGES_MAX);
	CU_ASSERT_EQUAL(o.lost, 2 * GW_OUTAGES_MAX - (GW_OUTAGES_MAX - 2));
	/* An outage that was not kept does not end one that was. */
	list = gw_outages_json(&o, 0, 0);
	CU_ASSERT_EQUAL(json_array_size(list), GW_OUTAGES_MAX - 1);
	json_decref(list);
	/* A link without any port of ours is not one whose ports are out. */
	memset(port, 0, sizeof(port));
	memset(&o, 0, sizeof(o));
	gw_outages_look(&o, port, 2, 10);
	CU_ASSERT_EQUAL(o.all_ns, 0);
}

static void test_payload_share(void)
{
	CU_ASSERT(near(gw_report_payload_share(9000, false, GW_DP_CRC32C), 8192.0 / (8192 + 102)));
	CU_ASSERT(near(gw_report_payload_share(8256, false, GW_DP_CRC32C), 8192.0 / (8192 + 102)));
	CU_ASSERT(near(gw_report_payload_share(8255, false, GW_DP_CRC32C), 4096.0 / (4096 + 102)));
	CU_ASSERT(near(gw_report_payload_share(4160, false, GW_DP_CRC32C), 4096.0 / (4096 + 102)));
	CU_ASSERT(near(gw_report_payload_share(1500, false, GW_DP_CRC32C), 4096.0 / (4096 + 306)));
	CU_ASSERT(near(
		gw_report_payload_share(1500, false, GW_DP_INTEGRITY_NONE), 4096.0 / (4096 + 294)));
	/* 20 more over IPv6. */
	CU_ASSERT(near(gw_report_payload_share(9000, true, GW_DP_CRC32C), 8192.0 / (8192 + 122)));
}

static void test_write(void)
{
	char dir[] = "/tmp/gw-report-XXXXXX", path[128];
	json_t *o = whole_report(), *back;
	struct gw_err err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_EQUAL(gw_report_write(o, dir, &err), 0);
	snprintf(path, sizeof(path), "%s/" ID ".json", dir);
	back = json_load_file(path, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(back);
	CU_ASSERT_STRING_EQUAL(json_string_value(at(back, "id")), ID);
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(dir), 0); /* nothing else was left */
	CU_ASSERT(gw_report_write(o, dir, &err) < 0);
	json_decref(back);
	json_decref(o);
}

static void test_timeline_is_bounded(void)
{
	struct gw_report_sample s = {.phase = GW_PRECOPY};
	struct gw_timeline *t;
	double last = -1;
	json_t *o;

	CU_ASSERT_EQUAL_FATAL(gw_timeline_create(0, 2, &t), 0);
	for (uint64_t i = 0; i < 150000; i++) {
		s.now_ns = i * GW_TIMELINE_STEP_NS;
		s.port_bps[1] = i;
		gw_timeline_add(t, &s);
		CU_ASSERT_FATAL(gw_timeline_count(t) <= GW_TIMELINE_MAX);
	}
	CU_ASSERT(gw_timeline_count(t) > GW_TIMELINE_MAX / 2);
	o = gw_timeline_json(t);
	for (size_t i = 0; i < json_array_size(o); i++) {
		const json_t *p = json_array_get(o, i);
		double t_ms = json_number_value(json_object_get(p, "t_ms"));
		json_int_t bps =
			json_integer_value(json_array_get(json_object_get(p, "ports_bps"), 1));

		CU_ASSERT_FATAL(t_ms > last);
		CU_ASSERT_FATAL(near(t_ms, (double)bps * 10));
		last = t_ms;
	}
	/* The last point is recent. */
	CU_ASSERT(last > 149000 * 10.0);
	json_decref(o);
	gw_timeline_free(&t);
}

static void test_timeline_step(void)
{
	struct gw_report_sample s = {
		.phase = GW_TRACE, .dirty_pages = 5, .remaining_bytes = 6, .epoch = 7};
	struct gw_timeline *t;
	json_t *o;

	CU_ASSERT_EQUAL_FATAL(gw_timeline_create(1000, 1, &t), 0);
	for (s.now_ns = 1000; s.now_ns < 1000 + 100 * GW_NS_PER_MS; s.now_ns += GW_NS_PER_MS)
		gw_timeline_add(t, &s);
	CU_ASSERT(gw_timeline_count(t) >= 10 && gw_timeline_count(t) <= 12);
	o = gw_timeline_json(t);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(o, 0), "dirty_pages")), 5);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(o, 0), "remaining_bytes")), 6);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(o, 0), "epoch")), 7);
	CU_ASSERT_STRING_EQUAL(json_string_value(at(json_array_get(o, 0), "phase")), "trace");
	json_decref(o);
	gw_timeline_free(&t);
}

static void test_history(void)
{
	struct gw_history *h;
	json_t *list = json_array();
	char id[16];

	CU_ASSERT_EQUAL_FATAL(gw_history_create(&h), 0);
	for (int i = 0; i < 70; i++) {
		snprintf(id, sizeof(id), "id%d", i);
		gw_history_add(h,
			json_pack(
				"{s:s, s:s, s:i}", "id", id, "vm", i % 2 ? "odd" : "even", "n", i),
			json_pack("{s:i}", "n", i));
	}
	CU_ASSERT_PTR_NULL(gw_history_find(h, "id5", NULL, 0));
	CU_ASSERT_EQUAL(json_integer_value(at(gw_history_find(h, "id6", NULL, 1), "n")), 6);
	CU_ASSERT_EQUAL(json_integer_value(at(gw_history_find(h, NULL, "even", 0), "n")), 68);
	CU_ASSERT_PTR_NULL(gw_history_find(h, NULL, "other", 0));
	gw_history_list(h, list);
	CU_ASSERT_EQUAL(json_array_size(list), GW_HISTORY_MAX);
	CU_ASSERT_EQUAL(json_integer_value(at(json_array_get(list, 0), "n")), 69);
	json_decref(list);
	gw_history_free(&h);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"keys", test_keys},
		{"phases and epochs", test_phases_and_epochs},
		{"ports", test_ports},
		{"payload share", test_payload_share},
		{"outages", test_outages},
		{"written in one step", test_write},
		{"a timeline is bounded", test_timeline_is_bounded},
		{"a timeline's steps", test_timeline_step},
		{"history", test_history},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"report", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
