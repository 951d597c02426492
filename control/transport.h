/* SPDX-License-Identifier: BSD-3-Clause */
/* The byte stream under a control connection: a non-blocking descriptor and a small table of
 * operations: TCP, or TLS over it (transport_tls.c). */
#pragma once

#include "../dataplane/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gw_tls;
struct gw_transport;

struct gw_transport_ops {
	/* Goes on with becoming connected, the handshake included: 0: done; -EAGAIN: *events says
	 * what to wait for (EPOLLIN, EPOLLOUT); else err says why not. -EPROTONOSUPPORT: the other
	 * end speaks in the clear. */
	int (*establish)(struct gw_transport *t, uint32_t *events, struct gw_err *err);
	/* As read(2) and write(2) on a non-blocking descriptor, but a negative errno; 0 from read:
	 * the end. */
	ssize_t (*read)(struct gw_transport *t, void *buf, size_t n);
	ssize_t (*write)(struct gw_transport *t, const void *buf, size_t n);
	/* There is something to read that the descriptor will not announce. */
	bool (*pending)(const struct gw_transport *t);
	/* Why read or write failed, for people; NULL: strerror() knows. */
	const char *(*why)(const struct gw_transport *t);
	/* The peer's certificate carries this name: 0, or a negative errno with err. */
	int (*identity)(const struct gw_transport *t, const char *name, struct gw_err *err);
	/* The peer's certificate would still be accepted, by these credentials: 0, or why not. */
	int (*trusted)(const struct gw_transport *t, const struct gw_tls *tls, struct gw_err *err);
	/* Until the peer's certificate ends, in seconds. */
	int64_t (*left_s)(const struct gw_transport *t);
	/* RFC 8446, 7.5, without a context: the same bytes at both ends, known to them alone. */
	int (*export)(const struct gw_transport *t, const char *label, uint8_t *out, size_t len);
	void (*close)(struct gw_transport *t);
};

struct gw_transport {
	const struct gw_transport_ops *ops;
	int fd;          /* to wait on */
	bool secure;     /* TLS; in the clear identity says yes, and export fails (-ENOTSUP) */
	bool read_waits; /* read said -EAGAIN until the descriptor can be written */
	void *state;     /* of the operations */
};

/* What may be listened on, and connected to. */
enum gw_reach { GW_REACH_LOOPBACK, GW_REACH_PRIVATE, GW_REACH_ANY };

/* TCP to "host:port" or "[v6]:port", with tls (NULL: in the clear, and to private addresses only)
 * a handshake behind it, in which the peer's certificate must carry name (NULL: the host of the
 * address). Returns while the connection is being made: whenever the descriptor is ready,
 * establish goes on. Names are resolved by this call, which may take time. */
int gw_transport_connect(const char *address, const struct gw_tls *tls, const char *name,
	struct gw_transport *out, struct gw_err *err);
/* An accepted or otherwise connected descriptor, which becomes the transport's, also where this
 * fails (-ENOMEM). tls: as the server. */
int gw_transport_accepted(int fd, const struct gw_tls *tls, struct gw_transport *out);

/* Listens; the descriptor is the caller's. -EPERM: the address goes beyond reach. */
int gw_transport_listen(const char *address, enum gw_reach reach, int *fd, struct gw_err *err);

static inline const char *gw_transport_why(const struct gw_transport *t, const char *otherwise)
{
	const char *why = t->ops->why(t);

	return why != NULL ? why : otherwise;
}

#define GW_EXPORT_LABEL "EXPORTER-godwit-paths" /* of the data plane's secret */
