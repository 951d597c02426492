/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that wait to be written to a transport. Bounded: a peer that reads nothing costs at most
 * the limit. */
#pragma once

#include "transport.h"

#include <stdint.h>

#define GW_SENDQ_MAX (64u << 20)

struct gw_sendq {
	uint8_t *bytes;
	size_t have, sent, size;
};

void gw_sendq_clear(struct gw_sendq *q);
/* -ENOBUFS over the limit, -ENOMEM. */
int gw_sendq_add(struct gw_sendq *q, const uint8_t *bytes, size_t n);
/* Writes what the transport takes now. 0, or a negative errno of the transport. */
int gw_sendq_flush(struct gw_sendq *q, struct gw_transport *t);

static inline size_t gw_sendq_waiting(const struct gw_sendq *q)
{
	return q->have - q->sent;
}
