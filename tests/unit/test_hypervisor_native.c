/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/native.c, against the exporter's side of the contract in the same process. */
#include "../../control/hypervisor/hypervisor.h"
#include "../../dataplane/export/exporter.h"

#include "loop_run.h"
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_BYTES (1u << 20)

static char dir[64], path[96];

/* Its own thread is the exporter's; the test looks at it only while nothing is asked. */
static struct fake {
	int ram_fd;
	bool paused, incoming, refuses;
	uint64_t loaded_bytes;
	uint8_t state[64];
	bool as_said, locked;
	uint64_t told_ns; /* when its guest was let run, and the answer not yet sent */
} fake;

/* Has the mapping of the device state's file the flag (proc(5), VmFlags)? NULL: is there one? */
static bool state_is(const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool here = false, found = false;
	char line[512];

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		here = here || strstr(line, "/memfd:godwit-state") != NULL;
		if (flag == NULL)
			found = here;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL || (here = false);
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static int fake_describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	(void)ctx;
	(void)why;
	strcpy(d->vm_name, "vm");
	d->n_regions = 1;
	d->region[0] = (struct gw_export_region){.size = RAM_BYTES,
		.page_size = 4096,
		.numa_node = -1,
		.flags = GW_EXPORT_REGION_TMPFS,
		.name = "ram"};
	d->region_fd[0] = dup(fake.ram_fd);
	strcpy(d->track_error, "not here");
	return 0;
}

static int fake_pause(void *ctx, struct gw_export_reason *why)
{
	(void)ctx;
	(void)why;
	return 0;
}

static bool fake_paused(void *ctx)
{
	(void)ctx;
	return fake.paused;
}

static bool fake_incoming(void *ctx)
{
	(void)ctx;
	return fake.incoming;
}

static int fake_save(void *ctx, int *fd, uint64_t *size_bytes, struct gw_export_reason *why)
{
	(void)ctx;
	(void)fd;
	(void)size_bytes;
	return gw_export_why(why, -EIO, "no state");
}

static int fake_load(void *ctx, int fd, uint64_t size_bytes, struct gw_export_reason *why)
{
	(void)ctx;
	fake.loaded_bytes = size_bytes;
	fake.as_said = pread(fd, fake.state, sizeof(fake.state), 0) == (ssize_t)size_bytes;
	/* This is godwitd's process too: its mapping of what it gave is here. */
	fake.locked = state_is(" lo ") && state_is(" dd ");
	return fake.refuses ? gw_export_why(why, -EPROTO, "not my state") : 0;
}

static void fake_quit(void *ctx)
{
	(void)ctx;
}

/* What the guest's CPUs may do to the answer: it must not count. */
static int fake_resume(void *ctx, struct gw_export_reason *why)
{
	(void)ctx;
	(void)why;
	fake.told_ns = gw_now_ns();
	usleep(2000);
	return 0;
}

static const struct gw_export_lifecycle_ops fake_lifecycle = {
	fake_pause, fake_resume, fake_paused, fake_save, fake_load, fake_quit, fake_incoming};

static void done(void *arg, int result, const struct gw_err *err)
{
	(void)err;
	*(int *)arg = result;
	gw_loop_stop(loop);
}

static void done_check(void *arg, int result, json_t *reasons, const struct gw_err *err)
{
	(void)err;
	CU_ASSERT_EQUAL(result, 0);
	*(json_t **)arg = reasons;
	gw_loop_stop(loop);
}

static void on_event(void *ctx, enum gw_hv_event event, const char *text)
{
	(void)ctx;
	(void)event;
	(void)text;
	CU_FAIL("nothing happens by itself");
}

static void on_exporter(void *ctx, const struct gw_exporter_event *ev)
{
	(void)ctx;
	(void)ev;
}

static struct gw_hv *open_as(enum gw_hv_role role)
{
	const struct gw_hv_place vms = {.vm_dir = dir, .state_limit_bytes = 1 << 20};
	const struct gw_hv_callbacks cb = {on_event, on_exporter, NULL};
	struct gw_err err = {.text = ""};
	struct gw_hv *hv = NULL;
	int result = 1;

	CU_ASSERT_EQUAL_FATAL(gw_hv_open(loop, &vms, "vm", role, &cb, done, &result, &hv, &err), 0);
	run(5000);
	CU_ASSERT_EQUAL_FATAL(result, 0);
	return hv;
}

/* The code of the only reason against this guest in this role; "": none. */
static void reason(enum gw_hv_role role, bool paused, bool incoming, char *code, size_t size)
{
	json_t *reasons = NULL;
	const json_t *first;
	struct gw_hv *hv;

	fake.paused = paused;
	fake.incoming = incoming;
	hv = open_as(role);
	gw_hv_check(hv, done_check, &reasons);
	run(5000);
	/* Nothing is tracked here, which is no matter of this test. */
	for (size_t i = json_array_size(reasons); i-- > 0;)
		if (strcmp(json_string_value(json_object_get(json_array_get(reasons, i), "code")),
			    "tracking_unavailable") == 0)
			json_array_remove(reasons, i);
	CU_ASSERT(json_array_size(reasons) <= 1);
	first = json_object_get(json_array_get(reasons, 0), "code");
	snprintf(code, size, "%s", first != NULL ? json_string_value(first) : "");
	json_decref(reasons);
	gw_hv_free(&hv);
}

/* A guest that its owner has paused is not there to be overwritten. */
static void test_only_who_waits_receives(void)
{
	char code[64];

	reason(GW_HV_DESTINATION, true, true, code, sizeof(code));
	CU_ASSERT_STRING_EQUAL(code, "");
	reason(GW_HV_DESTINATION, true, false, code, sizeof(code));
	CU_ASSERT_STRING_EQUAL(code, "not_incoming");
	reason(GW_HV_DESTINATION, false, false, code, sizeof(code));
	CU_ASSERT_STRING_EQUAL(code, "not_incoming");
	reason(GW_HV_SOURCE, true, false, code, sizeof(code));
	CU_ASSERT_STRING_EQUAL(code, "");
	reason(GW_HV_SOURCE, true, true, code, sizeof(code));
	CU_ASSERT_STRING_EQUAL(code, "guest_state");
}

/* What the exporter is given is locked for as long as it may need it, and then gone. */
static void test_state_is_locked(void)
{
	static const uint8_t state[] = "what the devices held";
	struct gw_hv *hv;
	int result;

	for (int refuses = 0; refuses < 2; refuses++) {
		fake = (struct fake){.ram_fd = fake.ram_fd,
			.paused = true,
			.incoming = true,
			.refuses = refuses == 1};
		hv = open_as(GW_HV_DESTINATION);
		result = 1;
		gw_hv_load(hv, state, sizeof(state), done, &result);
		run(5000);
		CU_ASSERT_EQUAL(result, refuses == 1 ? -EPROTO : 0);
		CU_ASSERT(fake.as_said);
		CU_ASSERT_EQUAL(fake.loaded_bytes, sizeof(state));
		CU_ASSERT_EQUAL(memcmp(fake.state, state, sizeof(state)), 0);
		CU_ASSERT(fake.locked);
		CU_ASSERT_FALSE(state_is(NULL));
		gw_hv_free(&hv);
	}
	/* Also where nobody answers. */
	hv = open_as(GW_HV_DESTINATION);
	gw_hv_load(hv, state, sizeof(state), done, &result);
	gw_hv_free(&hv);
	CU_ASSERT_FALSE(state_is(NULL));
}

/* Of an exporter, whose clock may be another, and of a peer. */
static void test_since_when_it_runs(void)
{
	struct gw_hv *hv;
	uint64_t asked_ns;
	int result = 1;

	fake = (struct fake){.ram_fd = fake.ram_fd, .paused = true, .incoming = true};
	hv = open_as(GW_HV_DESTINATION);
	CU_ASSERT_EQUAL(gw_hv_resumed_ns(hv), 0);
	asked_ns = gw_now_ns();
	gw_hv_resume(hv, done, &result);
	CU_ASSERT_EQUAL(gw_hv_resumed_ns(hv), 0);
	run(5000);
	CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT(gw_hv_resumed_ns(hv) >= asked_ns && gw_hv_resumed_ns(hv) <= fake.told_ns);
	gw_hv_free(&hv);

	CU_ASSERT_EQUAL(gw_told_ns(15, 10, 20), 15);
	CU_ASSERT_EQUAL(gw_told_ns(10, 10, 20), 10);
	CU_ASSERT_EQUAL(gw_told_ns(9, 10, 20), 20);
	CU_ASSERT_EQUAL(gw_told_ns(21, 10, 20), 20);
	CU_ASSERT_EQUAL(gw_told_ns((uint64_t)20 - 30, 10, 20), 20); /* older than the clock */
}

static struct gw_export_server *server;

static int begin(void)
{
	const struct gw_export_config config = {
		.socket_path = path, .describe = fake_describe, .lifecycle = &fake_lifecycle};

	strcpy(dir, "/tmp/godwit-test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/vm.export", dir);
	fake.ram_fd = memfd_create("ram", MFD_CLOEXEC);
	if (fake.ram_fd < 0 || ftruncate(fake.ram_fd, RAM_BYTES) != 0)
		return 1;
	return gw_loop_create(&loop) != 0 || gw_export_server_create(&config, &server, NULL) != 0;
}

static int end(void)
{
	gw_export_server_free(&server);
	gw_loop_free(&loop);
	close(fake.ram_fd);
	return rmdir(dir) != 0;
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"only who waits receives", test_only_who_waits_receives},
		{"device state is locked", test_state_is_locked},
		{"since when it runs", test_since_when_it_runs},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor native", begin, end, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
