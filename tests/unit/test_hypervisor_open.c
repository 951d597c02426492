/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/hypervisor.c, qemu.c: which two sockets are one VM's. A real exporter, and a
 * QEMU that knows its uuid and nothing else. */
#include "../../control/hypervisor/hypervisor.h"
#include "../../dataplane/export/exporter.h"

#include "loop_run.h"
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER_UID 4242u
#define ITS "ab000000-0005-0000-0000-00000000000f"

static struct {
	char dir[32];
	struct gw_export_server *exporter;
	pid_t qemu;
	struct gw_hv *hv;
	bool done;
	int result;
	struct gw_err err;
} t;

/* ---- the VM ---- */

static int describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	(void)ctx;
	(void)why;
	strcpy(d->vm_name, "vm1");
	d->uuid[0] = 0xab;
	d->uuid[5] = 0x05;
	d->uuid[15] = 0x0f;
	d->n_regions = 1;
	d->region[0] = (struct gw_export_region){.size = 4096, .page_size = 4096, .numa_node = -1};
	d->region_fd[0] = memfd_create("ram", MFD_CLOEXEC);
	strcpy(d->track_error, "a test");
	return ftruncate(d->region_fd[0], 4096);
}

static void path_of(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", t.dir, name);
}

static void answer(int fd, const char *line, const char *uuid)
{
	json_t *asked = json_loads(line, 0, NULL);
	const char *what = json_string_value(json_object_get(asked, "execute"));
	int id = (int)json_integer_value(json_object_get(asked, "id"));

	if (what == NULL || strcmp(what, "qmp_capabilities") == 0)
		dprintf(fd, "{\"return\":{},\"id\":%d}\n", id);
	else if (strcmp(what, "query-uuid") == 0)
		dprintf(fd, "{\"return\":{\"UUID\":\"%s\"},\"id\":%d}\n", uuid, id);
	else
		dprintf(fd,
			"{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no\"},\"id\":%d}\n",
			id);
	json_decref(asked);
}

static _Noreturn void qemu(uid_t uid, int ready, const char *uuid)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[512];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	path_of("vm1.qmp", addr.sun_path, sizeof(addr.sun_path));
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 || setuid(uid) != 0 ||
		listen(listener, 1) != 0 || write(ready, "r", 1) != 1)
		_exit(1);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		FILE *in = fdopen(fd, "re");

		dprintf(fd, "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":2,\"micro\":"
			    "22}},\"capabilities\":[]}}\n");
		while (fgets(line, sizeof(line), in) != NULL)
			answer(fd, line, uuid);
		fclose(in);
	}
}

/* vm1: this process exports its memory, a child that becomes uid is its QEMU. */
static void begin(uid_t uid, const char *uuid)
{
	struct gw_export_config config = {.describe = describe};
	struct gw_export_reason why;
	char path[64], c;
	int ready[2];

	memset(&t, 0, sizeof(t));
	strcpy(t.dir, "/tmp/test-open-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(t.dir));
	CU_ASSERT_EQUAL_FATAL(chmod(t.dir, 0777), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	t.qemu = fork();
	if (t.qemu == 0)
		qemu(uid, ready[1], uuid);
	CU_ASSERT_FATAL(t.qemu > 0);
	close(ready[1]);
	CU_ASSERT_EQUAL_FATAL(read(ready[0], &c, 1), 1);
	close(ready[0]);
	path_of("vm1.export", path, sizeof(path));
	config.socket_path = path;
	CU_ASSERT_EQUAL_FATAL(gw_export_server_create(&config, &t.exporter, &why), 0);
}

static void end(void)
{
	char command[64];

	if (t.hv != NULL)
		gw_hv_free(&t.hv);
	gw_export_server_free(&t.exporter);
	kill(t.qemu, SIGKILL);
	waitpid(t.qemu, NULL, 0);
	snprintf(command, sizeof(command), "rm -r '%s'", t.dir);
	CU_ASSERT_EQUAL(system(command), 0);
}

/* ---- godwitd ---- */

static void opened(void *arg, int result, const struct gw_err *err)
{
	(void)arg;
	t.done = true;
	t.result = result;
	t.err = *err;
	gw_loop_stop(loop);
}

static void on_event(void *ctx, enum gw_hv_event event, const char *text)
{
	(void)ctx;
	(void)event;
	(void)text;
}

static void on_exporter(void *ctx, const struct gw_exporter_event *ev)
{
	(void)ctx;
	(void)ev;
}

static int open_vm(const char *name)
{
	const struct gw_hv_callbacks cb = {on_event, on_exporter, NULL};
	struct gw_hv_place place = {
		.vm_dir = t.dir, .state_limit_bytes = 4096, .trust = {1, {OTHER_UID}}};

	t.done = false;
	t.result = gw_hv_open(loop, &place, name, GW_HV_SOURCE, &cb, opened, NULL, &t.hv, &t.err);
	if (t.result != 0)
		return t.result;
	run(20000);
	CU_ASSERT(t.done);
	return t.result;
}

static void refused(const char *name, int code, const char *words)
{
	CU_ASSERT_EQUAL(open_vm(name), code);
	if (strstr(t.err.text, words) == NULL)
		printf("'%s', wanted '%s'\n", t.err.text, words);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.err.text, words));
}

static void test_one_vm(void)
{
	begin(getuid(), ITS);
	CU_ASSERT_EQUAL(open_vm("vm1"), 0);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(gw_hv_description(t.hv), "uuid")), ITS);
	end();
}

static void test_two_uuids(void)
{
	begin(getuid(), "11111111-2222-3333-4444-555555555555");
	refused("vm1", -EPERM,
		"uuid " ITS "; allowed: '11111111-2222-3333-4444-555555555555', as QMP tells");
	end();
}

/* Root's too: what one of them is told to do is done to the other's guest. */
static void test_two_users(void)
{
	if (geteuid() != 0)
		return;
	begin(OTHER_UID, ITS);
	refused("vm1", -EPERM,
		"user 4242 serves its QMP socket, user 0 its export socket; allowed: one user");
	end();
}

static void give_name(const char *name, int give(const char *, const char *))
{
	static const char *const ends[] = {"export", "qmp"};

	for (int i = 0; i < 2; i++) {
		char its[32], path[64], new[32], new_path[64];

		snprintf(its, sizeof(its), "vm1.%s", ends[i]);
		snprintf(new, sizeof(new), "%s.%s", name, ends[i]);
		path_of(its, path, sizeof(path));
		path_of(new, new_path, sizeof(new_path));
		CU_ASSERT_EQUAL_FATAL(give(path, new_path), 0);
	}
}

static void test_another_name(void)
{
	begin(getuid(), ITS);
	give_name("x", symlink);
	refused("x", -ENOTSOCK, "x.qmp is a symbolic link; allowed: a socket");
	give_name("y", link);
	refused("y", -EPIPE, "HELLO is of VM 'vm1'; allowed: 'y'");
	end();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"one VM", test_one_vm},
		{"two uuids", test_two_uuids},
		{"two users", test_two_users},
		{"links under another name", test_another_name},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor open", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	if (gw_loop_create(&loop) != 0)
		return 2;
	failed = run_suites(suites);
	gw_loop_free(&loop);
	return failed;
}
