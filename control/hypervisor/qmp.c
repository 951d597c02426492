/* SPDX-License-Identifier: BSD-3-Clause */
#include "qmp.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/export/dial.h"
#include "qmp_frame.h"
#include "qmp_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEGOTIATION_LIMIT_NS (3 * GW_NS_PER_S)
/* QEMU limits the rate of its own events. Parsing that much takes a tenth of the control core. */
#define INPUT_BYTES_PER_S (8u << 20)
#define INPUT_MESSAGES_PER_S 20000u

struct gw_qmp {
	struct gw_loop *loop;
	struct gw_watch *watch;
	struct gw_timer *negotiation;
	struct gw_qmp_callbacks cb;
	struct gw_qmp_frame in;
	struct gw_qmp_queue queue;
	uint64_t window_start_ns; /* of the input budget */
	uint64_t window_bytes;
	unsigned int window_messages;
	int fd;
	int broken; /* negative errno */
	bool ready;
	bool *freed; /* set when a callback frees the object that calls it */
	uid_t uid;   /* of the process that listens */
	unsigned int major;
	char version[48];
};

static void qmp_break(struct gw_qmp *qmp, int result, const struct gw_err *err)
{
	gw_watch_free(&qmp->watch);
	gw_timer_free(&qmp->negotiation);
	gw_qmp_queue_drop(&qmp->queue);
	qmp->broken = result;
	qmp->cb.broken(qmp->cb.ctx, result, err);
}

static void negotiation_expired(void *ctx)
{
	struct gw_err err;

	gw_err(&err, -ETIMEDOUT,
		"QEMU does not greet on its QMP socket; it serves one client at a time: is another "
		"one connected?");
	qmp_break(ctx, -ETIMEDOUT, &err);
}

/* Also asks to be told when the socket takes more, where it does not take all. */
static void qmp_flush(struct gw_qmp *qmp)
{
	bool all = gw_qmp_queue_flush(&qmp->queue);

	gw_watch_set(qmp->watch, all ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

int gw_qmp_command(struct gw_qmp *qmp, const char *name, json_t *args, int fd, uint64_t limit_ns,
	gw_qmp_done done, void *arg)
{
	int rc;

	if (qmp->broken != 0) {
		json_decref(args);
		return -EPIPE;
	}
	rc = gw_qmp_queue_add(&qmp->queue, name, args, fd, limit_ns, done, arg);
	if (rc == 0)
		qmp_flush(qmp);
	return rc;
}

void gw_qmp_forget(struct gw_qmp *qmp)
{
	gw_qmp_queue_forget(&qmp->queue);
}

static void on_negotiated(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_qmp *qmp = arg;

	(void)ret;
	if (result != 0) {
		qmp_break(qmp, result, err);
		return;
	}
	gw_timer_free(&qmp->negotiation);
	qmp->ready = true;
	qmp->cb.ready(qmp->cb.ctx);
}

static int on_greeting(struct gw_qmp *qmp, const json_t *greeting, struct gw_err *err)
{
	const json_t *v = json_object_get(json_object_get(greeting, "version"), "qemu");
	json_int_t major = json_integer_value(json_object_get(v, "major"));
	json_int_t minor = json_integer_value(json_object_get(v, "minor"));
	json_int_t micro = json_integer_value(json_object_get(v, "micro"));

	if (qmp->queue.last_id != 0)
		return gw_err(err, -EPROTO, "QMP: a second greeting");
	if (major < 1 || major > 1000 || minor < 0 || minor > 1000 || micro < 0 || micro > 1000)
		return gw_err(err, -EPROTO, "QMP: a greeting without QEMU's version");
	qmp->major = (unsigned int)major;
	snprintf(
		qmp->version, sizeof(qmp->version), "%d.%d.%d", (int)major, (int)minor, (int)micro);
	return gw_qmp_command(
		qmp, "qmp_capabilities", NULL, -1, NEGOTIATION_LIMIT_NS, on_negotiated, qmp);
}

/* QEMU stamps events with the time of day; never in the future, and never from before this second.
 */
static uint64_t event_ns(const json_t *root)
{
	const json_t *stamp = json_object_get(root, "timestamp");
	uint64_t now_ns = gw_now_ns(), at_ns, wall_ns;
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	wall_ns = (uint64_t)wall.tv_sec * GW_NS_PER_S + (uint64_t)wall.tv_nsec;
	at_ns = (uint64_t)json_integer_value(json_object_get(stamp, "seconds")) * GW_NS_PER_S +
		(uint64_t)json_integer_value(json_object_get(stamp, "microseconds")) * GW_NS_PER_US;
	return wall_ns - at_ns < GW_NS_PER_S ? now_ns - (wall_ns - at_ns) : now_ns;
}

static int on_message(struct gw_qmp *qmp, const struct gw_qmp_message *m, struct gw_err *err)
{
	if (++qmp->window_messages > INPUT_MESSAGES_PER_S)
		return gw_err(err, -EPROTO, "QMP: more than %u messages in a second",
			INPUT_MESSAGES_PER_S);
	switch (m->kind) {
	case GW_QMP_GREETING:
		return on_greeting(qmp, m->data, err);
	case GW_QMP_RETURN:
	case GW_QMP_ERROR:
		gw_qmp_queue_answer(&qmp->queue, m);
		return 0;
	case GW_QMP_EVENT:
		if (qmp->ready)
			qmp->cb.event(qmp->cb.ctx, m->event, m->data, event_ns(m->root));
		return 0;
	}
	return 0;
}

static int qmp_fill(struct gw_qmp *qmp, struct gw_err *err)
{
	uint64_t now_ns = gw_now_ns();
	size_t room;
	char *at = gw_qmp_frame_room(&qmp->in, &room);
	ssize_t n;

	if (at == NULL)
		return gw_err(err, -EPROTO, "QMP: a line of more than %u bytes", GW_QMP_LINE_MAX);
	n = recv(qmp->fd, at, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return gw_err(err, -EPIPE, "QEMU closed its QMP socket");
	gw_qmp_frame_filled(&qmp->in, (size_t)n);
	if (now_ns - qmp->window_start_ns > GW_NS_PER_S) {
		qmp->window_start_ns = now_ns;
		qmp->window_bytes = 0;
		qmp->window_messages = 0;
	}
	qmp->window_bytes += (size_t)n;
	if (qmp->window_bytes > INPUT_BYTES_PER_S)
		return gw_err(
			err, -EPROTO, "QMP: more than %u bytes in a second", INPUT_BYTES_PER_S);
	return 0;
}

static void qmp_io(void *ctx, uint32_t events)
{
	struct gw_qmp *qmp = ctx;
	struct gw_qmp_message m;
	struct gw_err err;
	bool freed = false;
	int rc = 0;

	if (events & EPOLLOUT)
		qmp_flush(qmp);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		rc = qmp_fill(qmp, &err);
	qmp->freed = &freed;
	while (rc == 0 && qmp->broken == 0) {
		int got = gw_qmp_frame_next(&qmp->in, &m, &err);

		if (got <= 0) {
			rc = got;
			break;
		}
		rc = on_message(qmp, &m, &err);
		gw_qmp_message_clear(&m);
		if (freed)
			return;
	}
	qmp->freed = NULL;
	if (rc != 0 && qmp->broken == 0)
		qmp_break(qmp, rc, &err);
}

/* ---- life ---- */

int gw_qmp_connect(struct gw_loop *loop, const char *path, const struct gw_trust *trust,
	const struct gw_qmp_callbacks *cb, struct gw_qmp **out, struct gw_err *err)
{
	struct ucred peer;
	struct gw_qmp *qmp = calloc(1, sizeof(*qmp));
	int rc;

	if (qmp == NULL)
		return gw_err(err, -ENOMEM, "%s: no memory", path);
	qmp->loop = loop;
	qmp->cb = *cb;
	qmp->fd = gw_dial(path, SOCK_STREAM, err);
	if (qmp->fd < 0) {
		rc = qmp->fd;
		goto fail;
	}
	rc = gw_trust_peer(trust, qmp->fd, path, &peer, err);
	if (rc != 0)
		goto fail;
	qmp->uid = peer.uid;
	qmp->queue = (struct gw_qmp_queue){.loop = loop, .fd = qmp->fd};
	qmp->watch = gw_watch_add(loop, qmp->fd, EPOLLIN, qmp_io, qmp);
	qmp->negotiation = gw_timer_create(loop, negotiation_expired, qmp);
	if (qmp->watch == NULL || qmp->negotiation == NULL) {
		rc = gw_err(err, -ENOMEM, "%s: no memory", path);
		goto fail;
	}
	gw_timer_set(qmp->negotiation, NEGOTIATION_LIMIT_NS, 0);
	*out = qmp;
	return 0;
fail:
	gw_qmp_free(&qmp);
	return rc;
}

void gw_qmp_free(struct gw_qmp **qmp)
{
	struct gw_qmp *q = *qmp;

	if (q == NULL)
		return;
	*qmp = NULL;
	if (q->freed != NULL)
		*q->freed = true;
	gw_watch_free(&q->watch);
	gw_timer_free(&q->negotiation);
	gw_qmp_queue_drop(&q->queue);
	gw_qmp_frame_clear(&q->in);
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}

int gw_qmp_detach(struct gw_qmp **qmp)
{
	struct gw_qmp *q = *qmp;
	int fd = -1;

	/* A command that is half out would make nonsense of what follows it. */
	if (q->broken == 0 && q->ready && gw_qmp_queue_sent(&q->queue)) {
		gw_watch_free(&q->watch);
		fd = q->fd;
		q->fd = -1;
	}
	gw_qmp_free(qmp);
	return fd;
}

unsigned int gw_qmp_major(const struct gw_qmp *qmp)
{
	return qmp->major;
}

uid_t gw_qmp_uid(const struct gw_qmp *qmp)
{
	return qmp->uid;
}

const char *gw_qmp_version(const struct gw_qmp *qmp)
{
	return qmp->version;
}
