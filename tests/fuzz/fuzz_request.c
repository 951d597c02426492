/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export's server: any packets and descriptors from a client, and rings whose consumer
 * does as it likes. The input is a row of steps as fuzz_export.c has them. */
#include "../../dataplane/export/connection.c"

#include "../../dataplane/export/msg.c"
#include "../../dataplane/export/producer.c"
#include "../../dataplane/export/request.c"

#include <fcntl.h>
#include <sys/mman.h>

#define RAM_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	const uint8_t *data;
	size_t left;
	int client; /* its end of the socket */
	int ram_fd;
	bool tracking, paused;
	struct gw_connection c;
	struct gw_export_sink *sink;
};

static uint8_t take(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->data++;
}

static int source_start(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct fuzz *f = ctx;

	(void)why;
	if (f->tracking)
		abort();
	f->tracking = true;
	f->sink = sink;
	return 0;
}

/* A full ring would wait for its client, which is who calls. */
static int source_harvest(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why)
{
	struct fuzz *f = ctx;

	(void)why;
	if (!f->tracking)
		abort();
	f->c.sink.ring[0].ring->tail = f->c.sink.ring[0].ring->head;
	return gw_export_push(sink, 0, 0, take(f), 1);
}

static void source_stop(void *ctx)
{
	((struct fuzz *)ctx)->tracking = false;
}

static const struct gw_export_source_ops source = {
	source_start, source_harvest, source_stop, source_harvest};

static int describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	struct fuzz *f = ctx;

	(void)why;
	d->n_regions = 1;
	d->region[0] = (struct gw_export_region){.size = RAM_BYTES, .page_size = 4096};
	d->region_fd[0] = fcntl(f->ram_fd, F_DUPFD_CLOEXEC, 0);
	d->region_addr[0] = f; /* whatever is there: it is only looked at */
	d->n_rings = 1;
	d->source = &source;
	d->source_ctx = f;
	return 0;
}

static int pause_guest(void *ctx, struct gw_export_reason *why)
{
	(void)why;
	((struct fuzz *)ctx)->paused = true;
	return 0;
}

static int resume_guest(void *ctx, struct gw_export_reason *why)
{
	(void)why;
	((struct fuzz *)ctx)->paused = false;
	return 0;
}

static bool guest_paused(void *ctx)
{
	return ((struct fuzz *)ctx)->paused;
}

static int save_guest(void *ctx, int *fd, uint64_t *size_bytes, struct gw_export_reason *why)
{
	(void)why;
	if (!guest_paused(ctx))
		abort();
	*fd = fcntl(((struct fuzz *)ctx)->ram_fd, F_DUPFD_CLOEXEC, 0);
	*size_bytes = 1;
	return 0;
}

static int load_guest(void *ctx, int fd, uint64_t size_bytes, struct gw_export_reason *why)
{
	struct stat st;

	(void)why;
	if (!guest_paused(ctx) || fstat(fd, &st) != 0 || (uint64_t)st.st_size < size_bytes)
		abort();
	return 0;
}

static void quit_guest(void *ctx)
{
	(void)ctx;
}

static const struct gw_export_lifecycle_ops lifecycle = {
	pause_guest, resume_guest, guest_paused, save_guest, load_guest, quit_guest, guest_paused};

/* Answers are thrown away, so that the server never waits for its client. */
static void drain(struct fuzz *f)
{
	union {
		struct gw_export_hello hello;
		char bytes[4096];
	} packet;
	int fds[GW_MSG_MAX_FDS];
	unsigned int n_fds;
	size_t len;

	while (gw_msg_recv(f->client, &packet, sizeof(packet), &len, fds, &n_fds) == 1)
		while (n_fds > 0)
			close(fds[--n_fds]);
}

static void step(struct fuzz *f)
{
	uint8_t op = take(f), a = take(f), b = take(f), type = a % 23;
	union {
		struct gw_export_msg msg;
		uint8_t bytes[64];
	} packet = {.bytes = {0}};
	size_t len = sizeof(struct gw_export_msg);
	int fds[2] = {f->ram_fd, f->client};

	switch (op % 3) {
	case 0: /* right but for its content */
		if (type == GW_EXPORT_SYNC)
			len += b % 2 ? 16 : 8;
		else if (type == GW_EXPORT_LOAD)
			len += 8;
		for (size_t i = sizeof(packet.msg); i < len; i++)
			packet.bytes[i] = take(f);
		packet.msg = (struct gw_export_msg){type, (uint32_t)len};
		gw_msg_send(f->client, &packet, len, fds,
			type == GW_EXPORT_LOAD || type == GW_EXPORT_UFFD ? 1 : b % 3);
		break;
	case 1:
		len = a % sizeof(packet);
		for (size_t i = 0; i < len; i++)
			packet.bytes[i] = take(f);
		gw_msg_send(f->client, &packet, len, fds, b % 3);
		break;
	default: /* the consumer's cursor */
		if (f->c.rings.map != NULL)
			f->c.sink.ring[0].ring->tail = f->c.sink.ring[0].ring->head - a % 32;
		return;
	}
	serve_one(&f->c);
	drain(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *f = calloc(1, sizeof(*f));
	struct gw_export_config config = {.socket_path = "/nowhere",
		.ring_entries = GW_EXPORT_RING_MIN_ENTRIES,
		.describe = describe,
		.lifecycle = &lifecycle,
		.ctx = f};
	int sv[2];

	if (f == NULL ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) != 0)
		abort();
	f->data = data;
	f->left = size;
	f->client = sv[1];
	f->c = (struct gw_connection){.sock = sv[0], .wake_fd = -1, .config = &config};
	f->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	if (ftruncate(f->ram_fd, RAM_BYTES) != 0 || gw_connection_greet(&f->c) != 0)
		abort();
	drain(f);
	while (f->left > 0 && !f->c.over)
		step(f);
	wind_up(&f->c);
	if (f->tracking)
		abort();
	close(f->ram_fd);
	close(sv[0]);
	close(sv[1]);
	free(f);
	return 0;
}
