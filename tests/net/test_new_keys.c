/* SPDX-License-Identifier: BSD-3-Clause */
/* A path whose keys change on the way: with new ones in time, late at the sender, late at the
 * receiver. Usage: test_new_keys INTEGRITY */
#include "suite.h"

#include "../../dataplane/internal.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

#define PAGES 6000u
#define BOUNDARY (UINT64_C(2) << GW_WIRE_GENERATION_SHIFT)

static struct rig rig;
static struct rig_conf conf = {.ports = 1,
	.mtu = 1500,
	.workers = 1,
	.integrity = GW_DP_AES_128_GCM,
	.first_psn = BOUNDARY - 1500};

/* Control is late with what was asked for: nothing is answered until it is let go. */
struct late {
	struct gw_dp *of;
	const void *path;
	uint64_t value, asked;
	bool held;
};
static struct late late[2] = {{.held = true}, {.held = true}};

void __wrap_gw_keys_short(struct gw_dp *dp, const void *path, uint64_t value);
void __real_gw_keys_short(struct gw_dp *dp, const void *path, uint64_t value);

void __wrap_gw_keys_short(struct gw_dp *dp, const void *path, uint64_t value)
{
	struct late *l = &late[gw_keys_incoming(value)];

	l->asked++;
	if (!l->held) {
		__real_gw_keys_short(dp, path, value);
		return;
	}
	if (l->of != NULL)
		abort(); /* it asks once */
	l->of = dp;
	l->path = path;
	l->value = value;
}

static void let_go(struct late *l)
{
	l->held = false;
	if (l->of != NULL)
		__real_gw_keys_short(l->of, l->path, l->value);
}

static uint64_t next_psn(void)
{
	return __atomic_load_n(&rig.a->out[rig.out->slot[0]]->tx.next_psn, __ATOMIC_RELAXED);
}

static bool at_the_end_of_its_keys(void *ctx)
{
	(void)ctx;
	return next_psn() + 9 > BOUNDARY;
}

static bool stale(void *ctx)
{
	(void)ctx;
	return rig_drops(rig.b, "rx_stale_key") > 100;
}

static bool idle(void *ctx)
{
	return gw_dp_source_idle(((struct rig_vm *)ctx)->source);
}

static void test_late_keys(void)
{
	const struct gw_path_out *out = rig.a->out[rig.out->slot[0]];
	const struct gw_path_in *in = rig.b->in[rig.in->slot[0]];
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	CU_ASSERT_EQUAL(gw_dp_source_open(vm.source, ++vm.label), 0);
	/* The sender stops where its keys do: it has none to send with. */
	CU_ASSERT_TRUE(rig_wait(&rig, at_the_end_of_its_keys, NULL));
	CU_ASSERT_EQUAL(out->tx.psn_end, BOUNDARY);
	CU_ASSERT_FALSE(gw_dp_source_idle(vm.source));
	CU_ASSERT_EQUAL(late[0].asked, 1);
	CU_ASSERT_EQUAL(gw_keys_number(late[0].value), 2);
	CU_ASSERT_EQUAL(rig_drops(rig.b, "rx_stale_key"), 0);
	/* The receiver has none to open with. */
	let_go(&late[0]);
	CU_ASSERT_TRUE(rig_wait(&rig, stale, NULL));
	CU_ASSERT_EQUAL(rig_drops(rig.b, "rx_forged"), 0);
	CU_ASSERT_FALSE(gw_dp_source_idle(vm.source));
	let_go(&late[1]);
	CU_ASSERT_TRUE(rig_wait(&rig, idle, &vm));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
	/* Both directions went over, and both ends have asked for what comes next. */
	CU_ASSERT(next_psn() > BOUNDARY);
	CU_ASSERT(in->rx.largest > BOUNDARY);
	CU_ASSERT(in->rx.next_psn > BOUNDARY);
	CU_ASSERT_EQUAL(out->tx.ack_largest >> GW_WIRE_GENERATION_SHIFT, 2);
	CU_ASSERT_EQUAL(late[0].asked, 2);
	CU_ASSERT_EQUAL(late[1].asked, 2);
	CU_ASSERT_EQUAL(rig_drops(rig.a, "rx_stale_key"), 0);
	CU_ASSERT_EQUAL(rig_drops(rig.a, "rx_forged"), 0);
	CU_ASSERT_EQUAL(rig_drops(rig.b, "rx_forged"), 0);
}

/* Under its new keys all goes on as ever. */
static void test_goes_on(void)
{
	uint64_t old = rig_drops(rig.b, "rx_stale_key");
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	CU_ASSERT_TRUE(rig_vm_epoch(&rig, &vm));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
	CU_ASSERT_EQUAL(rig_drops(rig.b, "rx_stale_key"), old);
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"new keys come late", test_late_keys},
		{"goes on", test_goes_on},
		CU_TEST_INFO_NULL,
	};

	if (argc > 1 && !gw_integrity_find(argv[1], &conf.integrity))
		return 2;
	return suite_run(&rig, &conf, "new keys", tests);
}
