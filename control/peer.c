/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer_internal.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HEARTBEAT_NS GW_NS_PER_S
#define MESSAGES_PER_WAKE 64

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
	bool writes = !p->connected || gw_sendq_waiting(&p->out) > 0;

	if (p->watch != NULL)
		gw_watch_set(p->watch, writes ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void flush(struct gw_peer *p)
{
	int rc = p->connected ? gw_sendq_flush(&p->out, &p->transport) : 0;

	if (rc != 0)
		gw_peer_end(p, strerror(-rc));
	else
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
	rc = gw_message_encode(type, body, &bytes, &n);
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

static void readable(struct gw_peer *p)
{
	for (int i = 0; i < MESSAGES_PER_WAKE && !p->ended; i++) {
		uint8_t *at;
		size_t room;
		ssize_t n;

		if (gw_message_reader_room(p->reader, &at, &room) != 0) {
			gw_peer_end(p, "out of memory");
			return;
		}
		n = p->transport.ops->read(&p->transport, at, room);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			gw_peer_end(p, n == 0 ? "it closed the connection" : strerror((int)-n));
			return;
		}
		p->heard_ns = gw_now_ns();
		gw_message_reader_got(p->reader, (size_t)n);
		drain(p);
	}
}

static void on_socket(void *ctx, uint32_t events)
{
	struct gw_peer *p = ctx;

	if (!p->connected) {
		int rc = gw_transport_connected(&p->transport);

		if (rc != 0) {
			gw_peer_end(p, strerror(-rc));
			return;
		}
		if (!(events & EPOLLOUT))
			return;
		p->connected = true;
		p->heard_ns = gw_now_ns();
		gw_peer_say_hello(p);
		flush(p);
		return;
	}
	if (events & EPOLLOUT)
		flush(p);
	if (!p->ended && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
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
	p->connected = !initiator;
	p->heard_ns = p->said_ns = gw_now_ns();
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
	int rc = gw_transport_connect(address, &t, err);

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
	int rc;

	gw_transport_accepted(fd, &t);
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

size_t gw_peer_backlog(const struct gw_peer *p)
{
	return gw_sendq_waiting(&p->out);
}

bool gw_peer_is_up(const struct gw_peer *p)
{
	return p->up && !p->ended;
}

bool gw_peer_initiator(const struct gw_peer *p)
{
	return p->initiator;
}

const char *gw_peer_name(const struct gw_peer *p)
{
	return p->name;
}

const char *gw_peer_address(const struct gw_peer *p)
{
	return p->address;
}

const char *gw_peer_version(const struct gw_peer *p)
{
	return p->version;
}

uint64_t gw_peer_rtt_ns(const struct gw_peer *p)
{
	return p->rtt_ns;
}

const struct gw_dp_host *gw_peer_host(const struct gw_peer *p)
{
	return &p->host;
}
