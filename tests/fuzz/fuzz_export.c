/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export's client: any packets, descriptors and shared memory from an exporter. The input
 * is a row of steps: an operation byte, two argument bytes, and for raw packets their bytes. */
#include "../../dataplane/export/client.c"

#include "../../dataplane/export/answer.c"
#include "../../dataplane/export/dial.c"
#include "../../dataplane/export/hello.c"
#include "../../dataplane/export/maker.c"
#include "../../dataplane/export/msg.c"
#include "../../dataplane/export/producer.c"
#include "../../dataplane/export/trust.c"

#define RAM_BYTES (1u << 20)
#define STATE_LIMIT 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	const uint8_t *data;
	size_t left;
	int sock; /* the exporter's end */
	struct gw_exporter *x;
	struct gw_ring_area rings;
	int ram_fd;
	bool over;
};

static uint8_t take(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->data++;
}

static void read_all(struct fuzz *f)
{
	struct gw_exporter_event ev;
	struct gw_err err;
	int ret = 0;

	while (!f->over && (ret = gw_exporter_read(f->x, &ev, &err)) == 1) {
		if (ev.type == GW_EXPORT_SAVED && (ev.saved.size > STATE_LIMIT || ev.saved.fd < 0))
			abort();
		if (ev.type == GW_EXPORT_SAVED)
			close(ev.saved.fd);
	}
	if (ret < 0)
		f->over = true;
}

static void send_as_is(struct fuzz *f, const void *packet, size_t len, unsigned int n_fds)
{
	int fds[GW_MSG_MAX_FDS];

	for (unsigned int i = 0; i < GW_MSG_MAX_FDS; i++)
		fds[i] = i == 0 ? f->rings.fd : f->ram_fd;
	gw_msg_send(f->sock, packet, len, fds, n_fds % (GW_MSG_MAX_FDS + 1));
	read_all(f);
}

/* A HELLO that is right but for a few bytes. */
static void send_hello(struct fuzz *f, uint8_t spoilt)
{
	struct gw_export_hello h = {
		.msg = {GW_EXPORT_HELLO, sizeof(h)},
		.abi = GW_EXPORT_ABI,
		.caps = GW_EXPORT_CAP_TRACK | GW_EXPORT_CAP_LIFECYCLE |
			(spoilt % 8 < 4 ? 0 : GW_EXPORT_CAP_RESUME_FLAGS),
		.n_regions = 1,
		.n_rings = 1,
		.ring_entries = GW_EXPORT_RING_MIN_ENTRIES,
		.region[0] = {.size = RAM_BYTES, .page_size = 4096},
	};

	for (uint8_t i = 0; i < spoilt % 4; i++) {
		size_t at = (take(f) | (size_t)take(f) << 8) % sizeof(h);

		((uint8_t *)&h)[at] = take(f);
	}
	send_as_is(f, &h, sizeof(h), 1 + h.n_regions);
}

/* An answer of the right size for its type, with the fuzzer's content. */
static void send_answer(struct fuzz *f, uint8_t which, uint8_t n_fds)
{
	const struct answer *a = &answers[which % (sizeof(answers) / sizeof(answers[0]))];
	size_t length = a->type == GW_EXPORT_RESUMED && f->x->resume_at
				? sizeof(struct gw_export_resumed)
				: a->length;
	union gw_packet p;

	memset(&p, 0, sizeof(p));
	for (size_t i = sizeof(p.msg); i < length && i < sizeof(p.msg) + 32; i++)
		((uint8_t *)&p)[i] = take(f);
	p.msg = (struct gw_export_msg){a->type, (uint32_t)length};
	send_as_is(f, &p, length, n_fds);
}

static void request_all(struct fuzz *f, uint8_t epoch)
{
	gw_exporter_start(f->x);
	gw_exporter_sync(f->x, epoch, epoch % 2 != 0);
	gw_exporter_stop(f->x);
	gw_exporter_pause(f->x);
	gw_exporter_resume(f->x);
	gw_exporter_save(f->x);
	gw_exporter_load(f->x, f->ram_fd, epoch);
}

/* What the client drains, from memory that changes as it likes. */
static void pop_all(struct fuzz *f)
{
	uint64_t out[16];
	struct gw_ring_reader r;

	if (!f->x->hello_seen || f->x->info.n_rings == 0)
		return;
	r = f->x->info.ring[0];
	for (int i = 0; i < 16 && gw_ring_pop(&r, out, 16) > 0; i++)
		;
}

static void step(struct fuzz *f)
{
	uint8_t op = take(f), a = take(f), b = take(f);

	switch (op % 6) {
	case 0:
		send_hello(f, a);
		break;
	case 1:
		send_answer(f, a, b);
		break;
	case 2:
		request_all(f, a);
		break;
	case 3: /* shared memory, header and cursors */
		((uint8_t *)f->rings.map)[(a | (size_t)b << 8) % f->rings.size_bytes] = take(f);
		pop_all(f);
		break;
	case 4: {
		size_t n = a < f->left ? a : f->left;

		send_as_is(f, f->data, n, b);
		f->data += n;
		f->left -= n;
		break;
	}
	default:
		shutdown(f->sock, SHUT_WR);
		read_all(f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {.data = data, .left = size};
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) != 0 ||
		gw_ring_area_create(1, GW_EXPORT_RING_MIN_ENTRIES, &f.rings) != 0)
		abort();
	f.sock = sv[1];
	f.x = calloc(1, sizeof(*f.x));
	f.x->sock = sv[0];
	f.x->info.pidfd = -1;
	f.x->state_limit_bytes = STATE_LIMIT;
	f.ram_fd = memfd_create("ram", MFD_CLOEXEC);
	if (ftruncate(f.ram_fd, RAM_BYTES) != 0)
		abort();
	while (f.left > 0 && !f.over)
		step(&f);
	gw_exporter_free(&f.x);
	gw_ring_area_free(&f.rings);
	close(f.ram_fd);
	close(f.sock);
	return 0;
}
