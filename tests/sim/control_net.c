/* SPDX-License-Identifier: BSD-3-Clause */
/* control/transport.h over the simulated management network, and accept4(). */
#include "control_net.h"

#include "../../control/transport.h"
#include "engine.h"
#include "fds.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MAX_ENDS 1024u
#define MAX_LISTENERS 16u
#define WINDOW (4u << 20)

struct segment {
	struct segment *next;
	uint64_t arrive_ns;
	size_t len, taken;
	uint8_t bytes[];
};

/* One end of a connection. */
struct end {
	uint32_t host;
	int fd;
	struct end *peer;
	bool used, open;
	bool server, accepted;
	bool established; /* connect() is through */
	int error;        /* what the next read or write finds, once told */
	bool finished;    /* the other end closed: 0 is read behind what came */
	struct segment *first, *last;
	size_t waiting;   /* bytes in there */
	uint64_t busy_ns; /* the last byte sent so far arrives then */
	struct sim_event ev;
};

static struct {
	uint64_t delay_ns, rate_bps;
	uint32_t caller;
	struct end end[MAX_ENDS];
	uint32_t n;
	struct listener {
		char address[64];
		uint32_t host;
		int fd;
	} listener[MAX_LISTENERS];
	bool silent[MAX_LISTENERS];
} c;

static void clear(struct end *e)
{
	while (e->first != NULL) {
		struct segment *s = e->first;

		e->first = s->next;
		free(s);
	}
	e->last = NULL;
	e->waiting = 0;
	sim_stop(&e->ev);
}

void sim_control_reset(uint64_t delay_ns, uint64_t rate_bps)
{
	for (uint32_t i = 0; i < c.n; i++)
		clear(&c.end[i]);
	memset(&c, 0, sizeof(c));
	c.delay_ns = delay_ns;
	c.rate_bps = rate_bps;
}

void sim_control_caller(uint32_t host)
{
	c.caller = host;
}

uint32_t sim_control_current(void)
{
	return c.caller;
}

static bool silent(const struct end *e)
{
	return c.silent[e->host] || (e->peer != NULL && c.silent[e->peer->host]);
}

static struct end *end_of(int fd)
{
	for (uint32_t i = 0; i < c.n; i++)
		if (c.end[i].used && c.end[i].fd == fd)
			return &c.end[i];
	return NULL;
}

static struct end *new_end(uint32_t host)
{
	struct end *e = &c.end[c.n];

	if (c.n == MAX_ENDS) {
		sim_broken("more than %u ends of control connections", MAX_ENDS);
		abort();
	}
	c.n++;
	*e = (struct end){.host = host, .fd = sim_fd_new(), .used = true, .open = true};
	return e;
}

/* What has arrived may be read. A silent network holds it back. */
static void arrived(void *ctx)
{
	struct end *e = ctx;

	if (!e->open)
		return;
	if (silent(e)) {
		sim_after(&e->ev, 10000000, arrived, e);
		return;
	}
	if ((e->first != NULL && e->first->arrive_ns <= sim_now()) || e->error != 0 ||
		(e->finished && e->first == NULL))
		sim_fd_ready(e->fd, EPOLLIN, 1000);
	else if (e->first != NULL)
		sim_at(&e->ev, e->first->arrive_ns, arrived, e);
}

static ssize_t sim_read(struct gw_transport *t, void *buf, size_t n)
{
	struct end *e = end_of(t->fd);
	struct segment *s = e->first;
	size_t len;

	if (e->error != 0)
		return -e->error;
	if (s == NULL || s->arrive_ns > sim_now() || silent(e)) {
		sim_fd_not_ready(e->fd, EPOLLIN);
		if (s == NULL && e->finished)
			return 0;
		arrived(e);
		return -EAGAIN;
	}
	len = s->len - s->taken < n ? s->len - s->taken : n;
	memcpy(buf, s->bytes + s->taken, len);
	s->taken += len;
	e->waiting -= len;
	if (e->peer != NULL && e->peer->open)
		sim_fd_ready(e->peer->fd, EPOLLOUT, c.delay_ns);
	if (s->taken == s->len) {
		e->first = s->next;
		if (e->first == NULL)
			e->last = NULL;
		free(s);
	}
	return (ssize_t)len;
}

static ssize_t sim_write(struct gw_transport *t, const void *buf, size_t n)
{
	struct end *e = end_of(t->fd), *to = e->peer;
	struct segment *s;

	if (e->error != 0)
		return -e->error;
	if (to == NULL || !to->open)
		return (ssize_t)n; /* nobody has said so yet */
	if (to->waiting != 0 && to->waiting + n > WINDOW) {
		sim_fd_not_ready(e->fd, EPOLLOUT);
		return -EAGAIN;
	}
	s = malloc(sizeof(*s) + n);
	if (s == NULL)
		return -ENOMEM;
	*s = (struct segment){.len = n};
	memcpy(s->bytes, buf, n);
	if (to->busy_ns < sim_now() + c.delay_ns)
		to->busy_ns = sim_now() + c.delay_ns;
	to->busy_ns += (uint64_t)((double)n * 8e9 / (double)c.rate_bps);
	s->arrive_ns = to->busy_ns;
	if (to->last != NULL)
		to->last->next = s;
	else
		to->first = s;
	to->last = s;
	to->waiting += n;
	if (to->ev.slot == 0)
		sim_at(&to->ev, s->arrive_ns, arrived, to);
	return (ssize_t)n;
}

/* The other end reads what is under way, then the end. */
static void sim_close(struct gw_transport *t)
{
	struct end *e = t->fd >= 0 ? end_of(t->fd) : NULL;

	t->fd = -1;
	if (e == NULL)
		return;
	e->open = false;
	clear(e);
	if (e->peer != NULL && e->peer->open) {
		e->peer->finished = true;
		if (e->peer->ev.slot == 0)
			sim_after(&e->peer->ev, c.delay_ns, arrived, e->peer);
	}
}

static int sim_establish(struct gw_transport *t, uint32_t *events, struct gw_err *err)
{
	const struct end *e = end_of(t->fd);

	*events = EPOLLOUT;
	if (e->error != 0)
		return gw_err(err, -e->error, "%s", strerror(e->error));
	return e->established ? 0 : -EAGAIN;
}

static bool sim_pending(const struct gw_transport *t)
{
	(void)t;
	return false;
}

static const char *sim_why(const struct gw_transport *t)
{
	(void)t;
	return NULL;
}

static int sim_identity(const struct gw_transport *t, const char *name, struct gw_err *err)
{
	(void)t;
	(void)name;
	(void)err;
	return 0;
}

static int sim_trusted(const struct gw_transport *t, const struct gw_tls *tls, struct gw_err *err)
{
	(void)t;
	(void)tls;
	(void)err;
	return 0;
}

static int64_t sim_left_s(const struct gw_transport *t)
{
	(void)t;
	return INT64_MAX;
}

/* Known to both ends of a connection, and another one for the next. */
static int sim_export(const struct gw_transport *t, const char *label, uint8_t *out, size_t len)
{
	const struct end *e = end_of(t->fd);
	uint64_t x = (uint64_t)((e->server ? e : e->peer) - c.end);

	for (; *label != '\0'; label++)
		x = x * 31 + (uint8_t)*label;
	for (size_t i = 0; i < len; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
		out[i] = (uint8_t)(x >> 56);
	}
	return 0;
}

static const struct gw_transport_ops ops = {sim_establish, sim_read, sim_write, sim_pending,
	sim_why, sim_identity, sim_trusted, sim_left_s, sim_export, sim_close};

/* The SYN's answer. */
static void connected(void *ctx)
{
	struct end *e = ctx;

	if (silent(e)) {
		sim_after(&e->ev, 100000000, connected, e);
		return;
	}
	e->established = true;
	sim_fd_ready(e->fd, EPOLLOUT, 1000);
	arrived(e);
}

int gw_transport_connect(const char *address, const struct gw_tls *tls, const char *name,
	struct gw_transport *out, struct gw_err *err)
{
	struct end *e = new_end(c.caller), *other;

	(void)tls;
	(void)name;
	(void)err;
	*out = (struct gw_transport){.ops = &ops, .fd = e->fd};
	for (uint32_t i = 0; i < MAX_LISTENERS; i++) {
		if (c.listener[i].fd == 0 || strcmp(c.listener[i].address, address) != 0)
			continue;
		other = new_end(c.listener[i].host);
		other->established = other->server = true;
		e->peer = other;
		other->peer = e;
		sim_fd_ready(other->fd, EPOLLOUT, 0);
		sim_fd_ready(c.listener[i].fd, EPOLLIN, c.delay_ns);
		sim_after(&e->ev, 2 * c.delay_ns, connected, e);
		return 0;
	}
	e->error = ECONNREFUSED;
	sim_after(&e->ev, 2 * c.delay_ns, connected, e);
	return 0;
}

int gw_transport_accepted(int fd, const struct gw_tls *tls, struct gw_transport *out)
{
	(void)tls;
	*out = (struct gw_transport){.ops = &ops, .fd = fd};
	return 0;
}

int gw_transport_listen(const char *address, enum gw_reach reach, int *fd, struct gw_err *err)
{
	struct listener *l = &c.listener[c.caller];

	(void)reach;
	(void)err;
	*l = (struct listener){.host = c.caller, .fd = sim_fd_new()};
	snprintf(l->address, sizeof(l->address), "%s", address);
	*fd = l->fd;
	return 0;
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_close(int fd);
int __real_close(int fd);

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	(void)flags;
	for (uint32_t i = 0; i < c.n; i++) {
		struct end *e = &c.end[i];

		if (!e->open || !e->server || e->accepted || c.listener[e->host].fd != fd)
			continue;
		e->accepted = true;
		in.sin_addr.s_addr = htonl(0x0aff0000 + (e->peer != NULL ? e->peer->host : 0));
		memcpy(sa, &in, sizeof(in));
		*len = sizeof(in);
		arrived(e);
		return e->fd;
	}
	sim_fd_not_ready(fd, EPOLLIN);
	errno = EAGAIN;
	return -1;
}

/* A listener that is closed is gone. */
int __wrap_close(int fd)
{
	if (fd < SIM_FD_BASE)
		return __real_close(fd);
	for (uint32_t i = 0; i < MAX_LISTENERS; i++)
		if (c.listener[i].fd == fd)
			c.listener[i].fd = 0;
	return 0;
}

void sim_control_break(uint32_t host)
{
	for (uint32_t i = 0; i < c.n; i++) {
		struct end *e = &c.end[i];

		if (!e->open || e->peer == NULL || (e->host != host && e->peer->host != host))
			continue;
		e->error = ECONNRESET;
		clear(e);
		sim_after(&e->ev, c.delay_ns, arrived, e);
	}
}

void sim_control_silence(uint32_t host, bool on)
{
	c.silent[host] = on;
}
