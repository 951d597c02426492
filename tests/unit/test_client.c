/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export/client.c, hello.c, answer.c: exporters that lie, rung by rung. */
#include "../../dataplane/export/client.c"

#include "../../dataplane/export/answer.c"
#include "../../dataplane/export/dial.c"
#include "../../dataplane/export/hello.c"
#include "../../dataplane/export/maker.c"
#include "../../dataplane/export/msg.c"
#include "../../dataplane/export/producer.c"
#include "../../dataplane/export/trust.c"
#include "run.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>

#define N_REGIONS 2u
#define REGION_BYTES (1ull << 20)

/* A HELLO that is right, and its descriptors; each test spoils one thing. */
struct liar {
	int listener, sock;
	struct gw_exporter *x;
	struct gw_ring_area rings;
	struct gw_export_hello hello;
	size_t len;
	int fds[GW_MSG_MAX_FDS];
	unsigned int n_fds;
	struct gw_exporter_event ev;
	struct gw_err err;
};

static const struct gw_trust nobody_else;
static char path[64];

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static int memfd_of(uint64_t bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void prepare(struct liar *l)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memset(l, 0, sizeof(*l));
	strcpy(addr.sun_path, path);
	unlink(path);
	l->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(l->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(l->listener, 1), 0);
	CU_ASSERT_EQUAL_FATAL(
		gw_exporter_connect(path, "liar", 4096, &nobody_else, &l->x, &l->err), 0);
	l->sock = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);

	CU_ASSERT_EQUAL_FATAL(gw_ring_area_create(2, 64, &l->rings), 0);
	l->len = sizeof(l->hello);
	l->hello = (struct gw_export_hello){
		.msg = {GW_EXPORT_HELLO, sizeof(l->hello)},
		.abi = GW_EXPORT_ABI,
		.caps = GW_EXPORT_CAP_TRACK | GW_EXPORT_CAP_LIFECYCLE,
		.vm_name = "liar",
		.n_regions = N_REGIONS,
		.n_rings = 2,
		.ring_entries = 64,
	};
	l->fds[l->n_fds++] = l->rings.fd;
	for (uint8_t i = 0; i < N_REGIONS; i++) {
		l->hello.region[i] = (struct gw_export_region){
			.size = REGION_BYTES, .page_size = 4096, .numa_node = -1, .id = i};
		snprintf(l->hello.region[i].name, sizeof(l->hello.region[i].name), "ram%u", i);
		l->fds[l->n_fds++] = memfd_of(REGION_BYTES);
	}
}

static int say(struct liar *l, const void *msg, size_t len, const int *fds, unsigned int n_fds)
{
	CU_ASSERT_EQUAL(gw_msg_send(l->sock, msg, len, fds, n_fds), 0);
	return gw_exporter_read(l->x, &l->ev, &l->err);
}

static int say_hello(struct liar *l)
{
	return say(l, &l->hello, l->len, l->fds, l->n_fds);
}

static void finish(struct liar *l)
{
	for (unsigned int i = 1; i < l->n_fds; i++)
		close(l->fds[i]);
	gw_ring_area_free(&l->rings);
	close(l->sock);
	close(l->listener);
	gw_exporter_free(&l->x);
}

typedef void spoil(struct liar *l);

static void no_terminator(struct liar *l)
{
	memset(l->hello.vm_name, 'x', sizeof(l->hello.vm_name));
}

static void control_characters(struct liar *l)
{
	strcpy(l->hello.vm_name, "a\n<3>b");
}

static void other_name(struct liar *l)
{
	strcpy(l->hello.vm_name, "liar2");
}

static void no_name(struct liar *l)
{
	l->hello.vm_name[0] = '\0';
}

static void error_no_terminator(struct liar *l)
{
	memset(l->hello.track_error, 'x', sizeof(l->hello.track_error));
}

static void region_no_terminator(struct liar *l)
{
	memset(l->hello.region[1].name, 'x', sizeof(l->hello.region[1].name));
}

static void short_packet(struct liar *l)
{
	l->len = l->hello.msg.length = sizeof(l->hello) - 8;
}

static void tiny_packet(struct liar *l)
{
	l->len = l->hello.msg.length = sizeof(l->hello.msg);
}

static void less_than_a_header(struct liar *l)
{
	l->len = 4;
}

static void wrong_length(struct liar *l)
{
	l->hello.msg.length--;
}

static void other_abi(struct liar *l)
{
	l->hello.abi++;
}

static void no_regions(struct liar *l)
{
	l->hello.n_regions = 0;
}

static void too_many_regions(struct liar *l)
{
	l->hello.n_regions = GW_EXPORT_MAX_REGIONS + 1;
}

static void missing_fd(struct liar *l)
{
	close(l->fds[--l->n_fds]);
}

static void extra_fd(struct liar *l)
{
	l->fds[l->n_fds++] = memfd_of(4096);
}

static void same_id(struct liar *l)
{
	l->hello.region[1].id = l->hello.region[0].id;
}

static void id_255(struct liar *l)
{
	l->hello.region[1].id = 255;
}

static void larger_than_file(struct liar *l)
{
	l->hello.region[1].size += 4096;
}

static void offset_beyond_file(struct liar *l)
{
	l->hello.region[1].file_offset = 4096;
}

static void offset_wraps(struct liar *l)
{
	l->hello.region[1].file_offset = UINT64_MAX - 4095;
}

static void odd_offset(struct liar *l)
{
	l->hello.region[1].file_offset = 1;
	l->hello.region[1].size = 4096;
}

static void odd_size(struct liar *l)
{
	l->hello.region[0].size = 4097;
}

static void empty_region(struct liar *l)
{
	l->hello.region[0].size = 0;
}

static void huge_region(struct liar *l)
{
	l->hello.region[0].size = 1ull << 53;
}

static void odd_page_size(struct liar *l)
{
	l->hello.region[0].page_size = 5000;
}

static void odd_node(struct liar *l)
{
	l->hello.region[0].numa_node = -2;
}

static void read_only_region(struct liar *l)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", l->fds[1]);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	close(l->fds[1]);
	l->fds[1] = fd;
}

static void socket_region(struct liar *l)
{
	close(l->fds[1]);
	l->fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void rings_without_tracking(struct liar *l)
{
	l->hello.caps = 0;
}

static void no_rings(struct liar *l)
{
	l->hello.n_rings = 0;
}

static void too_many_rings(struct liar *l)
{
	l->hello.n_rings = GW_EXPORT_MAX_RINGS + 1;
}

static void entries_not_power_of_two(struct liar *l)
{
	l->hello.ring_entries = 96;
}

static void too_many_entries(struct liar *l)
{
	l->hello.ring_entries = GW_EXPORT_RING_MAX_ENTRIES << 1;
}

static void larger_than_memory(struct liar *l)
{
	l->hello.ring_entries = 65536;
}

static void bad_magic(struct liar *l)
{
	((struct gw_export_ring_header *)l->rings.map)->magic++;
}

static void header_disagrees(struct liar *l)
{
	((struct gw_export_ring_header *)l->rings.map)->ring_entries = 128;
}

static void stride_too_small(struct liar *l)
{
	((struct gw_export_ring_header *)l->rings.map)->ring_stride = 0;
}

static void stride_too_large(struct liar *l)
{
	((struct gw_export_ring_header *)l->rings.map)->ring_stride = 1ull << 63;
}

static void odd_stride(struct liar *l)
{
	((struct gw_export_ring_header *)l->rings.map)->ring_stride = 4097;
}

/* The same bytes, but the exporter could cut them off later. */
static void unsealed_rings(struct liar *l)
{
	int fd = memfd_of(l->rings.size_bytes);

	CU_ASSERT_EQUAL(
		pwrite(fd, l->rings.map, l->rings.size_bytes, 0), (ssize_t)l->rings.size_bytes);
	l->fds[l->n_fds++] = l->fds[0]; /* closed at the end */
	l->rings.fd = -1;
	l->fds[0] = fd;
}

static const struct lie {
	spoil *how;
	const char *text; /* part of the reason that the client must give */
} lies[] = {
	{no_terminator, "VM name"},
	{control_characters, "VM name"},
	{other_name, "of VM 'liar2'; allowed: 'liar'"},
	{no_name, "of VM ''; allowed: 'liar'"},
	{error_no_terminator, "track_error"},
	{region_no_terminator, "region 1: its name"},
	{short_packet, "expected"},
	{tiny_packet, "HELLO of 8 bytes"},
	{less_than_a_header, "a packet of 4 bytes"},
	{wrong_length, "says it has"},
	{other_abi, "speaks ABI 2"},
	{no_regions, "0 regions"},
	{too_many_regions, "17 regions"},
	{missing_fd, "2 descriptors"},
	{extra_fd, "4 descriptors"},
	{same_id, "the same id"},
	{id_255, "reserved"},
	{larger_than_file, "do not fit"},
	{offset_beyond_file, "do not fit"},
	{offset_wraps, "do not fit"},
	{odd_offset, "file offset"},
	{odd_size, "size"},
	{empty_region, "size"},
	{huge_region, "size"},
	{odd_page_size, "page size"},
	{odd_node, "NUMA node"},
	{read_only_region, "reading and writing"},
	{socket_region, "not a file"},
	{rings_without_tracking, "no tracking"},
	{no_rings, "0 rings"},
	{too_many_rings, "17 rings"},
	{entries_not_power_of_two, "96 ring entries"},
	{too_many_entries, "2097152 ring entries"},
	{larger_than_memory, "ring memory"},
	{bad_magic, "magic"},
	{header_disagrees, "HELLO said"},
	{stride_too_small, "stride"},
	{stride_too_large, "too few"},
	{odd_stride, "stride"},
};

static void test_truth(void)
{
	struct liar l;
	int before = open_fds();

	prepare(&l);
	CU_ASSERT_EQUAL(say_hello(&l), 1);
	CU_ASSERT_EQUAL(l.ev.type, GW_EXPORT_HELLO);
	CU_ASSERT_EQUAL(gw_exporter_info(l.x)->n_regions, N_REGIONS);
	CU_ASSERT_STRING_EQUAL(gw_exporter_info(l.x)->region[1].name, "ram1");
	CU_ASSERT_EQUAL(gw_exporter_info(l.x)->ring[1].mask, 63);
	CU_ASSERT_EQUAL(say_hello(&l), -EPROTO); /* but only once */
	finish(&l);
	CU_ASSERT_EQUAL(open_fds(), before);
}

static void test_lies_in_hello(void)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		int before = open_fds(), ret;
		struct liar l;

		prepare(&l);
		lies[i].how(&l);
		ret = say_hello(&l);
		if (ret != -EPROTO || strstr(l.err.text, lies[i].text) == NULL)
			printf("lie %zu (%s): %d '%s'\n", i, lies[i].text, ret, l.err.text);
		CU_ASSERT_EQUAL(ret, -EPROTO);
		CU_ASSERT_PTR_NOT_NULL(strstr(l.err.text, lies[i].text));
		finish(&l);
		CU_ASSERT_EQUAL(open_fds(), before);
	}
}

/* Another's socket under a name of one's own. */
static void test_no_socket(void)
{
	char name[80];
	int before, fd;
	struct liar l;

	snprintf(name, sizeof(name), "%s.link", path);
	unlink(name);
	prepare(&l);
	gw_exporter_free(&l.x);
	before = open_fds();
	CU_ASSERT_EQUAL_FATAL(symlink(path, name), 0);
	CU_ASSERT_EQUAL(
		gw_exporter_connect(name, "liar", 0, &nobody_else, &l.x, &l.err), -ENOTSOCK);
	CU_ASSERT_PTR_NULL(l.x);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.err.text, ".link is a symbolic link; allowed: a socket"));
	unlink(name);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	CU_ASSERT_EQUAL(
		gw_exporter_connect(name, "liar", 0, &nobody_else, &l.x, &l.err), -ENOTSOCK);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.err.text, ".link is no socket; allowed: a socket"));
	unlink(name);
	CU_ASSERT_EQUAL(gw_exporter_connect(name, "liar", 0, &nobody_else, &l.x, &l.err), -ENOENT);
	CU_ASSERT_EQUAL(open_fds(), before);
	finish(&l);
}

static void test_unsealed_rings(void)
{
	struct liar l;
	int fd;

	prepare(&l);
	unsealed_rings(&l);
	fd = l.fds[--l.n_fds];
	CU_ASSERT_EQUAL(say_hello(&l), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.err.text, "sealed"));
	close(l.fds[0]);
	close(fd);
	finish(&l);
}

static void greet(struct liar *l)
{
	prepare(l);
	CU_ASSERT_EQUAL_FATAL(say_hello(l), 1);
}

static void test_too_much(void)
{
	static const char large[sizeof(struct gw_export_hello) + 1];
	int fds[GW_MSG_MAX_FDS + 1];
	struct liar l;
	int before = open_fds();
	char control[CMSG_SPACE(sizeof(fds))] = {0};
	struct iovec iov = {(void *)large, 8};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	greet(&l);
	CU_ASSERT_EQUAL(say(&l, large, sizeof(large), l.fds, 2), -EPROTO);
	finish(&l);

	greet(&l);
	for (unsigned int i = 0; i <= GW_MSG_MAX_FDS; i++)
		fds[i] = l.fds[1];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	CU_ASSERT_EQUAL(sendmsg(l.sock, &m, 0), 8);
	CU_ASSERT_EQUAL(gw_exporter_read(l.x, &l.ev, &l.err), -EPROTO);
	finish(&l);
	CU_ASSERT_EQUAL(open_fds(), before);
}

static int answer(struct liar *l, enum gw_export_type type, size_t len)
{
	union gw_packet p;

	memset(&p, 0, sizeof(p));
	p.msg = (struct gw_export_msg){type, (uint32_t)len};
	return say(l, &p, len, NULL, 0);
}

static void test_unasked(void)
{
	const enum gw_export_type types[] = {GW_EXPORT_STARTED, GW_EXPORT_STOPPED, GW_EXPORT_SYNCED,
		GW_EXPORT_PAUSED, GW_EXPORT_RESUMED, GW_EXPORT_LOADED, GW_EXPORT_START, 0, 99,
		UINT32_MAX};
	struct liar l;

	prepare(&l);
	CU_ASSERT_EQUAL(answer(&l, GW_EXPORT_STARTED, sizeof(struct gw_export_msg)), -EPROTO);
	finish(&l);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t len = types[i] == GW_EXPORT_SYNCED ? sizeof(struct gw_export_synced)
							  : sizeof(struct gw_export_msg);

		greet(&l);
		CU_ASSERT_EQUAL(answer(&l, types[i], len), -EPROTO);
		finish(&l);
	}
	greet(&l);
	CU_ASSERT_EQUAL(gw_exporter_start(l.x), 0);
	CU_ASSERT_EQUAL(answer(&l, GW_EXPORT_STARTED, 16), -EPROTO);
	finish(&l);
}

static int synced(struct liar *l, uint64_t epoch, uint64_t head)
{
	struct gw_export_synced s = {{GW_EXPORT_SYNCED, sizeof(s)}, epoch, 0, {0, head}};

	CU_ASSERT_EQUAL(gw_exporter_sync(l->x, 5, false), 0);
	return say(l, &s, sizeof(s), NULL, 0);
}

static void test_synced(void)
{
	struct gw_ring_writer w;
	struct liar l;

	greet(&l);
	w = gw_ring_area_writer(&l.rings, 1);
	for (int i = 0; i < 10; i++)
		gw_ring_push(&w, 0);
	CU_ASSERT_EQUAL(synced(&l, 5, 9), 1); /* the ring may be ahead */
	CU_ASSERT_EQUAL(synced(&l, 5, 9), 1);
	CU_ASSERT_EQUAL(synced(&l, 5, 8), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.err.text, "went back"));
	finish(&l);

	greet(&l);
	CU_ASSERT_EQUAL(synced(&l, 5, 1), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.err.text, "ring 1 has 0 entries"));
	finish(&l);

	greet(&l);
	CU_ASSERT_EQUAL(synced(&l, 6, 0), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.err.text, "epoch 6"));
	finish(&l);
}

static int saved(struct liar *l, uint64_t size, uint64_t file_size, unsigned int n_fds)
{
	struct gw_export_state s = {{GW_EXPORT_SAVED, sizeof(s)}, size};
	int fds[2] = {memfd_of(file_size), memfd_of(file_size)}, ret;

	greet(l);
	CU_ASSERT_EQUAL(gw_exporter_save(l->x), 0);
	ret = say(l, &s, sizeof(s), fds, n_fds);
	if (ret == 1)
		close(l->ev.saved.fd);
	close(fds[0]);
	close(fds[1]);
	finish(l);
	return ret;
}

static void test_saved(void)
{
	int before = open_fds();
	struct liar l;

	CU_ASSERT_EQUAL(saved(&l, 4096, 4096, 1), 1);
	CU_ASSERT_EQUAL(saved(&l, 4097, 8192, 1), -EPROTO); /* over the limit */
	CU_ASSERT_EQUAL(saved(&l, 4096, 4095, 1), -EPROTO);
	CU_ASSERT_EQUAL(saved(&l, 4096, 4096, 0), -EPROTO);
	CU_ASSERT_EQUAL(saved(&l, 4096, 4096, 2), -EPROTO);
	CU_ASSERT_EQUAL(open_fds(), before);
}

/* caps: beside the usual ones. */
static int resumed(struct liar *l, uint32_t caps, size_t len)
{
	struct gw_export_resumed s = {{GW_EXPORT_RESUMED, (uint32_t)len}, 77};
	struct gw_export_resume asked = {.flags = 0};
	size_t wanted = caps != 0 ? sizeof(asked) : sizeof(asked.msg);
	int ret;

	prepare(l);
	l->hello.caps |= caps;
	CU_ASSERT_EQUAL(say_hello(l), 1);
	CU_ASSERT_EQUAL(gw_exporter_resume(l->x), 0);
	CU_ASSERT_EQUAL(recv(l->sock, &asked, sizeof(asked), 0), (ssize_t)wanted);
	CU_ASSERT_EQUAL(asked.flags, caps != 0 ? GW_EXPORT_RESUME_AT : 0);
	ret = say(l, &s, len, NULL, 0);
	finish(l);
	return ret;
}

static void test_resumed(void)
{
	struct liar l;

	CU_ASSERT_EQUAL(resumed(&l, 0, sizeof(struct gw_export_msg)), 1);
	CU_ASSERT_EQUAL(l.ev.resumed_at_ns, 0);
	CU_ASSERT_EQUAL(resumed(&l, 0, sizeof(struct gw_export_resumed)), -EPROTO);
	CU_ASSERT_EQUAL(
		resumed(&l, GW_EXPORT_CAP_RESUME_FLAGS, sizeof(struct gw_export_resumed)), 1);
	CU_ASSERT_EQUAL(l.ev.resumed_at_ns, 77);
	CU_ASSERT_EQUAL(
		resumed(&l, GW_EXPORT_CAP_RESUME_FLAGS, sizeof(struct gw_export_msg)), -EPROTO);
}

static int error(struct liar *l, uint32_t request, int code, char last)
{
	struct gw_export_error e = {{GW_EXPORT_ERROR, sizeof(e)}, request, code, "why"};
	int ret;

	e.text[sizeof(e.text) - 1] = last;
	if (last != '\0')
		memset(e.text, last, sizeof(e.text));
	greet(l);
	CU_ASSERT_EQUAL(gw_exporter_start(l->x), 0);
	ret = say(l, &e, sizeof(e), NULL, 0);
	finish(l);
	return ret;
}

static void test_error(void)
{
	struct liar l;

	CU_ASSERT_EQUAL(error(&l, GW_EXPORT_START, -EIO, '\0'), 1);
	CU_ASSERT_EQUAL(error(&l, GW_EXPORT_SYNC, -EIO, '\0'), -EPROTO);
	CU_ASSERT_EQUAL(error(&l, GW_EXPORT_HELLO, -EIO, '\0'), -EPROTO);
	CU_ASSERT_EQUAL(error(&l, 1000, -EIO, '\0'), -EPROTO);
	CU_ASSERT_EQUAL(error(&l, GW_EXPORT_START, 0, '\0'), -EPROTO);
	CU_ASSERT_EQUAL(error(&l, GW_EXPORT_START, 1, '\0'), -EPROTO);
	CU_ASSERT_EQUAL(error(&l, GW_EXPORT_START, -5000, '\0'), -EPROTO);
	CU_ASSERT_EQUAL(error(&l, GW_EXPORT_START, -EIO, 'x'), -EPROTO);
}

static void test_hang_up(void)
{
	struct liar l;

	greet(&l);
	CU_ASSERT_EQUAL(gw_exporter_read(l.x, &l.ev, &l.err), 0);
	shutdown(l.sock, SHUT_RDWR);
	CU_ASSERT_EQUAL(gw_exporter_read(l.x, &l.ev, &l.err), -EPIPE);
	CU_ASSERT_EQUAL(gw_exporter_start(l.x), -EPIPE);
	finish(&l);
}

/* An exporter that reads nothing must not block the client. */
static void test_stalled(void)
{
	struct liar l;
	int ret = 0;

	greet(&l);
	for (int i = 0; i < 100000 && ret == 0; i++) {
		l.x->outstanding = 0;
		ret = gw_exporter_sync(l.x, 1, false);
	}
	CU_ASSERT_EQUAL(ret, -EAGAIN);
	finish(&l);
}

/* What is lent is lent once, and the HELLO that asked for it leaves nothing behind. */
static void test_lending(void)
{
	struct gw_export_msg m;
	int before, fds[GW_MSG_MAX_FDS];
	unsigned int n_fds;
	struct liar l;
	size_t len;

	if (geteuid() != 0 || access("/dev/userfaultfd", F_OK) != 0)
		return;
	prepare(&l);
	before = open_fds();
	l.hello.caps |= GW_EXPORT_CAP_WANTS_UFFD;
	CU_ASSERT_EQUAL(say_hello(&l), 0);
	CU_ASSERT_EQUAL(open_fds(), before);
	CU_ASSERT_EQUAL(gw_msg_recv(l.sock, &m, sizeof(m), &len, fds, &n_fds), 1);
	CU_ASSERT_EQUAL(m.type, GW_EXPORT_UFFD);
	CU_ASSERT_EQUAL_FATAL(n_fds, 1);
	close(fds[0]);
	CU_ASSERT_EQUAL(gw_exporter_start(l.x), -EINVAL); /* no HELLO yet */
	CU_ASSERT_EQUAL(say_hello(&l), 1);
	CU_ASSERT_TRUE(gw_exporter_info(l.x)->uffd_lent);
	CU_ASSERT_EQUAL(gw_msg_recv(l.sock, &m, sizeof(m), &len, fds, &n_fds), 0);
	CU_ASSERT_EQUAL(say_hello(&l), -EPROTO); /* a third */
	finish(&l);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a HELLO to believe", test_truth},
		{"lies in HELLO", test_lies_in_hello},
		{"a link, a file, nothing", test_no_socket},
		{"rings that could shrink", test_unsealed_rings},
		{"too many bytes or descriptors", test_too_much},
		{"answers nobody asked for", test_unasked},
		{"SYNCED", test_synced},
		{"RESUMED", test_resumed},
		{"SAVED", test_saved},
		{"ERROR", test_error},
		{"hang-up", test_hang_up},
		{"stalled exporter", test_stalled},
		{"lending", test_lending},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"client", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed;

	snprintf(path, sizeof(path), "/tmp/godwit-test-%d.client", getpid());
	failed = run_suites(suites);
	unlink(path);
	return failed;
}
