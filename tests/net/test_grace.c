/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver that takes an interrupt's callback away, from inside it, as memif does when its peer is
 * gone: no poll core is in a driver any more that was in one before. */
#include "../../dataplane/port/eal.h"
#include "../../dataplane/port/grace.h"
#include "../unit/run.h"

#include <rte_interrupts.h>
#include <rte_launch.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROUNDS 20
#define INSIDE_US 5000
#define PATIENCE 10000 /* looks of 1 ms */

static struct {
	atomic_bool stop, sleeps;
	atomic_uint entered, left; /* the driver, by the poll core */
	struct rte_intr_handle *handle;
	int fd;
	atomic_uint taken, early; /* callbacks; how many returned before the poll core had left */
} t;

static int poll_core(void *arg)
{
	(void)arg;
	gw_grace_join(gw_grace());
	while (!t.stop) {
		gw_grace_turn(gw_grace());
		if (t.sleeps) {
			gw_grace_sleeps(gw_grace());
			while (t.sleeps && !t.stop)
				usleep(100);
			gw_grace_wakes(gw_grace());
			continue;
		}
		t.entered++;
		usleep(INSIDE_US);
		t.left++;
	}
	gw_grace_leave(gw_grace());
	return 0;
}

static void taken_away(struct rte_intr_handle *handle, void *arg)
{
	(void)handle;
	(void)arg;
}

static void interrupt(void *arg)
{
	unsigned int entered = t.entered;
	uint64_t n;

	if (read(t.fd, &n, sizeof(n)) != sizeof(n))
		return;
	/* memif's order: it is in its callback, so the first call cannot do it. */
	if (rte_intr_callback_unregister(t.handle, interrupt, arg) == -EAGAIN)
		rte_intr_callback_unregister_pending(t.handle, interrupt, arg, taken_away);
	t.early += !t.sleeps && t.left < entered;
	t.taken++;
}

static bool reaches(atomic_uint *value, unsigned int wanted)
{
	for (int i = 0; i < PATIENCE && *value < wanted; i++)
		usleep(1000);
	return *value >= wanted;
}

/* Whether an interrupt came, and its callback was taken away. */
static bool peer_goes(void)
{
	const uint64_t one = 1;
	unsigned int wanted = t.taken + 1;

	return rte_intr_callback_register(t.handle, interrupt, NULL) == 0 &&
	       write(t.fd, &one, sizeof(one)) == sizeof(one) && reaches(&t.taken, wanted);
}

static void test_poll_core_has_left(void)
{
	CU_ASSERT(reaches(&t.entered, 1));
	for (int i = 0; i < ROUNDS; i++)
		CU_ASSERT(peer_goes());
	CU_ASSERT_EQUAL(t.early, 0);
}

static void test_sleeping_core_is_not_waited_for(void)
{
	t.sleeps = true;
	CU_ASSERT(peer_goes());
	t.sleeps = false;
	CU_ASSERT(reaches(&t.entered, t.left + 1));
}

static void test_core_that_has_ended_is_not_waited_for(void)
{
	t.stop = true;
	rte_eal_mp_wait_lcore();
	CU_ASSERT(peer_goes());
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"the poll core has left the driver", test_poll_core_has_left},
		{"one that sleeps is not waited for", test_sleeping_core_is_not_waited_for},
		{"one that has ended is not waited for",
			test_core_that_has_ended_is_not_waited_for},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"grace", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	const struct gw_dp_conf conf = {.n_workers = 1,
		.worker_cpu = {sysconf(_SC_NPROCESSORS_ONLN) > 1},
		.memory_mib = 64};
	struct gw_err err;

	if (gw_eal_start(&conf, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	t.fd = eventfd(0, EFD_CLOEXEC);
	t.handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	rte_intr_type_set(t.handle, RTE_INTR_HANDLE_EXT);
	rte_intr_fd_set(t.handle, t.fd);
	rte_eal_mp_remote_launch(poll_core, NULL, SKIP_MAIN);
	return run_suites(suites);
}
