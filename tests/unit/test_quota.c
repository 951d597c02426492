/* SPDX-License-Identifier: BSD-3-Clause */
/* control/attendant/{cgroup,quota}.c over folders that look like cgroups: making one gives it its
 * files, as the kernel does, and it can be removed with them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const *new_files; /* of a new cgroup */

static int fake_mkdirat(int dir, const char *name, mode_t mode)
{
	int rc = mkdirat(dir, name, mode), at = openat(dir, name, O_RDONLY | O_DIRECTORY);

	for (const char *const *f = new_files; rc == 0 && *f != NULL; f++)
		close(openat(at, *f, O_WRONLY | O_CREAT, 0644));
	close(at);
	return rc;
}

static int fake_unlinkat(int dir, const char *name, int flags)
{
	int at = openat(dir, name, O_RDONLY | O_DIRECTORY);

	for (const char *const *f = new_files; at >= 0 && *f != NULL; f++)
		unlinkat(at, *f, 0);
	close(at);
	return unlinkat(dir, name, flags);
}

#define mkdirat fake_mkdirat
#define unlinkat fake_unlinkat
#include "../../control/attendant/quota.c" /* NOLINT: with the two above */
#undef mkdirat
#undef unlinkat
#include "../../control/attendant/cgroup.c"
#include "run.h"

static const char *const v1_files[] = {"tasks", "cpu.cfs_quota_us", "cpu.cfs_period_us", NULL};
static const char *const v2_files[] = {
	"cgroup.threads", "cgroup.type", "cgroup.subtree_control", "cpu.max", NULL};

static char top[64], proc[128], mounts[128];
static struct gw_cgroup_root root;
static struct gw_err err;

static void path_of(char out[512], const char *name)
{
	snprintf(out, 512, "%s/%s", top, name);
}

static void put_text(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	path_of(path, name);
	for (char *p = path + strlen(top) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		mkdir(path, 0755);
	}
	f = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static bool holds(const char *name, const char *text)
{
	char path[512], got[256] = "";
	FILE *f;
	size_t n;

	path_of(path, name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	fclose(f);
	if (strcmp(got, text) != 0)
		fprintf(stderr, "%s: '%s', wanted '%s'\n", name, got, text);
	return strcmp(got, text) == 0;
}

static bool there(const char *name)
{
	char path[512];

	path_of(path, name);
	return access(path, F_OK) == 0;
}

static void clear(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	if (system(command) != 0)
		abort();
	mkdir(top, 0755);
}

static int at(pid_t pid, pid_t tid, struct gw_cgroup *out)
{
	err.text[0] = '\0';
	return gw_cgroup_of_thread(&root, pid, tid, out, &err);
}

/* A host with v1's cpu, whose process 7 has two threads in machine/vm. */
static void v1(void)
{
	char text[512];

	clear();
	new_files = v1_files;
	snprintf(text, sizeof(text),
		"31 23 0:28 / %s/memory rw - cgroup cgroup rw,memory\n"
		"33 23 0:30 / %s/acct rw - cgroup cgroup rw,cpuacct\n"
		"32 31 0:29 / %s/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
		"41 31 0:38 / %s/unified rw - cgroup2 cgroup2 rw\n",
		top, top, top, top);
	put_text("mountinfo", text);
	put_text("proc/7/task/71/cgroup", "5:memory:/other\n4:cpu,cpuacct:/machine/vm\n0::/\n");
	put_text("proc/7/task/72/cgroup", "4:cpuacct,cpu:/machine/vm\n0::/\n");
	put_text("cpu/machine/vm/tasks", "");
}

static void v2(const char *turned_on)
{
	char text[512];

	clear();
	new_files = v2_files;
	snprintf(text, sizeof(text), "41 31 0:38 / %s/unified rw - cgroup2 cgroup2 rw\n", top);
	put_text("mountinfo", text);
	put_text("proc/7/task/71/cgroup", "0::/machine/vm\n");
	put_text("proc/7/task/72/cgroup", "0::/machine/vm\n");
	put_text("unified/machine/vm/cgroup.controllers", "cpuset cpu memory\n");
	put_text("unified/machine/vm/cgroup.threads", "");
	put_text("unified/machine/vm/cgroup.subtree_control", turned_on);
}

static void test_where(void)
{
	struct gw_cgroup c;
	char wanted[512], text[512];

	v1();
	CU_ASSERT_EQUAL(at(7, 71, &c), 0);
	path_of(wanted, "cpu/machine/vm");
	CU_ASSERT_STRING_EQUAL(c.dir, wanted);
	CU_ASSERT_FALSE(c.v2);
	CU_ASSERT_EQUAL(at(7, 73, &c), -ESRCH);
	CU_ASSERT_EQUAL(at(8, 71, &c), -ESRCH);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "process 8 has no thread 71"));

	/* Only a part of the hierarchy is mounted, as in a container. */
	snprintf(text, sizeof(text), "32 31 0:29 /machine %s/cpu rw - cgroup cgroup rw,cpu\n", top);
	put_text("mountinfo", text);
	CU_ASSERT_EQUAL(at(7, 71, &c), 0);
	path_of(wanted, "cpu/vm");
	CU_ASSERT_STRING_EQUAL(c.dir, wanted);
	put_text("proc/7/task/71/cgroup", "4:cpu:/machines/vm\n");
	CU_ASSERT_EQUAL(at(7, 71, &c), -ENODEV);
	put_text("proc/7/task/71/cgroup", "4:cpu:/../vm\n");
	CU_ASSERT_EQUAL(at(7, 71, &c), -ENODEV);

	v2("");
	CU_ASSERT_EQUAL(at(7, 71, &c), 0);
	path_of(wanted, "unified/machine/vm");
	CU_ASSERT_STRING_EQUAL(c.dir, wanted);
	CU_ASSERT(c.v2);
	put_text("unified/machine/vm/cgroup.controllers", "cpuset memory\n");
	CU_ASSERT_EQUAL(at(7, 71, &c), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no cgroup can limit the CPU of thread 71"));
}

static void test_v1(void)
{
	struct gw_quota *q = NULL;
	struct gw_cgroup c;

	v1();
	CU_ASSERT_EQUAL_FATAL(at(7, 71, &c), 0);
	CU_ASSERT_EQUAL_FATAL(gw_quota_create(&c, 71, 30, &q, &err), 0);
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_period_us", "10000"));
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_quota_us", "3000"));
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/tasks", "71"));
	CU_ASSERT_EQUAL(gw_quota_change(q, 10, &err), 0);
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_quota_us", "1000"));
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_period_us", "10000"));
	/* The kernel takes no quota below a millisecond. */
	CU_ASSERT_EQUAL(gw_quota_change(q, 2, &err), 0);
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_quota_us", "1000"));
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_period_us", "50000"));
	CU_ASSERT_EQUAL(gw_quota_change(q, 6, &err), 0);
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_quota_us", "1000"));
	CU_ASSERT(holds("cpu/machine/vm/godwit-brake-71/cpu.cfs_period_us", "16667"));
	CU_ASSERT_EQUAL(gw_quota_free(&q), 0);
	CU_ASSERT(holds("cpu/machine/vm/tasks", "71"));
	CU_ASSERT_FALSE(there("cpu/machine/vm/godwit-brake-71"));
}

static void test_v2(void)
{
	struct gw_quota *q = NULL, *r = NULL;
	struct gw_cgroup c;

	v2("cpuset memory\n");
	CU_ASSERT_EQUAL_FATAL(at(7, 71, &c), 0);
	CU_ASSERT_EQUAL_FATAL(gw_quota_create(&c, 71, 30, &q, &err), 0);
	CU_ASSERT(holds("unified/machine/vm/cgroup.subtree_control", "+cpu"));
	CU_ASSERT(holds("unified/machine/vm/godwit-brake-cpu-71/cgroup.type", "threaded"));
	CU_ASSERT(holds("unified/machine/vm/godwit-brake-cpu-71/cpu.max", "3000 10000"));
	CU_ASSERT(holds("unified/machine/vm/godwit-brake-cpu-71/cgroup.threads", "71"));
	CU_ASSERT_EQUAL_FATAL(gw_quota_create(&c, 72, 1, &r, &err), 0);
	CU_ASSERT(holds("unified/machine/vm/godwit-brake-cpu-72/cpu.max", "1000 100000"));
	CU_ASSERT_EQUAL(gw_quota_free(&q), 0);
	CU_ASSERT(holds("unified/machine/vm/cgroup.subtree_control", "+cpu"));
	CU_ASSERT_EQUAL(gw_quota_free(&r), 0);
	CU_ASSERT(holds("unified/machine/vm/cgroup.threads", "72"));
	CU_ASSERT(holds("unified/machine/vm/cgroup.subtree_control", "-cpu"));

	/* Where it was on, it stays on. */
	v2("cpuset cpu\n");
	CU_ASSERT_EQUAL_FATAL(gw_quota_create(&c, 71, 30, &q, &err), 0);
	CU_ASSERT(there("unified/machine/vm/godwit-brake-71"));
	CU_ASSERT_EQUAL(gw_quota_free(&q), 0);
	CU_ASSERT(holds("unified/machine/vm/cgroup.subtree_control", "cpuset cpu\n"));
}

/* Nothing is left of one that could not be made. */
static void test_failures(void)
{
	static const char *const no_quota[] = {"tasks", "cpu.cfs_period_us", NULL};
	static const char *const no_type[] = {"cgroup.threads", "cpu.max", NULL};
	struct gw_quota *q = NULL;
	struct gw_cgroup c;

	v1();
	new_files = no_quota;
	CU_ASSERT_EQUAL_FATAL(at(7, 71, &c), 0);
	CU_ASSERT_EQUAL(gw_quota_create(&c, 71, 30, &q, &err), -ENOENT);
	CU_ASSERT_PTR_NULL(q);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "CPU quota of thread 71 in "));
	CU_ASSERT_FALSE(there("cpu/machine/vm/godwit-brake-71"));
	v2("");
	new_files = no_type;
	CU_ASSERT_EQUAL_FATAL(at(7, 71, &c), 0);
	CU_ASSERT_EQUAL(gw_quota_create(&c, 71, 30, &q, &err), -ENOENT);
	CU_ASSERT_FALSE(there("unified/machine/vm/godwit-brake-cpu-71"));
	/* Slowed by another already. */
	snprintf(c.dir + strlen(c.dir), sizeof(c.dir) - strlen(c.dir), "/godwit-brake-71");
	CU_ASSERT_EQUAL(gw_quota_create(&c, 71, 30, &q, &err), -EALREADY);
}

static void sweep_mount(void *ctx, const struct gw_cgroup *mount)
{
	*(uint32_t *)ctx += gw_quota_sweep(mount);
}

static void test_left_behind(void)
{
	struct gw_quota *q = NULL;
	struct gw_cgroup c;
	uint32_t n = 0;

	v1();
	CU_ASSERT_EQUAL_FATAL(at(7, 71, &c), 0);
	CU_ASSERT_EQUAL_FATAL(gw_quota_create(&c, 71, 30, &q, &err), 0);
	put_text("cpu/machine/vm/godwit-brake-72/tasks", "72");
	put_text("cpu/machine/vm/godwit-brake-72/cpu.cfs_quota_us", "3000");
	gw_cgroup_mounts(&root, sweep_mount, &n);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_FALSE(there("cpu/machine/vm/godwit-brake-72"));
	CU_ASSERT(holds("cpu/machine/vm/tasks", "72"));
	/* Somebody holds this one. */
	CU_ASSERT(there("cpu/machine/vm/godwit-brake-71"));

	CU_ASSERT_EQUAL(gw_quota_rescue(&c), 0); /* none of ours */
	snprintf(c.dir + strlen(c.dir), sizeof(c.dir) - strlen(c.dir), "/godwit-brake-71");
	CU_ASSERT_EQUAL(gw_quota_rescue(&c), 0);
	CU_ASSERT_FALSE(there("cpu/machine/vm/godwit-brake-71"));
	CU_ASSERT(holds("cpu/machine/vm/tasks", "71"));
	forget(&q);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"which cgroup limits a thread", test_where},
		{"v1", test_v1},
		{"v2", test_v2},
		{"what cannot be done leaves nothing", test_failures},
		{"what was left behind is found", test_left_behind},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"quota", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed;

	snprintf(top, sizeof(top), "/tmp/godwit-quota-XXXXXX");
	if (mkdtemp(top) == NULL)
		return 2;
	snprintf(proc, sizeof(proc), "%s/proc", top);
	snprintf(mounts, sizeof(mounts), "%s/mountinfo", top);
	root = (struct gw_cgroup_root){proc, mounts};
	failed = run_suites(suites);
	clear();
	rmdir(top);
	return failed;
}
