/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that stand by, fail, are taken out of service and return; caps and weights changed in
 * flight. Port 0 is active, port 1 stands by. Usage: test_failing_ports WORKERS */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGES 4000u

static struct rig rig;
static struct rig_conf conf = {.ports = 2,
	.mtu = 9000,
	.workers = 1,
	.integrity = GW_DP_CRC32C,
	.rate_bps = 1000000000,
	.standby = 2};

static uint64_t payload(uint32_t port)
{
	struct gw_dp_port_info info;

	gw_dp_port_info(rig.a, port, &info);
	return info.payload_bytes;
}

struct want {
	uint32_t port;
	bool up; /* ring ports join equal queues: one path of each worker */
};

static bool port_is(void *ctx)
{
	struct gw_dp_link_port port[GW_DP_MAX_PORTS];
	const struct want *w = ctx;

	gw_dp_link_ports(rig.out, port);
	return port[w->port].paths_up == (w->up ? conf.workers : 0);
}

static bool wait_port(uint32_t port, bool up)
{
	struct want w = {port, up};

	return rig_wait(&rig, port_is, &w);
}

static void dirty(struct rig_vm *vm, uint64_t value)
{
	for (uint64_t page = 0; page < vm->pages; page++)
		rig_vm_write(vm, page, page * 31 + value);
	CU_ASSERT_TRUE(rig_vm_harvest(&rig, vm));
}

/* An epoch of new pages; which ports carried some, a bit each. */
static uint32_t epoch(struct rig_vm *vm, uint64_t value)
{
	uint64_t before[2] = {payload(0), payload(1)};

	dirty(vm, value);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, vm));
	return (payload(0) > before[0] ? 1u : 0u) | (payload(1) > before[1] ? 2u : 0u);
}

static void test_standby(void)
{
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	CU_ASSERT_TRUE(wait_port(0, true) && wait_port(1, true));
	CU_ASSERT_EQUAL(epoch(&vm, 1), 1);
	/* A black hole in mid-epoch: what port 0 had goes over port 1. */
	rig.faults.cut[0] = 1;
	CU_ASSERT_EQUAL(epoch(&vm, 2) & 2, 2);
	CU_ASSERT_TRUE(wait_port(0, false));
	CU_ASSERT_EQUAL(epoch(&vm, 3), 2);
	rig.faults.cut[0] = 0;
	CU_ASSERT_TRUE(wait_port(0, true));
	CU_ASSERT_EQUAL(epoch(&vm, 4), 1);
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

static void test_out_of_service(void)
{
	struct gw_dp_port_info info;
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	gw_dp_port_enable(rig.a, 0, false);
	gw_dp_port_info(rig.a, 0, &info);
	CU_ASSERT_TRUE(info.stopped);
	CU_ASSERT_TRUE(wait_port(0, false));
	CU_ASSERT_EQUAL(epoch(&vm, 1), 2);
	gw_dp_port_enable(rig.a, 0, true);
	CU_ASSERT_TRUE(wait_port(0, true));
	CU_ASSERT_EQUAL(epoch(&vm, 2), 1);
	/* At the peer: silence, that this end has to find out about by itself. */
	gw_dp_port_enable(rig.b, 0, false);
	CU_ASSERT_EQUAL(epoch(&vm, 3) & 2, 2);
	CU_ASSERT_TRUE(wait_port(0, false));
	gw_dp_port_enable(rig.b, 0, true);
	CU_ASSERT_TRUE(wait_port(0, true));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

static void test_all_gone_and_back(void)
{
	struct gw_dp_link_status status;
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	gw_dp_port_enable(rig.a, 0, false);
	gw_dp_port_enable(rig.a, 1, false);
	CU_ASSERT_TRUE(wait_port(0, false) && wait_port(1, false));
	gw_dp_link_status(rig.out, &status);
	CU_ASSERT_EQUAL(status.paths_up, 0);
	CU_ASSERT_FALSE(status.ready);
	dirty(&vm, 1);
	gw_dp_port_enable(rig.a, 1, true);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	gw_dp_port_enable(rig.a, 0, true);
	CU_ASSERT_TRUE(wait_port(0, true));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

/* Two sessions that both have work all the time: their bytes are as their weights. */
static double ratio(struct rig_vm *heavy, struct rig_vm *light, uint64_t pages)
{
	struct gw_dp_source_stats h0, l0, h, l;
	struct gw_dp_event ev;

	gw_dp_source_stats(heavy->source, &h0);
	gw_dp_source_stats(light->source, &l0);
	do {
		while (gw_dp_poll_event(rig.a, &ev) != 0)
			rig_events[ev.type]++;
		gw_dp_source_stats(heavy->source, &h);
		gw_dp_source_stats(light->source, &l);
	} while (h.pages - h0.pages < pages);
	CU_ASSERT(h.open_pages > 0 && l.open_pages > 0);
	return (double)(h.wire_bytes - h0.wire_bytes) / (double)(l.wire_bytes - l0.wire_bytes);
}

/* Two sessions with all pages dirty, over one port that is slower than both. */
static void pair_start(struct rig_vm *a, struct rig_vm *b)
{
	CU_ASSERT_FATAL(rig_vm_create(&rig, a, 5 * PAGES, 1024) == 0);
	CU_ASSERT_FATAL(rig_vm_create(&rig, b, 5 * PAGES, 1024) == 0);
	dirty(a, 1);
	dirty(b, 2);
	gw_dp_port_set_rate(rig.a, 0, 200000000);
}

static void pair_open(struct rig_vm *a, struct rig_vm *b)
{
	CU_ASSERT_EQUAL(gw_dp_source_open(b->source, ++b->label), 0);
	CU_ASSERT_EQUAL(gw_dp_source_open(a->source, ++a->label), 0);
}

static void pair_finish(struct rig_vm *a, struct rig_vm *b)
{
	gw_dp_port_set_rate(rig.a, 0, 0);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, a) && rig_vm_epoch(&rig, b));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, a), 0);
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, b), 0);
	rig_vm_free(&rig, a);
	rig_vm_free(&rig, b);
	gw_dp_port_set_rate(rig.a, 0, conf.rate_bps);
}

static void test_weights(void)
{
	struct rig_vm a, b;

	pair_start(&a, &b);
	gw_dp_source_weigh(a.source, 3);
	pair_open(&a, &b);
	ratio(&a, &b, 500); /* both are open from here on */
	CU_ASSERT_DOUBLE_EQUAL(ratio(&a, &b, 3000), 3.0, 0.3);
	/* Turned round in flight. */
	gw_dp_source_weigh(b.source, 12);
	ratio(&a, &b, 50);
	CU_ASSERT_DOUBLE_EQUAL(ratio(&b, &a, 3000), 4.0, 0.4);
	pair_finish(&a, &b);
}

/* A session's own cap holds over all ports, and leaves the rest to the other. */
static void test_session_cap(void)
{
	struct rig_vm a, b;

	pair_start(&a, &b);
	gw_dp_source_rate(b.source, 40000000);
	pair_open(&a, &b);
	ratio(&a, &b, 500);
	CU_ASSERT_DOUBLE_EQUAL(ratio(&a, &b, 4000), 4.0, 0.4);
	gw_dp_source_rate(b.source, 0);
	ratio(&a, &b, 200);
	CU_ASSERT_DOUBLE_EQUAL(ratio(&a, &b, 3000), 1.0, 0.1);
	pair_finish(&a, &b);
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"standby", test_standby},
		{"out of service", test_out_of_service},
		{"all gone and back", test_all_gone_and_back},
		{"weights", test_weights},
		{"session cap", test_session_cap},
		CU_TEST_INFO_NULL,
	};

	if (argc > 1)
		conf.workers = (uint32_t)atoi(argv[1]);
	return suite_run(&rig, &conf, "failing ports", tests);
}
