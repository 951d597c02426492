/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer_internal.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define HEARTBEAT_NS GW_NS_PER_S
#define MESSAGES_PER_WAKE 64
#define HELLO_NS (5 * GW_NS_PER_S) /* for the handshake and hello, or the time limit if longer */
#define TLS_ALERT 0x15
#define TLS_HANDSHAKE 0x16

void gw_peer_end(struct gw_peer *p, const char *reason)
{
	if (p->ended)
		return;
	p->ended = true;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	gw_watch_free(&p->watch);
	gw_timer_set(p->timer, 1, 0);
}

static void want(struct gw_peer *p)
{
	bool writes =
		p->write_failed == 0 && (gw_sendq_waiting(&p->out) > 0 || p->transport.read_waits);

	if (p->watch != NULL)
		gw_watch_set(p->watch, writes ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void flush(struct gw_peer *p)
{
	int rc;

	if (!p->connected || p->write_failed != 0)
		return;
	rc = gw_sendq_flush(&p->out, &p->transport);
	if (rc != 0) {
		/* The peer may have said why before it went: the timer reads that. */
		p->write_failed = rc;
		gw_timer_set(p->timer, 1, HEARTBEAT_NS);
	}
	want(p);
}

void gw_peer_send(struct gw_peer *p, enum gw_message_type type, json_t *body)
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	int rc;

	if (p->ended) {
		json_decref(body);
		return;
	}
	rc = gw_message_encode(p->protocol, type, body, &bytes, &n);
	if (rc == 0)
		rc = gw_sendq_add(&p->out, bytes, n);
	free(bytes);
	if (rc != 0) {
		gw_peer_end(p, rc == -ENOBUFS ? "it takes no more messages" : strerror(-rc));
		return;
	}
	p->said_ns = gw_now_ns();
	flush(p);
}

static void drain(struct gw_peer *p)
{
	enum gw_message_type type;
	struct gw_err err;
	json_t *body;
	int rc = 1;

	while (!p->ended && (rc = gw_message_next(p->reader, &type, &body, &err)) == 1) {
		gw_peer_take(p, type, body);
		json_decref(body);
	}
	if (rc < 0)
		gw_peer_end(p, err.text);
}

/* A message begins with its length, of which the first byte is 0. */
static bool is_tls(const struct gw_peer *p, const uint8_t *at)
{
	return !p->transport.secure && !p->heard && (at[0] == TLS_HANDSHAKE || at[0] == TLS_ALERT);
}

static void readable(struct gw_peer *p)
{
	for (int i = 0;
		!p->ended && (i < MESSAGES_PER_WAKE || p->transport.ops->pending(&p->transport));
		i++) {
		uint8_t *at;
		size_t room;
		ssize_t n;

		if (gw_message_reader_room(p->reader, &at, &room) != 0) {
			gw_peer_end(p, "out of memory");
			return;
		}
		n = p->transport.ops->read(&p->transport, at, room);
		if (n == -EAGAIN) {
			if (p->transport.read_waits)
				want(p);
			return;
		}
		if (n <= 0) {
			gw_peer_end(p, n == 0 ? "it closed the connection"
					      : gw_transport_why(&p->transport, strerror((int)-n)));
			return;
		}
		if (is_tls(p, at)) {
			gw_peer_refuse(p, "it speaks TLS: `security` is on there and off here");
			return;
		}
		p->heard = true;
		p->heard_ns = gw_now_ns();
		gw_message_reader_got(p->reader, (size_t)n);
		drain(p);
	}
}

/* One more step towards a connection. */
static void establish(struct gw_peer *p)
{
	struct gw_err err = {.text = ""};
	uint32_t events = 0;
	int rc = p->transport.ops->establish(&p->transport, &events, &err);

	p->heard_ns = gw_now_ns();
	if (rc == -EAGAIN) {
		gw_watch_set(p->watch, events);
		return;
	}
	if (rc == -EPROTONOSUPPORT && !p->initiator)
		gw_peer_refuse_in_clear(p);
	if (rc != 0) {
		gw_peer_end(p, err.text);
		return;
	}
	p->connected = true;
	if (p->initiator)
		gw_peer_say_hello(p);
	flush(p);
	if (!p->ended && (!p->initiator || p->transport.ops->pending(&p->transport)))
		readable(p);
}

static void on_socket(void *ctx, uint32_t events)
{
	struct gw_peer *p = ctx;

	if (!p->connected) {
		establish(p);
		return;
	}
	if (events & EPOLLOUT)
		flush(p);
	if (!p->ended && (events & (EPOLLIN | EPOLLHUP | EPOLLERR) || p->transport.read_waits))
		readable(p);
}

static void on_timer(void *ctx)
{
	struct gw_peer *p = ctx;
	uint64_t now = gw_now_ns();
	char text[64];

	if (p->ended) {
		gw_timer_stop(p->timer);
		p->transport.ops->close(&p->transport);
		p->cb.gone(p->cb.ctx, p, p->reason);
		return;
	}
	if (p->write_failed != 0) {
		readable(p);
		if (!p->ended)
			gw_peer_end(p, strerror(-p->write_failed));
		return;
	}
	if (!p->up && now - p->begun_ns > p->conf.timeout_ns && now - p->begun_ns > HELLO_NS) {
		gw_peer_end(p, p->connected || !p->initiator ? "it did not say hello in time"
							     : "it did not answer in time");
		return;
	}
	if (p->connected && now - p->heard_ns > p->conf.timeout_ns) {
		/* This host may be the late one: what waits to be read is no silence. */
		readable(p);
		if (p->ended)
			return;
		now = gw_now_ns();
	}
	if (now - p->heard_ns > p->conf.timeout_ns) {
		snprintf(text, sizeof(text), "silent for %llu ms",
			(unsigned long long)((now - p->heard_ns) / GW_NS_PER_MS));
		gw_peer_end(p, text);
		return;
	}
	if (p->up)
		gw_peer_send(p, GW_MESSAGE_PING, json_pack("{s:I}", "t", (json_int_t)now));
}

static int create(const struct gw_peer_conf *conf, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_transport transport, bool initiator,
	struct gw_peer **out)
{
	struct gw_peer *p = calloc(1, sizeof(*p));
	int rc = -ENOMEM;

	if (p == NULL)
		goto fail;
	p->conf = *conf;
	p->cb = *cb;
	p->transport = transport;
	p->initiator = initiator;
	p->protocol = GW_MESSAGE_OLDEST;
	p->begun_ns = p->heard_ns = p->said_ns = gw_now_ns();
	snprintf(p->address, sizeof(p->address), "%s", address);
	rc = gw_message_reader_create(&p->reader);
	if (rc != 0)
		goto fail;
	rc = -ENOMEM;
	p->timer = gw_timer_create(conf->loop, on_timer, p);
	if (p->timer == NULL)
		goto fail;
	p->watch = gw_watch_add(
		conf->loop, transport.fd, initiator ? EPOLLOUT : EPOLLIN, on_socket, p);
	if (p->watch == NULL) {
		rc = -errno;
		goto fail;
	}
	gw_timer_set(p->timer, HEARTBEAT_NS, HEARTBEAT_NS);
	*out = p;
	return 0;
fail:
	if (p != NULL) {
		gw_timer_free(&p->timer);
		gw_message_reader_free(&p->reader);
		free(p);
	}
	transport.ops->close(&transport);
	return rc;
}

int gw_peer_connect(const struct gw_peer_conf *conf, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err)
{
	struct gw_transport t;
	int rc = gw_transport_connect(address, conf->tls, conf->expect, &t, err);

	if (rc != 0)
		return rc;
	rc = create(conf, address, cb, t, true, out);
	return rc == 0 ? 0 : gw_err(err, rc, "peer %s: %s", address, strerror(-rc));
}

static int take_over(const struct gw_peer_conf *conf, int fd, const char *address,
	const struct gw_peer_callbacks *cb, bool initiator, struct gw_peer **out,
	struct gw_err *err)
{
	struct gw_transport t;
	int rc = gw_transport_accepted(fd, initiator ? NULL : conf->tls, &t);

	if (rc == 0)
		rc = create(conf, address, cb, t, initiator, out);
	return rc == 0 ? 0 : gw_err(err, rc, "peer %s: %s", address, strerror(-rc));
}

int gw_peer_open(const struct gw_peer_conf *conf, int fd, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err)
{
	return take_over(conf, fd, address, cb, true, out, err);
}

int gw_peer_accept(const struct gw_peer_conf *conf, int fd, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err)
{
	return take_over(conf, fd, address, cb, false, out, err);
}

void gw_peer_free(struct gw_peer **peer)
{
	struct gw_peer *p = *peer;

	if (p == NULL)
		return;
	gw_watch_free(&p->watch);
	gw_timer_free(&p->timer);
	p->transport.ops->close(&p->transport);
	gw_message_reader_free(&p->reader);
	gw_sendq_clear(&p->out);
	free(p);
	*peer = NULL;
}
