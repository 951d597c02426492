/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU: device state out of one process and into another. It goes through one end of a socket pair
 * or of a pipe that QEMU is handed over QMP (getfd): no path is left behind, and an unprivileged
 * QEMU can use it.
 *
 * Into QEMU it is a pipe, which takes the pages themselves: a socket copies them into fresh ones,
 * at some 15 us each where a page's first access is slow, and the guest stands meanwhile.
 *
 * Out of QEMU it starts while the guest still runs: QEMU's migration logs dirty pages and sends its
 * own ROMs before it stops the guest (that takes milliseconds, for a large guest many) and saves
 * the devices. So PAUSE starts what SAVE ends.
 */
#include "qemu.h"

#include "../../dataplane/base/secret.h"

#include "describe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FD_NAME "godwit-state"
#define SOCKET_BUFFER_BYTES (4 << 20)
#define PIPE_BYTES (1 << 20) /* what anyone may have (/proc/sys/fs/pipe-max-size) */
#define FIRST_CAPACITY (1u << 20)
#define BYTES_PER_TURN (8u << 20) /* other sessions want the control core too */

struct gw_qemu_stream {
	struct gw_hv *hv;
	struct gw_watch *watch;
	int fd;        /* ours; -1: all is read, or written */
	uint8_t *buf;  /* SAVE: what was read */
	uint64_t size; /* SAVE: read; LOAD: written */
	uint64_t capacity;
	bool save;      /* or load */
	bool completed; /* QEMU says so */
	int failed;     /* between PAUSE and SAVE: for SAVE to tell */
};

void gw_qemu_state_drop(struct gw_hv *hv)
{
	struct gw_qemu_stream *s = hv->qemu->stream;

	if (s == NULL)
		return;
	hv->qemu->stream = NULL;
	gw_watch_free(&s->watch);
	if (s->fd >= 0)
		close(s->fd);
	gw_secret_free(s->buf);
	free(s);
}

static void stream_end(struct gw_qemu_stream *s)
{
	gw_watch_free(&s->watch);
	close(s->fd);
	s->fd = -1;
}

/* ---- out of QEMU ---- */

static void save_fail(struct gw_qemu_stream *s, int result, const char *text)
{
	if (s->hv->op != NULL)
		gw_hv_fail(s->hv, result, "%s", text);
	else
		s->failed = result;
}

/* All bytes are here, and QEMU has put its disks aside. */
static void save_finish_if_done(struct gw_hv *hv)
{
	struct gw_qemu_stream *s = hv->qemu->stream;

	if (!s->completed || s->fd >= 0 || hv->op == NULL || hv->op->kind != GW_HV_OP_SAVE)
		return;
	hv->op->saved = s->buf;
	hv->op->size = s->size;
	s->buf = NULL;
	gw_hv_finish(hv, 0, NULL);
}

static int save_room(struct gw_qemu_stream *s)
{
	uint64_t limit = s->hv->state_limit_bytes;
	uint64_t capacity = s->capacity == 0 ? FIRST_CAPACITY : 2 * s->capacity;
	uint8_t *buf;

	if (s->size < s->capacity)
		return 0;
	/* One byte more than allowed, so that a state of exactly the limit can be told from more.
	 */
	if (capacity > limit + 1)
		capacity = limit + 1;
	if (s->size == capacity)
		return -EFBIG;
	buf = gw_secret_grow(s->buf, capacity);
	if (buf == NULL)
		return -ENOMEM;
	s->buf = buf;
	s->capacity = capacity;
	return 0;
}

static void save_io(void *ctx, uint32_t events)
{
	struct gw_qemu_stream *s = ctx;
	struct gw_hv *hv = s->hv;
	uint64_t stop_at = s->size + BYTES_PER_TURN;

	(void)events;
	while (s->size < stop_at) {
		ssize_t n;

		if (save_room(s) != 0 || s->size > hv->state_limit_bytes) {
			stream_end(s);
			save_fail(s, -EFBIG, "the device state is larger than the limit");
			return;
		}
		n = read(s->fd, s->buf + s->size, s->capacity - s->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			stream_end(s);
			save_finish_if_done(hv);
			return;
		}
		s->size += (uint64_t)n;
	}
}

/* ---- into QEMU ---- */

static void load_io(void *ctx, uint32_t events)
{
	struct gw_qemu_stream *s = ctx;
	struct gw_hv *hv = s->hv;
	uint64_t stop_at = s->size + BYTES_PER_TURN;

	(void)events;
	while (s->size < hv->op->size && s->size < stop_at) {
		struct iovec rest = {
			(void *)(uintptr_t)(hv->op->load + s->size), hv->op->size - s->size};
		ssize_t n = vmsplice(s->fd, &rest, 1, SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			/* QEMU closed it: the MIGRATION event, or its end, says why. */
			stream_end(s);
			return;
		}
		s->size += (uint64_t)n;
	}
	if (s->size == hv->op->size)
		stream_end(s);
}

/* QEMU settles its run state before it says "completed". */
static void load_finish(struct gw_hv *hv)
{
	if (hv->run == GW_HV_RUNNING) {
		gw_hv_fail(hv, -EIO,
			"the guest is not paused after loading; was QEMU started without -S?");
		return;
	}
	hv->run = GW_HV_PAUSED;
	hv->qemu->loaded = true;
	gw_hv_finish(hv, 0, NULL);
}

/* ---- both ---- */

static void on_why_failed(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	const char *why = json_string_value(json_object_get(ret, "error-desc"));
	struct gw_hv *hv = arg;

	(void)result;
	(void)err;
	gw_hv_fail(hv, -EREMOTEIO, "QEMU failed to %s the device state: %s",
		hv->role == GW_HV_DESTINATION ? "load" : "save",
		why != NULL ? why : "it does not say why");
}

void gw_qemu_state_event(struct gw_hv *hv, const char *migration_status)
{
	struct gw_qemu_stream *s = hv->qemu->stream;

	if (s == NULL)
		return;
	if (strcmp(migration_status, "failed") == 0 || strcmp(migration_status, "cancelled") == 0) {
		if (hv->op == NULL) {
			s->failed = -EREMOTEIO;
			return;
		}
		gw_qmp_forget(hv->qemu->qmp);
		gw_qemu_state_drop(hv);
		gw_qemu_ask(hv, "query-migrate", NULL, -1, on_why_failed);
	} else if (strcmp(migration_status, "completed") == 0 && !s->completed) {
		s->completed = true;
		if (s->save) {
			save_finish_if_done(hv);
		} else {
			load_finish(hv);
		}
	}
}

void gw_qemu_state_keep(struct gw_hv *hv)
{
	hv->qemu->keep_stream = true;
	gw_hv_finish(hv, 0, NULL);
	hv->qemu->keep_stream = false;
}

static void on_descriptor(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	(void)ret;
	gw_qemu_failed(arg, result, err);
}

static void on_started(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_hv *hv = arg;

	(void)ret;
	if (!gw_qemu_failed(hv, result, err) && hv->op->kind == GW_HV_OP_LOAD_OPEN)
		gw_qemu_state_keep(hv);
}

static bool stream_watch(struct gw_qemu_stream *s)
{
	s->watch = gw_watch_add(
		s->hv->loop, s->fd, s->save ? EPOLLIN : EPOLLOUT, s->save ? save_io : load_io, s);
	if (s->watch == NULL)
		gw_hv_fail(s->hv, -ENOMEM, "no memory");
	return s->watch != NULL;
}

/* fd[0] ours, fd[1] QEMU's. */
static int open_out(int fd[2])
{
	int bytes = SOCKET_BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
		return -errno;
	/* Larger buffers only save turns of the loop. */
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

static int open_in(int fd[2])
{
	int pipe[2];

	if (pipe2(pipe, O_CLOEXEC) != 0)
		return -errno;
	fd[0] = pipe[1];
	fd[1] = pipe[0];
	fcntl(fd[0], F_SETPIPE_SZ, PIPE_BYTES); /* this too only saves turns */
	return 0;
}

static void stream_start(struct gw_hv *hv, bool save)
{
	struct gw_qemu_stream *s = calloc(1, sizeof(*s));
	int pair[2];
	int rc = s == NULL ? -ENOMEM : save ? open_out(pair) : open_in(pair);

	if (rc != 0) {
		gw_hv_fail(hv, rc, "no descriptor for the device state: %s", strerror(-rc));
		free(s);
		return;
	}
	s->hv = hv;
	s->save = save;
	s->fd = pair[0];
	if (save && hv->qemu->state_room != NULL) {
		s->buf = hv->qemu->state_room;
		s->capacity = FIRST_CAPACITY;
		hv->qemu->state_room = NULL;
	}
	hv->qemu->stream = s;
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	if (save && !stream_watch(s)) {
		close(pair[1]);
		return;
	}
	/* Both at once: where the first fails, the second finds no descriptor of that name. */
	gw_qemu_ask(hv, "getfd", json_pack("{s:s}", "fdname", FD_NAME), pair[1], on_descriptor);
	close(pair[1]);
	if (hv->qemu->stream != s)
		return;
	hv->qemu->migrated = true;
	gw_qemu_ask(hv, save ? "migrate" : "migrate-incoming",
		json_pack("{s:s}", "uri", "fd:" FD_NAME), -1, on_started);
}

void gw_qemu_state_prepare(struct gw_hv *hv)
{
	struct gw_qemu *q = hv->qemu;

	if (q->state_room == NULL && hv->state_limit_bytes >= FIRST_CAPACITY)
		q->state_room = gw_secret_alloc(FIRST_CAPACITY);
	if (q->state_room != NULL)
		gw_secret_populate(q->state_room, FIRST_CAPACITY);
}

void gw_qemu_save_early(struct gw_hv *hv)
{
	gw_qemu_state_drop(hv);
	stream_start(hv, true);
}

void gw_qemu_save(struct gw_hv *hv)
{
	struct gw_qemu_stream *s = hv->qemu->stream;

	if (hv->run != GW_HV_PAUSED)
		gw_hv_fail(hv, -EBUSY, "the guest is not paused, its state cannot be saved");
	else if (s == NULL) /* the guest was found paused */
		stream_start(hv, true);
	else if (s->failed == -EFBIG)
		gw_hv_fail(hv, -EFBIG, "the device state is larger than the limit");
	else if (s->failed != 0)
		gw_hv_fail(hv, s->failed, "QEMU ended its migration after the pause");
	else
		save_finish_if_done(hv);
}

void gw_qemu_load_open(struct gw_hv *hv)
{
	if (hv->run != GW_HV_INCOMING)
		gw_hv_fail(hv, -EBUSY, "the guest does not wait for its state (%s)",
			gw_hv_run_name(hv->run));
	else
		stream_start(hv, false);
}

void gw_qemu_load(struct gw_hv *hv)
{
	struct gw_qemu_stream *s = hv->qemu->stream;

	if (s == NULL || s->failed != 0)
		gw_hv_fail(hv, -EREMOTEIO, "QEMU does not wait for its state any more");
	else
		stream_watch(s);
}
