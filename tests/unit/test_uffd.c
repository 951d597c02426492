/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export/uffd_wp.c: a writer that never rests, and a copy that must be equal in the end.
 */
#include "../../dataplane/export/uffd_wp.h"

#include "export_peer.h"
#include "run.h"
#include "smaps.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGIONS 2u /* mapped apart */
#define REGION_PAGES 2048u
#define REGION_BYTES (REGION_PAGES * 4096ull)
#define RAM_PAGES (REGIONS * REGION_PAGES)
#define EPOCHS 30

struct ram {
	int fd;
	uint8_t *base[REGIONS];
	struct gw_uffd_source *source;
	char path[64];
	int quit; /* atomic */
	uint64_t written;
};

static uint8_t copy[REGIONS][REGION_BYTES];

static int describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	struct ram *r = ctx;

	(void)why;
	strcpy(d->vm_name, PEER_VM);
	d->n_regions = REGIONS;
	d->n_rings = 1;
	for (uint32_t i = 0; i < REGIONS; i++) {
		d->region[i] = (struct gw_export_region){.size = REGION_BYTES,
			.file_offset = i * REGION_BYTES,
			.page_size = 4096,
			.numa_node = -1,
			.id = (uint8_t)i,
			.name = "ram"};
		d->region_fd[i] = dup(r->fd);
	}
	d->source = gw_uffd_source_ops();
	d->source_ctx = r->source;
	return 0;
}

static void *writer(void *arg)
{
	struct ram *r = arg;
	uint64_t state = 88172645463325252ull + r->written; /* else what it wrote before, again */

	while (!__atomic_load_n(&r->quit, __ATOMIC_RELAXED)) {
		uint64_t *at;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		at = (uint64_t *)(r->base[state % REGIONS] + (state >> 8) % (REGION_BYTES / 8) * 8);
		__atomic_store_n(at, state, __ATOMIC_RELAXED);
		__atomic_store_n(&r->written, r->written + 1, __ATOMIC_RELAXED);
		if (r->written % 64 == 0)
			usleep(50);
	}
	return NULL;
}

/* Harvested pages only, and in this order: harvest, then read. */
static uint64_t copy_dirty(struct peer *p, const struct ram *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < RAM_PAGES; i++) {
		uint32_t region = i / REGION_PAGES, page = i % REGION_PAGES;

		if (p->dirty[region][page] == 0)
			continue;
		memcpy(copy[region] + page * 4096, r->base[region] + page * 4096, 4096);
		n++;
	}
	peer_forget(p);
	return n;
}

static bool equal(const struct ram *r)
{
	return memcmp(copy[0], r->base[0], REGION_BYTES) == 0 &&
	       memcmp(copy[1], r->base[1], REGION_BYTES) == 0;
}

static void migrate(struct ram *r, struct peer *p)
{
	pthread_t t;
	uint64_t copied = 0;

	memset(copy, 0, sizeof(copy));
	r->quit = 0;
	CU_ASSERT_EQUAL_FATAL(gw_exporter_start(p->x), 0);
	CU_ASSERT_EQUAL_FATAL(peer_wait(p), GW_EXPORT_STARTED);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, writer, r), 0);
	for (uint32_t i = 0; i < REGIONS; i++)
		memcpy(copy[i], r->base[i], REGION_BYTES);
	for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
		CU_ASSERT_EQUAL(peer_sync(p, epoch, false), GW_EXPORT_SYNCED);
		CU_ASSERT_EQUAL(p->ev.synced.pages, p->pages);
		copied += copy_dirty(p, r);
		usleep(2000);
	}
	CU_ASSERT(copied > 100);
	for (uint64_t had = __atomic_load_n(&r->written, __ATOMIC_RELAXED);
		__atomic_load_n(&r->written, __ATOMIC_RELAXED) < had + 64;)
		usleep(100);
	__atomic_store_n(&r->quit, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CU_ASSERT_FALSE(equal(r)); /* there was work left */
	CU_ASSERT_EQUAL(peer_sync(p, EPOCHS + 1, false), GW_EXPORT_SYNCED);
	copy_dirty(p, r);
	CU_ASSERT_TRUE(equal(r));

	/* Nothing was written since, so nothing may be named; one write names one page. */
	CU_ASSERT_EQUAL(peer_sync(p, EPOCHS + 2, false), GW_EXPORT_SYNCED);
	CU_ASSERT_EQUAL(p->pages, 0);
	__atomic_store_n(&r->base[1][77 * 4096], 1, __ATOMIC_RELAXED);
	CU_ASSERT_EQUAL(peer_sync(p, EPOCHS + 3, true), GW_EXPORT_SYNCED);
	CU_ASSERT_EQUAL(p->pages, 1);
	CU_ASSERT_EQUAL(p->dirty[1][77], 1);
	/* It was the last: what it named is not tracked again. */
	CU_ASSERT_EQUAL(peer_sync(p, EPOCHS + 4, true), GW_EXPORT_SYNCED);
	CU_ASSERT_EQUAL(p->dirty[1][77], 2);
	peer_forget(p);
	CU_ASSERT_EQUAL(gw_exporter_stop(p->x), 0);
	CU_ASSERT_EQUAL(peer_wait(p), GW_EXPORT_STOPPED);
}

static struct ram ram;

static void test_no_page_lost(void)
{
	static struct peer p;
	struct gw_export_config config = {
		.socket_path = ram.path, .ring_entries = 64, .describe = describe, .ctx = &ram};
	struct gw_export_server *server = NULL;
	struct gw_export_reason why = {""};

	CU_ASSERT_EQUAL_FATAL(gw_export_server_create(&config, &server, &why), 0);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, ram.path), GW_EXPORT_HELLO);
	migrate(&ram, &p);
	migrate(&ram, &p); /* again on the same connection */
	gw_exporter_free(&p.x);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, ram.path), GW_EXPORT_HELLO);
	migrate(&ram, &p); /* and on a new one */
	gw_exporter_free(&p.x);
	gw_export_server_free(&server);
}

#define OTHER_UID 4242u

/* As a container's sandbox does it: not even the kind that sees no fault of the kernel's. */
static bool deny_userfaultfd(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_userfaultfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* As godwit-qemu.so does it: what is possible may differ from client to client. */
static int describe_anew(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	struct gw_uffd_range range[REGIONS];
	struct gw_export_reason track_why;
	struct ram *r = ctx;

	for (uint32_t i = 0; i < REGIONS; i++)
		range[i] = (struct gw_uffd_range){r->base[i], REGION_BYTES, (uint8_t)i};
	describe(ctx, d, why);
	gw_uffd_source_free(&r->source);
	d->source = NULL;
	if (gw_uffd_source_create(range, REGIONS, &r->source, &track_why) < 0) {
		snprintf(d->track_error, sizeof(d->track_error), "%s", track_why.text);
		return 0;
	}
	d->source = gw_uffd_source_ops();
	d->source_ctx = r->source;
	return 0;
}

/* A hypervisor without any right; says so when it can be connected to. */
static void serve_without_rights(int ready)
{
	struct gw_export_config config = {.socket_path = ram.path,
		.ring_entries = 64,
		.describe = describe_anew,
		.ctx = &ram};
	struct gw_export_server *server = NULL;
	struct gw_export_reason why = {""};

	/* Dumpable, as a program that was started so is: else its own /proc is not its own. */
	if (setuid(OTHER_UID) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		prctl(PR_SET_DUMPABLE, 1) < 0 || !deny_userfaultfd() ||
		gw_export_server_create(&config, &server, &why) < 0 || write(ready, "r", 1) != 1)
		_exit(1);
	for (;;) {
		__atomic_add_fetch(&ram.base[1][77 * 4096], 1, __ATOMIC_RELAXED);
		usleep(100);
	}
}

/* A client that cannot open the device: what it is told, as its exit code. */
static int client_without_rights(void)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		static struct peer p;

		if (setuid(OTHER_UID) < 0 || peer_open(&p, ram.path) != GW_EXPORT_HELLO)
			_exit(1);
		if (gw_exporter_info(p.x)->uffd_lent || gw_exporter_start(p.x) != -EINVAL)
			_exit(2);
		_exit(strstr(gw_exporter_info(p.x)->track_error, "godwitd lent none") != NULL ? 100
											      : 3);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_lent(void)
{
	static struct peer p;
	struct gw_trust trust = {1, {OTHER_UID}};
	int ready[2];
	pid_t child;
	char c;

	if (geteuid() != 0 || access("/dev/userfaultfd", F_OK) != 0)
		return;
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	child = fork();
	if (child == 0)
		serve_without_rights(ready[1]);
	close(ready[1]);
	CU_ASSERT_EQUAL_FATAL(read(ready[0], &c, 1), 1);
	/* One that does not lend is served as before. */
	CU_ASSERT_EQUAL(client_without_rights(), 100);
	for (int session = 0; session < 2; session++) {
		memset(&p, 0, sizeof(p));
		CU_ASSERT_EQUAL_FATAL(
			gw_exporter_connect(ram.path, PEER_VM, 0, &trust, &p.x, &p.err), 0);
		CU_ASSERT_EQUAL_FATAL(peer_wait(&p), GW_EXPORT_HELLO);
		memcpy(p.ring, gw_exporter_info(p.x)->ring, sizeof(p.ring));
		p.drains = true;
		CU_ASSERT_TRUE(gw_exporter_info(p.x)->uffd_lent);
		CU_ASSERT_STRING_EQUAL(gw_exporter_info(p.x)->track_error, "");
		CU_ASSERT_EQUAL(gw_exporter_start(p.x), 0);
		CU_ASSERT_EQUAL_FATAL(peer_wait(&p), GW_EXPORT_STARTED);
		for (uint64_t epoch = 1; epoch < 1000 && p.dirty[1][77] == 0; epoch++)
			CU_ASSERT_EQUAL_FATAL(peer_sync(&p, epoch, false), GW_EXPORT_SYNCED);
		CU_ASSERT_NOT_EQUAL(p.dirty[1][77], 0);
		gw_exporter_free(&p.x);
		/* It was lent for that session only. */
		CU_ASSERT_EQUAL(client_without_rights(), 100);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(ram.path);
	close(ready[0]);
}

static uint64_t minor_faults_of_writing(void)
{
	char line[512];
	unsigned long before = 0, after = 0;
	FILE *f;

	for (int i = 0; i < 2; i++) {
		f = fopen("/proc/thread-self/stat", "re");
		if (f == NULL || fgets(line, sizeof(line), f) == NULL)
			return UINT64_MAX;
		sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %lu",
			i == 0 ? &before : &after);
		fclose(f);
		for (uint32_t page = 0; i == 0 && page < RAM_PAGES; page++)
			__atomic_add_fetch(
				&ram.base[page / REGION_PAGES][page % REGION_PAGES * 4096], 1,
				__ATOMIC_RELAXED);
	}
	return after - before;
}

static void test_stop_costs_nothing(void)
{
	const struct gw_export_source_ops *ops = gw_uffd_source_ops();
	struct gw_export_reason why = {""};

	minor_faults_of_writing();
	CU_ASSERT_EQUAL(ops->start(ram.source, NULL, &why), 0);
	CU_ASSERT(minor_faults_of_writing() >= RAM_PAGES);
	ops->stop(ram.source);
	ops->stop(ram.source);
	minor_faults_of_writing();
	CU_ASSERT(minor_faults_of_writing() < RAM_PAGES / 16);
}

/* A process that ends takes protection along with its memory; nobody lifts it before. */
static void test_leave_lifts_nothing(void)
{
	const struct gw_export_source_ops *ops = gw_uffd_source_ops();
	struct gw_export_reason why;
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct gw_uffd_source *s;
		struct gw_uffd_range range = {ram.base[0], REGION_BYTES, 0};

		if (gw_uffd_source_create(&range, 1, &s, &why) != 0 ||
			ops->start(s, NULL, &why) != 0)
			_exit(10);
		ops->stop(s);
		if (ops->start(s, NULL, &why) != 0)
			_exit(11);
		gw_uffd_source_leave(s);
		ops->stop(s);
		/* Still held: nobody else can have it. */
		if (gw_uffd_source_create(&range, 1, &s, &why) != 0)
			_exit(12);
		_exit(ops->start(s, NULL, &why) == -EBUSY ? 0 : 13);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

/* At either end of a region. */
static bool tracked(void)
{
	return smaps_has_flag(ram.base[0], "uw") ||
	       smaps_has_flag(ram.base[1] + REGION_BYTES - 1, "uw");
}

static uint32_t mappings_of_ram(void)
{
	uint64_t start, end, low = (uintptr_t)ram.base[0], high = low + REGION_BYTES;
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	uint32_t n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			n += start < high && end > low;
	if (f != NULL)
		fclose(f);
	return n;
}

static void test_stop_leaves_one_mapping(void)
{
	const struct gw_export_source_ops *ops = gw_uffd_source_ops();
	struct gw_export_reason why = {""};

	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(mappings_of_ram(), 1);
		CU_ASSERT_EQUAL(ops->start(ram.source, NULL, &why), 0);
		CU_ASSERT_EQUAL(mappings_of_ram(), 1);
		CU_ASSERT_TRUE(tracked());
		ops->stop(ram.source);
		CU_ASSERT_FALSE(tracked());
	}
	CU_ASSERT_EQUAL(mappings_of_ram(), 1);
}

/* Until this process may have no more (vm.max_map_count). */
static void take_all_mappings(void)
{
	size_t bytes = 2 * 4096ull << 20;
	uint8_t *p =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (size_t at = 4096; at < bytes && mprotect(p + at, 4096, PROT_READ) == 0; at += 8192)
		;
	while (mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		;
}

static void test_stop_without_a_mapping_to_spare(void)
{
	const struct gw_export_source_ops *ops = gw_uffd_source_ops();
	struct gw_export_reason why;
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (ops->start(ram.source, NULL, &why) != 0)
			_exit(10);
		if (!tracked())
			_exit(11);
		/* It holds a copy of the descriptor, so closing that one lifts nothing. */
		pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		take_all_mappings();
		ops->stop(ram.source);
		status = tracked() ? 13 : 0;
		kill(pid, SIGKILL);
		_exit(status);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

static void test_private_memory_is_refused(void)
{
	struct gw_uffd_range range = {NULL, 1 << 20, 0};
	struct gw_uffd_source *s = NULL;
	struct gw_export_reason why = {""};
	FILE *f = tmpfile();

	/* a file on a disk file system where there is one, else nothing to see */
	if (f == NULL || ftruncate(fileno(f), 1 << 20) != 0)
		return;
	range.addr = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	CU_ASSERT_EQUAL_FATAL(gw_uffd_source_create(&range, 1, &s, &why), 0);
	if (gw_uffd_source_ops()->start(s, NULL, &why) == 0)
		gw_uffd_source_ops()->stop(s); /* /tmp is tmpfs here */
	else
		CU_ASSERT_NOT_EQUAL(why.text[0], '\0');
	gw_uffd_source_free(&s);
	munmap(range.addr, 1 << 20);
	fclose(f);
}

static int open_ram(void)
{
	struct gw_export_reason why;
	struct gw_uffd_range range[REGIONS];

	snprintf(ram.path, sizeof(ram.path), "/tmp/godwit-test-%d.export", getpid());
	ram.fd = memfd_create("ram", MFD_CLOEXEC);
	if (ram.fd < 0 || ftruncate(ram.fd, REGIONS * REGION_BYTES) < 0)
		return 2;
	for (uint32_t i = 0; i < REGIONS; i++) {
		ram.base[i] = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ram.fd,
			(off_t)(i * REGION_BYTES));
		if (ram.base[i] == MAP_FAILED)
			return 2;
		range[i] = (struct gw_uffd_range){ram.base[i], REGION_BYTES, (uint8_t)i};
	}
	if (gw_uffd_source_create(range, REGIONS, &ram.source, &why) == 0)
		return 0;
	printf("skipped: %s\n", why.text);
	return 77;
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"no page lost", test_no_page_lost},
		{"a lent device", test_lent},
		{"STOP leaves no cost", test_stop_costs_nothing},
		{"STOP leaves one mapping", test_stop_leaves_one_mapping},
		{"STOP without a mapping to spare", test_stop_without_a_mapping_to_spare},
		{"leaving lifts nothing", test_leave_lifts_nothing},
		{"memory that cannot be tracked", test_private_memory_is_refused},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"uffd", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed;
	int ret = open_ram();

	if (ret != 0)
		return ret;
	failed = run_suites(suites);
	gw_uffd_source_free(&ram.source);
	return failed;
}
