/* SPDX-License-Identifier: BSD-3-Clause */
#include "qmp_queue.h"

#include "../../dataplane/base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One command: waits to be sent, then for its answer, then goes away. */
struct gw_qmp_request {
	struct gw_qmp_queue *queue;
	json_int_t id;
	const char *name; /* for messages; static */
	char *text;       /* NULL once all is sent */
	size_t length, sent;
	int fd;           /* -1: none, or sent */
	gw_qmp_done done; /* NULL: forgotten */
	void *arg;
	struct gw_timer *timer;
	struct gw_qmp_request *next;
};

static void request_free(struct gw_qmp_request *r)
{
	if (r->fd >= 0)
		close(r->fd);
	gw_timer_free(&r->timer);
	free(r->text);
	free(r);
}

void gw_qmp_queue_drop(struct gw_qmp_queue *q)
{
	while (q->first != NULL) {
		struct gw_qmp_request *r = q->first;

		q->first = r->next;
		request_free(r);
	}
}

static void request_unlink(struct gw_qmp_request *r)
{
	struct gw_qmp_request **at = &r->queue->first;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
}

static void request_expired(void *ctx)
{
	struct gw_qmp_request *r = ctx;
	gw_qmp_done done = r->done;
	void *arg = r->arg;
	struct gw_err err;

	gw_err(&err, -ETIMEDOUT, "QEMU did not answer '%s' in time", r->name);
	/* What is half sent must go out whole, so it stays; its answer means nothing any more. */
	r->done = NULL;
	gw_timer_stop(r->timer);
	if (done != NULL)
		done(arg, -ETIMEDOUT, NULL, &err);
}

static ssize_t request_send(const struct gw_qmp_request *r)
{
	struct iovec iov = {.iov_base = r->text + r->sent, .iov_len = r->length - r->sent};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {.buf = {0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (r->fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &r->fd, sizeof(int));
	}
	return sendmsg(r->queue->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool gw_qmp_queue_flush(struct gw_qmp_queue *q)
{
	for (struct gw_qmp_request *r = q->first; r != NULL; r = r->next) {
		while (r->text != NULL) {
			ssize_t n = request_send(r);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return false;
			if (r->fd >= 0)
				close(r->fd);
			r->fd = -1;
			r->sent += (size_t)n;
			if (r->sent == r->length) {
				free(r->text);
				r->text = NULL;
			}
		}
	}
	return true;
}

bool gw_qmp_queue_sent(const struct gw_qmp_queue *q)
{
	const struct gw_qmp_request *r = q->first;

	while (r != NULL && r->text == NULL)
		r = r->next;
	return r == NULL;
}

int gw_qmp_queue_add(struct gw_qmp_queue *q, const char *name, json_t *args, int fd,
	uint64_t limit_ns, gw_qmp_done done, void *arg)
{
	struct gw_qmp_request *r = calloc(1, sizeof(*r)), **at = &q->first;
	json_t *command;
	int rc = -ENOMEM;

	command = json_pack("{s:s, s:I, s:o*}", "execute", name, "id", q->last_id + 1, "arguments",
		args); /* takes args, also when it fails */
	if (r == NULL || command == NULL)
		goto fail;
	*r = (struct gw_qmp_request){
		.queue = q, .id = ++q->last_id, .name = name, .fd = -1, .done = done, .arg = arg};
	r->timer = gw_timer_create(q->loop, request_expired, r);
	r->text = json_dumps(command, JSON_COMPACT);
	if (r->timer == NULL || r->text == NULL)
		goto fail;
	if (fd >= 0) {
		r->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		rc = -errno;
		if (r->fd < 0)
			goto fail;
	}
	r->length = strlen(r->text) + 1;
	r->text[r->length - 1] = '\n'; /* in place of the NUL: the length is kept */
	json_decref(command);
	while (*at != NULL)
		at = &(*at)->next;
	*at = r;
	gw_timer_set(r->timer, limit_ns, 0);
	return 0;
fail:
	json_decref(command);
	if (r != NULL)
		request_free(r);
	return rc;
}

void gw_qmp_queue_answer(struct gw_qmp_queue *q, const struct gw_qmp_message *m)
{
	struct gw_qmp_request *r = q->first;
	struct gw_err err = {""};
	gw_qmp_done done;
	int result = 0;
	void *arg;

	/* An answer to nobody: QEMU answers without an id what it could not parse. */
	while (r != NULL && (r->id != m->id || r->text != NULL))
		r = r->next;
	if (r == NULL)
		return;
	if (m->kind == GW_QMP_ERROR) {
		result = strcmp(m->error_class, "CommandNotFound") == 0 ? -EOPNOTSUPP : -EREMOTEIO;
		gw_err(&err, result, "QEMU refused '%s': %s", r->name, m->error_desc);
		gw_text_clean(err.text); /* it ends up on terminals too */
	}
	done = r->done;
	arg = r->arg;
	request_unlink(r);
	request_free(r);
	if (done != NULL)
		done(arg, result, m->data, &err);
}

void gw_qmp_queue_forget(struct gw_qmp_queue *q)
{
	for (struct gw_qmp_request *r = q->first; r != NULL; r = r->next) {
		r->done = NULL;
		gw_timer_stop(r->timer);
	}
}
