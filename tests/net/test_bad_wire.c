/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole data plane over ring ports that drop, duplicate, reorder, truncate and flip bits:
 * memory is equal afterwards. Usage: test_bad_wire MTU PORTS WORKERS
 * INTEGRITY [FAMILY] */
#include "../../dataplane/base/secret.h"
#include "suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGES 6000u

static struct rig rig;
static struct rig_conf conf = {.ports = 2, .mtu = 1500, .workers = 1, .integrity = GW_DP_CRC32C};

static void set_faults(unsigned int drop, unsigned int duplicate, unsigned int reorder,
	unsigned int truncate, unsigned int flip)
{
	rig.faults.drop = drop;
	rig.faults.duplicate = duplicate;
	rig.faults.reorder = reorder;
	rig.faults.truncate = truncate;
	rig.faults.flip = flip;
}

struct writer {
	struct rig_vm *vm;
	uint64_t rng;
	atomic_bool stop;
};

static void *writer_main(void *arg)
{
	struct writer *w = arg;

	while (!atomic_load(&w->stop)) {
		for (unsigned int i = 0; i < 64; i++) {
			uint64_t r = rig_random(&w->rng);

			rig_vm_write(w->vm, r % w->vm->pages, r % 5 == 0 ? 0 : r);
		}
		usleep(200);
	}
	return NULL;
}

/* The guest stands: what is left, then what a packet that was taken for lost has put behind it. */
static void send_all(struct rig_vm *vm, struct gw_dp_source_stats *stats)
{
	CU_ASSERT_FATAL(rig_vm_harvest(&rig, vm));
	do {
		CU_ASSERT_FATAL(rig_vm_epoch(&rig, vm));
		gw_dp_source_stats(vm->source, stats);
	} while (stats->next_pages != 0);
}

/* A whole pre-copy with a guest that writes all the time. */
static void move_while_writing(unsigned int epochs)
{
	struct rig_vm vm;
	struct writer w = {.vm = &vm, .rng = rig.seed * 3 + 7};
	struct gw_dp_source_stats stats;
	pthread_t thread;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, writer_main, &w) == 0);
	CU_ASSERT_FATAL(rig_vm_epoch(&rig, &vm));
	for (unsigned int e = 0; e < epochs; e++) {
		CU_ASSERT_FATAL(rig_vm_harvest(&rig, &vm));
		CU_ASSERT_FATAL(rig_vm_epoch(&rig, &vm));
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	send_all(&vm, &stats);
	CU_ASSERT_EQUAL(stats.open_pages, 0);
	CU_ASSERT_EQUAL(stats.bad_entries, 0);
	set_faults(0, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

static void test_clean(void)
{
	struct gw_dp_mtu_finding f[RIG_MAX_PORTS];

	set_faults(0, 0, 0, 0, 0);
	move_while_writing(3);
	CU_ASSERT_EQUAL(gw_dp_link_mtu_findings(rig.out, f, RIG_MAX_PORTS), 0);
}

static void test_loss(void)
{
	set_faults(30, 0, 0, 0, 0);
	move_while_writing(4);
}

static void test_reorder_duplicate(void)
{
	set_faults(0, 50, 100, 0, 0);
	move_while_writing(4);
}

static void test_damage(void)
{
	set_faults(0, 0, 0, 20, 20);
	move_while_writing(4);
}

static void test_all_at_once(void)
{
	set_faults(20, 20, 50, 10, 10);
	move_while_writing(6);
}

/* A port is cut in mid-epoch and comes back: nothing is lost, and the other carries on. */
static void test_port_cut(void)
{
	struct rig_vm vm;
	uint64_t opened = rig_events[GW_DP_OPENED];

	if (conf.ports < 2)
		return;
	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	rig.faults.cut[0] = 1;
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	CU_ASSERT_EQUAL(rig_events[GW_DP_OPENED], opened + 1);
	rig.faults.cut[0] = 0;
	for (uint64_t page = 0; page < PAGES; page += 3)
		rig_vm_write(&vm, page, page + 1);
	CU_ASSERT_TRUE(rig_vm_harvest(&rig, &vm));
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

/* Rings are drained whatever the ports do: a ring of 64 entries takes 6,000 dirty pages with every
 * port down. */
static void test_sync_with_ports_down(void)
{
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 64) == 0);
	for (uint32_t p = 0; p < conf.ports; p++)
		rig.faults.cut[p] = 1;
	for (uint64_t page = 0; page < PAGES; page++)
		rig_vm_write(&vm, page, page * 7 + 1);
	CU_ASSERT_TRUE(rig_vm_harvest(&rig, &vm));
	for (uint32_t p = 0; p < conf.ports; p++)
		rig.faults.cut[p] = 0;
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

/* An entry outside the region ends that session: an event, not a store. */
static void test_hostile_ring(void)
{
	struct rig_vm vm;
	uint64_t broken = rig_events[GW_DP_RING_BROKEN];

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, 100, 64) == 0);
	vm.ring->entry[0] = gw_export_entry(99, 2, 3);
	__atomic_store_n(&vm.ring->head, 1, __ATOMIC_RELEASE);
	CU_ASSERT_TRUE(rig_wait_event(&rig, GW_DP_RING_BROKEN, broken + 1));
	CU_ASSERT_EQUAL(rig_events[GW_DP_RING_BROKEN], broken + 1);
	CU_ASSERT_NOT_EQUAL(rig_vm_finish(&rig, &vm), -1);
	rig_vm_free(&rig, &vm);
}

/* A page that was sent as data and then given back becomes a hole at the destination. */
static void test_punched_page(void)
{
	struct gw_dp_source_stats stats;
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, 64, 64) == 0);
	for (uint64_t page = 0; page < 64; page++)
		rig_vm_write(&vm, page, page + 1);
	/* A page that goes once more anyway would not count as given back and touched again. */
	send_all(&vm, &stats);
	CU_ASSERT_EQUAL(gw_ram_punch(vm.ram_a, 0, 10, 5), 0);
	/* One given back and touched again, of which no entry tells. */
	CU_ASSERT_EQUAL(gw_ram_punch(vm.ram_a, 0, 30, 2), 0);
	CU_ASSERT_EQUAL(pwrite(vm.fd_a, "", 1, 30 * 4096), 1);
	CU_ASSERT_EQUAL(rig_vm_find_holes(&vm), 7);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	CU_ASSERT_EQUAL(gw_dp_sink_punch(vm.sink), 0);
	CU_ASSERT_EQUAL(lseek(vm.fd_b, 10 * 4096, SEEK_DATA), 15 * 4096);
	rig_vm_free(&rig, &vm);
}

struct search {
	struct rig_vm *vm;
	uint64_t *slice;
	int64_t found;
};

static void *search(void *arg)
{
	struct search *s = arg;

	s->found = gw_dp_source_find_holes(s->vm->source, s->slice);
	return NULL;
}

/* Several threads search one guest, each page once. */
static void test_shared_search(void)
{
	const uint64_t slice_pages = 32768, pages = slice_pages + 70;
	struct gw_dp_source_stats stats;
	struct search s[3];
	pthread_t thread[3];
	struct rig_vm vm;
	uint64_t slice = 0;
	int64_t found = 0;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, pages, 64) == 0);
	for (uint64_t page = slice_pages - 3; page < pages; page++)
		rig_vm_write(&vm, page, page + 1);
	send_all(&vm, &stats);
	/* On both sides of a slice's end, and the last ones. */
	CU_ASSERT_EQUAL(gw_ram_punch(vm.ram_a, 0, slice_pages - 3, 8), 0);
	CU_ASSERT_EQUAL(gw_ram_punch(vm.ram_a, 0, pages - 5, 5), 0);
	CU_ASSERT_EQUAL(gw_dp_source_hole_slices(vm.source), 2);
	for (unsigned int i = 0; i < 3; i++) {
		s[i] = (struct search){&vm, &slice, 0};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, search, &s[i]), 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		found += s[i].found;
	}
	CU_ASSERT_EQUAL(found, 8 + 5);
	CU_ASSERT_EQUAL(slice, 2 + 3); /* and each thread one in vain */
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

/* The device state is a region of its own. */
static void test_state(void)
{
	static uint8_t state[300001];
	uint8_t *sent = gw_secret_alloc(sizeof(state));
	const uint8_t *arrived = NULL;
	struct rig_vm vm;
	struct gw_err err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(sent);
	for (uint32_t i = 0; i < sizeof(state); i++)
		state[i] = sent[i] = (uint8_t)(i * 31 + i / 4096);
	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, 100, 64) == 0);
	set_faults(50, 20, 50, 0, 10);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	CU_ASSERT_EQUAL(gw_dp_source_state(vm.source, &sent, 9 << 20, &err), -ERANGE);
	CU_ASSERT_EQUAL(gw_dp_source_state(vm.source, &sent, sizeof(state), &err), 0);
	CU_ASSERT_PTR_NULL(sent);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	set_faults(0, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	CU_ASSERT_EQUAL(gw_dp_sink_state(vm.sink, 9 << 20, &arrived, &err), -ERANGE);
	CU_ASSERT_EQUAL_FATAL(gw_dp_sink_state(vm.sink, sizeof(state), &arrived, &err), 0);
	CU_ASSERT_EQUAL(memcmp(arrived, state, sizeof(state)), 0);
	rig_vm_free(&rig, &vm);
}

/* The guest stands still: what gets lost at an epoch's tail is duplicated on whatever path is idle.
 */
static void test_tail(void)
{
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, 600, 1024) == 0);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	set_faults(150, 20, 50, 0, 0);
	for (unsigned int round = 0; round < 20; round++) {
		for (uint64_t page = round; page < 600; page += 7)
			rig_vm_write(&vm, page, page % 5 == 0 ? 0 : page + round + 1);
		CU_ASSERT_TRUE(rig_vm_harvest(&rig, &vm));
		CU_ASSERT(rig_vm_find_holes(&vm) >= 0);
		CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	}
	set_faults(0, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

/* A switch on the way passes less than both ends believe: it is found and named, and the pages
 * arrive. (After heavy loss a path may already be taken for a smaller one, until it is tested
 * again. The epoch ends when one port has found what passes: the others may still be testing.) */
static void test_small_switch(void)
{
	struct gw_dp_mtu_finding f[RIG_MAX_PORTS];
	uint32_t n, least = UINT32_MAX;
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	for (uint32_t p = 0; p < conf.ports; p++)
		rig.faults.longest[p] = 14 + 1300;
	for (uint64_t page = 0; page < PAGES; page++)
		rig_vm_write(&vm, page, page * 3 + 1);
	CU_ASSERT_TRUE(rig_vm_harvest(&rig, &vm));
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	n = gw_dp_link_mtu_findings(rig.out, f, RIG_MAX_PORTS);
	for (uint32_t i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(f[i].mtu, conf.mtu);
		if (f[i].carried < least)
			least = f[i].carried;
	}
	CU_ASSERT_EQUAL(least, 1280);
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
	for (uint32_t p = 0; p < conf.ports; p++)
		rig.faults.longest[p] = 0;
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"clean", test_clean},
		{"loss", test_loss},
		{"reordered and duplicated", test_reorder_duplicate},
		{"truncated and flipped", test_damage},
		{"all at once", test_all_at_once},
		{"port cut", test_port_cut},
		{"SYNC with all ports down", test_sync_with_ports_down},
		{"hostile ring", test_hostile_ring},
		{"punched page", test_punched_page},
		{"search by several threads", test_shared_search},
		{"device state", test_state},
		{"lost tails", test_tail},
		{"switch with a small MTU", test_small_switch},
		CU_TEST_INFO_NULL,
	};

	if (argc > 3) {
		conf.mtu = (uint32_t)atoi(argv[1]);
		conf.ports = (uint32_t)atoi(argv[2]);
		conf.workers = (uint32_t)atoi(argv[3]);
	}
	if (argc > 4 && !gw_integrity_find(argv[4], &conf.integrity))
		return 2;
	conf.ipv6 = argc > 5 && strcmp(argv[5], "ipv6") == 0;
	return suite_run(&rig, &conf, "bad wire", tests);
}
