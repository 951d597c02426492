/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export: server and client together over a socket, with a made-up guest. */
#include "../../dataplane/export/exporter.h"
#include "../../dataplane/export/work_memory.h"
#include "export_peer.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM_PAGES 8192u
#define RING_ENTRIES 64u

static const struct gw_trust nobody_else;
static char dir[64];
static char path[96];

/* A guest whose every harvest names `runs` single pages, two apart: no run swallows another. */
struct fake {
	struct gw_export_server *server;
	int ram_fd;
	uint32_t runs;
	int describe_error;
	bool no_track;
	bool paused, incoming;
	int tracking; /* atomic */
	int resumed;  /* atomic */
	int quit;     /* atomic */
	int starts;
	const void *mapped; /* where it has its RAM; NULL: it does not say */
	bool knows_last;    /* that it need not track again */
	int last;           /* harvests of that kind */
	int throttle;       /* atomic */
};

static int fake_start(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct fake *f = ctx;

	(void)sink;
	(void)why;
	f->starts++;
	__atomic_store_n(&f->tracking, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int fake_harvest(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct fake *f = ctx;

	(void)why;
	for (uint32_t i = 0; i < f->runs; i++) {
		int ret = gw_export_push(sink, 0, 0, i * 2 % RAM_PAGES, 1);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int fake_harvest_last(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	((struct fake *)ctx)->last++;
	return fake_harvest(ctx, sink, why);
}

static void fake_stop(void *ctx)
{
	__atomic_store_n(&((struct fake *)ctx)->tracking, 0, __ATOMIC_SEQ_CST);
}

static const struct gw_export_source_ops fake_source = {fake_start, fake_harvest, fake_stop, NULL};
static const struct gw_export_source_ops fake_last_source = {
	fake_start, fake_harvest, fake_stop, fake_harvest_last};

static int fake_describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	struct fake *f = ctx;

	if (f->describe_error != 0)
		return gw_export_why(why, f->describe_error, "no guest yet");
	strcpy(d->vm_name, PEER_VM);
	d->n_regions = 1;
	d->region[0] = (struct gw_export_region){
		.size = RAM_PAGES * 4096ull, .page_size = 4096, .numa_node = -1, .name = "ram"};
	d->region_fd[0] = dup(f->ram_fd);
	d->region_addr[0] = f->mapped;
	d->n_rings = 2;
	if (f->no_track)
		strcpy(d->track_error, "kernel too old");
	else
		d->source = f->knows_last ? &fake_last_source : &fake_source;
	d->source_ctx = f;
	return 0;
}

static int fake_pause(void *ctx, struct gw_export_reason *why)
{
	(void)why;
	((struct fake *)ctx)->paused = true;
	return 0;
}

static int fake_resume(void *ctx, struct gw_export_reason *why)
{
	struct fake *f = ctx;

	(void)why;
	f->paused = false;
	__atomic_add_fetch(&f->resumed, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static bool fake_paused(void *ctx)
{
	return ((struct fake *)ctx)->paused;
}

static int fake_save(void *ctx, int *fd, uint64_t *size_bytes, struct gw_export_reason *why)
{
	(void)ctx;
	(void)why;
	*fd = memfd_create("state", MFD_CLOEXEC);
	*size_bytes = 5;
	return write(*fd, "hello", 5) == 5 ? 0 : -EIO;
}

static int fake_load(void *ctx, int fd, uint64_t size_bytes, struct gw_export_reason *why)
{
	char buf[8] = "";

	(void)ctx;
	if (size_bytes != 5 || pread(fd, buf, 5, 0) != 5 || strcmp(buf, "hello") != 0)
		return gw_export_why(why, -EPROTO, "not my state");
	return 0;
}

static void fake_quit(void *ctx)
{
	__atomic_store_n(&((struct fake *)ctx)->quit, 1, __ATOMIC_SEQ_CST);
}

static bool fake_incoming(void *ctx)
{
	return ((struct fake *)ctx)->incoming;
}

static const struct gw_export_lifecycle_ops fake_lifecycle = {
	fake_pause, fake_resume, fake_paused, fake_save, fake_load, fake_quit, fake_incoming};

static void fake_throttle(void *ctx, uint32_t percent)
{
	__atomic_store_n(&((struct fake *)ctx)->throttle, (int)percent, __ATOMIC_SEQ_CST);
}

static void fake_open_with(struct fake *f, const struct gw_export_lifecycle_ops *lifecycle,
	void (*throttle)(void *ctx, uint32_t percent))
{
	struct gw_export_config config = {
		.socket_path = path,
		.ring_entries = RING_ENTRIES,
		.describe = fake_describe,
		.lifecycle = lifecycle,
		.throttle = throttle,
		.ctx = f,
	};
	struct gw_export_reason why = {""};

	memset(f, 0, sizeof(*f));
	f->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(f->ram_fd, RAM_PAGES * 4096ll), 0);
	CU_ASSERT_EQUAL_FATAL(gw_export_server_create(&config, &f->server, &why), 0);
}

static void fake_open(struct fake *f, bool lifecycle)
{
	fake_open_with(f, lifecycle ? &fake_lifecycle : NULL, NULL);
}

static void fake_close(struct fake *f)
{
	struct stat st;

	gw_export_server_free(&f->server);
	CU_ASSERT_EQUAL(stat(path, &st), -1);
	close(f->ram_fd);
}

static bool becomes(const int *atomic, int value)
{
	for (int i = 0; i < 5000; i++) {
		if (__atomic_load_n(atomic, __ATOMIC_SEQ_CST) == value)
			return true;
		usleep(1000);
	}
	return false;
}

static void test_sync_larger_than_ring(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, false);
	f.runs = 4000; /* more than 60 times the ring */
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_STRING_EQUAL(gw_exporter_info(p.x)->vm_name, PEER_VM);
	CU_ASSERT_EQUAL(gw_exporter_info(p.x)->caps, GW_EXPORT_CAP_TRACK);
	CU_ASSERT_EQUAL(gw_exporter_info(p.x)->n_rings, 2);
	CU_ASSERT_EQUAL(gw_exporter_info(p.x)->pid, getpid());
	CU_ASSERT_EQUAL(gw_exporter_pause(p.x), -EINVAL);

	/* Without START there is nothing to sync; START twice is an error, not a second start. */
	CU_ASSERT_EQUAL(peer_sync(&p, 0, false), GW_EXPORT_ERROR);
	CU_ASSERT_EQUAL(p.ev.error.request, GW_EXPORT_SYNC);
	CU_ASSERT_EQUAL(gw_exporter_start(p.x), 0);
	CU_ASSERT_EQUAL(gw_exporter_start(p.x), -EALREADY);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_STARTED);
	CU_ASSERT_EQUAL(gw_exporter_start(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_ERROR);
	CU_ASSERT_EQUAL(f.starts, 1);

	for (uint64_t epoch = 1; epoch <= 3; epoch++) {
		peer_forget(&p);
		CU_ASSERT_EQUAL(peer_sync(&p, epoch, false), GW_EXPORT_SYNCED);
		CU_ASSERT_EQUAL(p.ev.synced.epoch, epoch);
		CU_ASSERT_EQUAL(p.ev.synced.head[0], epoch * 4000);
		CU_ASSERT_EQUAL(p.ev.synced.pages, 4000);
		CU_ASSERT_EQUAL(p.pages, 4000);
		for (uint32_t i = 0; i < 4000; i++)
			CU_ASSERT_EQUAL(p.dirty[0][i * 2], 1);
	}

	/* STOP, START, and on with the same rings. */
	CU_ASSERT_EQUAL(gw_exporter_stop(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_STOPPED);
	CU_ASSERT_EQUAL(f.tracking, 0);
	CU_ASSERT_EQUAL(gw_exporter_start(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_STARTED);
	CU_ASSERT_EQUAL(peer_sync(&p, 9, false), GW_EXPORT_SYNCED);
	CU_ASSERT_EQUAL(p.ev.synced.head[0], 16000);
	gw_exporter_free(&p.x);
	CU_ASSERT(becomes(&f.tracking, 0));
	fake_close(&f);
}

/* From START until some time after the client has gone. */
static void test_work_memory_is_held(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, false);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT(!gw_work_memory_held());
	CU_ASSERT_EQUAL(gw_exporter_start(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_STARTED);
	CU_ASSERT(gw_work_memory_held());
	gw_exporter_free(&p.x);
	CU_ASSERT(becomes(&f.tracking, 0));
	for (int i = 0; i < 1000 && gw_work_memory_held(); i++)
		usleep(10000);
	CU_ASSERT(!gw_work_memory_held());
	fake_close(&f);
}

/* SYNC's flags are for who knows them. */
static void test_last_sync(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, false);
	for (int knows = 0; knows < 2; knows++) {
		f.knows_last = knows != 0;
		CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
		CU_ASSERT_EQUAL(
			(gw_exporter_info(p.x)->caps & GW_EXPORT_CAP_SYNC_FLAGS) != 0, knows);
		CU_ASSERT_EQUAL(gw_exporter_start(p.x), 0);
		CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_STARTED);
		CU_ASSERT_EQUAL(peer_sync(&p, 1, true), GW_EXPORT_SYNCED);
		CU_ASSERT_EQUAL(f.last, knows);
		CU_ASSERT_EQUAL(peer_sync(&p, 2, false), GW_EXPORT_SYNCED);
		CU_ASSERT_EQUAL(f.last, knows);
		gw_exporter_free(&p.x);
		CU_ASSERT(becomes(&f.tracking, 0));
	}
	fake_close(&f);
}

/* Whether this process has the page in its page tables. */
static bool present(const uint8_t *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t e = 0;

	CU_ASSERT_EQUAL(pread(fd, &e, sizeof(e), (off_t)((uintptr_t)page / 4096 * 8)), 8);
	close(fd);
	return e >> 63 != 0;
}

/* What another process wrote is mapped, and what this one's allocator gave back; what nobody wrote
 * stays a hole; and a VMM that has its memory elsewhere by now lives on. */
static void test_touch(void)
{
	const size_t work_bytes = 64 << 10, all_bytes = work_bytes + 2 * 4096;
	static const uint32_t data_page = 5000;
	static struct peer p;
	uint8_t *ram, *work;
	struct fake f;

	fake_open(&f, false);
	CU_ASSERT_EQUAL(pwrite(f.ram_fd, "x", 1, data_page * 4096), 1);
	ram = mmap(NULL, RAM_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f.ram_fd, 0);
	CU_ASSERT_FATAL(ram != MAP_FAILED);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_touch(p.x), -EINVAL); /* it does not say where */
	gw_exporter_free(&p.x);
	f.mapped = ram;
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	/* Between two pages without access: no part of a larger mapping beside it. */
	work = mmap(NULL, all_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(work != MAP_FAILED);
	work += 4096;
	CU_ASSERT_EQUAL_FATAL(mprotect(work, work_bytes, PROT_READ | PROT_WRITE), 0);
	CU_ASSERT_FALSE(present(ram + data_page * 4096));
	CU_ASSERT_FALSE(present(work + 8 * 4096));
	CU_ASSERT_EQUAL(gw_exporter_touch(p.x), 0);
	CU_ASSERT_EQUAL(gw_exporter_touch(p.x), -EALREADY);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_TOUCHED);
	CU_ASSERT_TRUE(present(work + 8 * 4096));
	munmap(work - 4096, all_bytes);
	CU_ASSERT_TRUE(present(ram + data_page * 4096));
	CU_ASSERT_EQUAL(lseek(f.ram_fd, 0, SEEK_DATA), data_page * 4096);
	munmap(ram, RAM_PAGES * 4096);
	CU_ASSERT_EQUAL(gw_exporter_touch(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_TOUCHED);
	gw_exporter_free(&p.x);
	fake_close(&f);
}

static void start_and_stall(struct peer *p, struct fake *f)
{
	f->runs = 4000;
	CU_ASSERT_EQUAL_FATAL(peer_open(p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_start(p->x), 0);
	CU_ASSERT_EQUAL(peer_wait(p), GW_EXPORT_STARTED);
	p->drains = false;
	CU_ASSERT_EQUAL(gw_exporter_sync(p->x, 1, false), 0);
	for (int i = 0; i < 1000 && gw_ring_pending(&p->ring[0]) < RING_ENTRIES; i++)
		usleep(1000);
	CU_ASSERT_EQUAL(gw_ring_pending(&p->ring[0]), RING_ENTRIES);
	CU_ASSERT_EQUAL(gw_exporter_read(p->x, &p->ev, &p->err), 0);
}

static void test_client_dies_at_full_ring(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, false);
	start_and_stall(&p, &f);
	gw_exporter_free(&p.x);
	CU_ASSERT(becomes(&f.tracking, 0));
	/* and the next one is served, with rings of its own */
	CU_ASSERT_EQUAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_ring_pending(&p.ring[0]), 0);
	gw_exporter_free(&p.x);
	fake_close(&f);
}

static void test_stop_at_full_ring(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, false);
	start_and_stall(&p, &f);
	CU_ASSERT_EQUAL(gw_exporter_stop(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_ERROR);
	CU_ASSERT_EQUAL(p.ev.error.request, GW_EXPORT_SYNC);
	CU_ASSERT_EQUAL(p.ev.error.code, -ECANCELED);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_STOPPED);
	p.drains = true;
	CU_ASSERT_EQUAL(gw_exporter_start(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_STARTED);
	CU_ASSERT_EQUAL(peer_sync(&p, 2, false), GW_EXPORT_SYNCED);
	CU_ASSERT_EQUAL(p.ev.synced.pages, 4000);
	gw_exporter_free(&p.x);
	fake_close(&f);
}

static void test_shutdown_at_full_ring(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, false);
	start_and_stall(&p, &f);
	fake_close(&f);
	CU_ASSERT_EQUAL(f.tracking, 0);
	CU_ASSERT_EQUAL(peer_wait(&p), -EPIPE);
	gw_exporter_free(&p.x);
}

static void test_broken_ring_ends_client(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, false);
	start_and_stall(&p, &f);
	p.ring[0].ring->tail = 1ull << 40;
	CU_ASSERT_EQUAL(peer_wait(&p), -EPIPE);
	CU_ASSERT(becomes(&f.tracking, 0));
	gw_exporter_free(&p.x);
	fake_close(&f);
}

static void test_second_client_waits(void)
{
	static struct peer a, b;
	struct fake f;
	struct pollfd fd;

	fake_open(&f, false);
	CU_ASSERT_EQUAL_FATAL(peer_open(&a, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL_FATAL(gw_exporter_connect(path, PEER_VM, 0, &nobody_else, &b.x, &b.err), 0);
	fd = (struct pollfd){.fd = gw_exporter_fd(b.x), .events = POLLIN};
	CU_ASSERT_EQUAL(poll(&fd, 1, 50), 0);
	gw_exporter_free(&a.x);
	CU_ASSERT_EQUAL(peer_wait(&b), GW_EXPORT_HELLO);
	gw_exporter_free(&b.x);
	fake_close(&f);
}

static void test_refusals(void)
{
	static struct peer p;
	struct gw_export_config config = {.socket_path = path, .describe = fake_describe};
	struct gw_export_server *second = NULL;
	struct gw_export_reason why = {""};
	struct fake f;

	fake_open(&f, false);
	CU_ASSERT_EQUAL(gw_export_server_create(&config, &second, &why), -EADDRINUSE);
	f.no_track = true;
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_info(p.x)->caps, 0);
	CU_ASSERT_EQUAL(gw_exporter_info(p.x)->n_rings, 0);
	CU_ASSERT_STRING_EQUAL(gw_exporter_info(p.x)->track_error, "kernel too old");
	CU_ASSERT_EQUAL(gw_exporter_start(p.x), -EINVAL);
	gw_exporter_free(&p.x);

	f.describe_error = -EAGAIN;
	CU_ASSERT_EQUAL(peer_open(&p, path), GW_EXPORT_ERROR);
	CU_ASSERT_EQUAL(p.ev.error.request, GW_EXPORT_HELLO);
	CU_ASSERT_STRING_EQUAL(p.ev.error.text, "no guest yet");
	CU_ASSERT_EQUAL(peer_wait(&p), -EPIPE);
	gw_exporter_free(&p.x);
	fake_close(&f);
	CU_ASSERT_EQUAL(gw_exporter_connect(path, PEER_VM, 0, &nobody_else, &p.x, &p.err), -ENOENT);
}

static int bind_at(const char *at, bool listens)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, at);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (listens)
		CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
	return fd;
}

static void test_stale_socket_is_replaced(void)
{
	static struct peer p;
	struct fake f;

	close(bind_at(path, true)); /* as a killed process leaves it */
	fake_open(&f, false);
	CU_ASSERT_EQUAL(peer_open(&p, path), GW_EXPORT_HELLO);
	gw_exporter_free(&p.x);
	fake_close(&f);
}

static void test_lifecycle(void)
{
	static struct peer p;
	struct fake f;
	char buf[8] = "";
	uint64_t asked_ns;
	int fd;

	fake_open(&f, true);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_info(p.x)->caps,
		GW_EXPORT_CAP_TRACK | GW_EXPORT_CAP_LIFECYCLE | GW_EXPORT_CAP_RESUME_FLAGS);
	CU_ASSERT_EQUAL(gw_exporter_save(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_ERROR); /* the guest runs */
	CU_ASSERT_EQUAL(gw_exporter_pause(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_PAUSED);
	CU_ASSERT_EQUAL(gw_exporter_save(p.x), 0);
	CU_ASSERT_EQUAL_FATAL(peer_wait(&p), GW_EXPORT_SAVED);
	fd = p.ev.saved.fd;
	CU_ASSERT_EQUAL(p.ev.saved.size, 5);
	CU_ASSERT_EQUAL(pread(fd, buf, 5, 0), 5);
	CU_ASSERT_EQUAL(gw_exporter_load(p.x, fd, 5), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_LOADED);
	CU_ASSERT_EQUAL(gw_exporter_load(p.x, fd, 6), 0); /* more than is there */
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_ERROR);
	CU_ASSERT_EQUAL(gw_exporter_load(p.x, fd, 4), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_ERROR);
	CU_ASSERT_STRING_EQUAL(p.ev.error.text, "not my state");
	close(fd);
	asked_ns = gw_now_ns();
	CU_ASSERT_EQUAL(gw_exporter_resume(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_RESUMED);
	CU_ASSERT(p.ev.resumed_at_ns >= asked_ns && p.ev.resumed_at_ns <= gw_now_ns());
	CU_ASSERT_EQUAL(gw_exporter_quit(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), -EPIPE);
	CU_ASSERT(becomes(&f.quit, 1));
	gw_exporter_free(&p.x);
	fake_close(&f);
}

static void test_throttle(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, true);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_throttle(p.x, 10), -EINVAL); /* not among its capabilities */
	gw_exporter_free(&p.x);
	fake_close(&f);

	fake_open_with(&f, &fake_lifecycle, fake_throttle);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_TRUE(gw_exporter_info(p.x)->caps & GW_EXPORT_CAP_THROTTLE);
	CU_ASSERT_EQUAL(gw_exporter_throttle(p.x, GW_EXPORT_THROTTLE_MAX), 0);
	CU_ASSERT_EQUAL(gw_exporter_throttle(p.x, 5), -EALREADY);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_THROTTLED);
	CU_ASSERT(becomes(&f.throttle, GW_EXPORT_THROTTLE_MAX));
	CU_ASSERT_EQUAL(gw_exporter_throttle(p.x, GW_EXPORT_THROTTLE_MAX + 1), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_ERROR);
	CU_ASSERT_EQUAL(p.ev.error.request, GW_EXPORT_THROTTLE);
	CU_ASSERT(becomes(&f.throttle, GW_EXPORT_THROTTLE_MAX));
	gw_exporter_free(&p.x); /* whoever asked for it is gone */
	CU_ASSERT(becomes(&f.throttle, 0));
	fake_close(&f);
}

/* A guest that runs does not wait, whatever its VMM says; one that is paused only if it says so. */
static void test_incoming(void)
{
	static const struct {
		bool paused, incoming;
		uint32_t caps;
	} cases[] = {
		{false, false, 0},
		{false, true, 0},
		{true, false, GW_EXPORT_CAP_PAUSED},
		{true, true, GW_EXPORT_CAP_PAUSED | GW_EXPORT_CAP_INCOMING},
	};
	struct gw_export_lifecycle_ops never = fake_lifecycle;
	static struct peer p;
	struct fake f;

	fake_open(&f, true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f.paused = cases[i].paused;
		f.incoming = cases[i].incoming;
		CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
		CU_ASSERT_EQUAL(gw_exporter_info(p.x)->caps &
					(GW_EXPORT_CAP_PAUSED | GW_EXPORT_CAP_INCOMING),
			cases[i].caps);
		gw_exporter_free(&p.x);
	}
	fake_close(&f);

	never.incoming = NULL;
	fake_open_with(&f, &never, NULL);
	f.paused = true;
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_info(p.x)->caps & GW_EXPORT_CAP_INCOMING, 0);
	gw_exporter_free(&p.x);
	fake_close(&f);
}

static void test_hang_up_resumes(void)
{
	static struct peer p;
	struct fake f;

	fake_open(&f, true);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_pause(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_PAUSED);
	gw_exporter_free(&p.x);
	CU_ASSERT(becomes(&f.resumed, 1));

	/* After SAVED it may run elsewhere: it stays paused until somebody says otherwise. */
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_pause(p.x), 0);
	CU_ASSERT_EQUAL(peer_wait(&p), GW_EXPORT_PAUSED);
	CU_ASSERT_EQUAL(gw_exporter_save(p.x), 0);
	CU_ASSERT_EQUAL_FATAL(peer_wait(&p), GW_EXPORT_SAVED);
	close(p.ev.saved.fd);
	gw_exporter_free(&p.x);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_NOT_EQUAL(gw_exporter_info(p.x)->caps & GW_EXPORT_CAP_PAUSED, 0);
	gw_exporter_free(&p.x);
	CU_ASSERT_EQUAL_FATAL(peer_open(&p, path), GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(f.resumed, 1);
	gw_exporter_free(&p.x);
	fake_close(&f);
}

#define OTHER_UID 4242u

static int hello_as(uid_t uid)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		static struct peer p;

		/* 100: served, 101: refused by name, else what went wrong. */
		if (setuid(uid) < 0)
			_exit(1);
		switch (peer_open(&p, path)) {
		case GW_EXPORT_HELLO:
			_exit(100);
		case GW_EXPORT_ERROR:
			_exit(p.ev.error.code == -EPERM ? 101 : 2);
		default:
			_exit(3);
		}
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_access(void)
{
	struct gw_export_config config = {.socket_path = path,
		.ring_entries = RING_ENTRIES,
		.describe = fake_describe,
		.socket_mode = 0666,
		.socket_group = "4343",
		.client_user = "4242"};
	struct gw_export_reason why = {""};
	struct gw_export_server *none = NULL;
	static struct peer p;
	struct fake f;
	struct stat st;

	fake_open(&f, false);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	fake_close(&f);
	config.client_user = "no-such-user";
	CU_ASSERT_EQUAL(gw_export_server_create(&config, &none, &why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why.text, "user 'no-such-user': this host has none such");
	config.client_user = "4242";
	config.socket_mode = 010666;
	CU_ASSERT_EQUAL(gw_export_server_create(&config, &none, &why), -EINVAL);
	if (geteuid() != 0)
		return; /* other users are needed for the rest */

	memset(&f, 0, sizeof(f));
	f.ram_fd = memfd_create("ram", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(f.ram_fd, RAM_PAGES * 4096ll), 0);
	config.ctx = &f;
	config.socket_mode = 0666;
	CU_ASSERT_EQUAL_FATAL(chmod(dir, 0755), 0);
	CU_ASSERT_EQUAL_FATAL(gw_export_server_create(&config, &f.server, &why), 0);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0666);
	CU_ASSERT_EQUAL(st.st_gid, 4343);
	CU_ASSERT_EQUAL(hello_as(OTHER_UID), 100);
	CU_ASSERT_EQUAL(hello_as(OTHER_UID + 1), 101);
	CU_ASSERT_EQUAL(peer_open(&p, path), GW_EXPORT_HELLO); /* root */
	gw_exporter_free(&p.x);
	fake_close(&f);
}

/* Another user's exporter is believed only where the user is on the list. */
static void test_trust(void)
{
	struct gw_trust trust = {1, {OTHER_UID + 1}};
	struct gw_exporter *x = NULL;
	int ready[2], fd;
	struct gw_err err;
	pid_t child;
	char c;

	if (geteuid() != 0)
		return;
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	CU_ASSERT_EQUAL_FATAL(chmod(dir, 0777), 0);
	child = fork();
	if (child == 0) {
		if (setuid(OTHER_UID) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			_exit(1);
		fd = bind_at(path, true);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		close(ready[1]);
		pause();
		_exit(fd < 0);
	}
	CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
	CU_ASSERT_EQUAL(gw_exporter_connect(path, PEER_VM, 0, &trust, &x, &err), -EPERM);
	CU_ASSERT_PTR_NULL(x);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "user 4242 serves it; allowed: root"));
	trust.uid[0] = OTHER_UID;
	CU_ASSERT_EQUAL(gw_exporter_connect(path, PEER_VM, 0, &trust, &x, &err), 0);
	gw_exporter_free(&x);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(path);
	close(ready[0]);
	close(ready[1]);
}

static int make_dir(void)
{
	strcpy(dir, "/tmp/godwit-test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/vm.export", dir);
	return 0;
}

static int remove_dir(void)
{
	return rmdir(dir) != 0;
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"SYNC larger than the ring", test_sync_larger_than_ring},
		{"last SYNC", test_last_sync},
		{"TOUCH", test_touch},
		{"client dies at a full ring", test_client_dies_at_full_ring},
		{"STOP at a full ring", test_stop_at_full_ring},
		{"shutdown at a full ring", test_shutdown_at_full_ring},
		{"broken ring ends the client", test_broken_ring_ends_client},
		{"second client waits", test_second_client_waits},
		{"refusals", test_refusals},
		{"stale socket", test_stale_socket_is_replaced},
		{"lifecycle", test_lifecycle},
		{"throttle", test_throttle},
		{"incoming", test_incoming},
		{"hang-up resumes", test_hang_up_resumes},
		{"work memory is held", test_work_memory_is_held},
		{"access", test_access},
		{"trust", test_trust},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"export", make_dir, remove_dir, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
