/* SPDX-License-Identifier: BSD-3-Clause */
/* The byte stream under a control connection: a non-blocking descriptor and a small table of
 * operations, so that another transport (TLS) takes TCP's place without the connection noticing. */
#pragma once

#include "../dataplane/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct gw_transport;

struct gw_transport_ops {
	/* As read(2) and write(2) on a non-blocking descriptor, but a negative errno; 0 from read:
	 * the end. */
	ssize_t (*read)(struct gw_transport *t, void *buf, size_t n);
	ssize_t (*write)(struct gw_transport *t, const void *buf, size_t n);
	void (*close)(struct gw_transport *t);
};

struct gw_transport {
	const struct gw_transport_ops *ops;
	int fd; /* to wait on */
};

/* TCP to "host:port" or "[v6]:port". Returns while the connection is being made: the descriptor
 * becomes writable then and gw_transport_connected() tells. Names are resolved by this call, which
 * may take time. */
int gw_transport_connect(const char *address, struct gw_transport *out, struct gw_err *err);
int gw_transport_connected(const struct gw_transport *t); /* 0 or a negative errno */
/* An accepted descriptor, which becomes the transport's. */
void gw_transport_accepted(int fd, struct gw_transport *out);

/* Listens; the descriptor is the caller's. Without TLS an address that is not loopback is -EPERM
 * unless insecure. */
int gw_transport_listen(const char *address, bool insecure, int *fd, struct gw_err *err);
