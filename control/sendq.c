/* SPDX-License-Identifier: BSD-3-Clause */
#include "sendq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void gw_sendq_clear(struct gw_sendq *q)
{
	free(q->bytes);
	*q = (struct gw_sendq){0};
}

int gw_sendq_add(struct gw_sendq *q, const uint8_t *bytes, size_t n)
{
	if (q->sent > 0) {
		memmove(q->bytes, q->bytes + q->sent, q->have - q->sent);
		q->have -= q->sent;
		q->sent = 0;
	}
	if (q->have + n > GW_SENDQ_MAX)
		return -ENOBUFS;
	if (q->have + n > q->size) {
		size_t size = (q->have + n) * 2;
		uint8_t *grown = realloc(q->bytes, size);

		if (grown == NULL)
			return -ENOMEM;
		q->bytes = grown;
		q->size = size;
	}
	memcpy(q->bytes + q->have, bytes, n);
	q->have += n;
	return 0;
}

int gw_sendq_flush(struct gw_sendq *q, struct gw_transport *t)
{
	while (q->sent < q->have) {
		ssize_t n = t->ops->write(t, q->bytes + q->sent, q->have - q->sent);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		q->sent += (size_t)n;
	}
	q->have = q->sent = 0;
	return 0;
}
