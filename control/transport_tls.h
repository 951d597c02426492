/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS over a descriptor of transport.c. */
#pragma once

#include "transport.h"

/* t has its descriptor. name: what the server's certificate must carry; NULL: this end is the
 * server, which finds out later who it is (identity). 0 or -ENOMEM; then t is as it was. */
int gw_transport_secure(struct gw_transport *t, const struct gw_tls *tls, const char *name);

/* For both: whether a connect(2) under way is through: 0, -EAGAIN, or why it failed. */
int gw_transport_tcp_connected(const struct gw_transport *t);
