/* SPDX-License-Identifier: BSD-3-Clause */
/* The door's upper bound: starting and stopping workers that move bytes without the protocol.
 * Control thread only. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHARE_ALIGN (2u * GW_WIRE_PAGE_BYTES)

int gw_dp_bound_start(struct gw_dp *dp, struct gw_dp_link *link, struct gw_ram *ram, bool send,
	struct gw_dp_bound **out, struct gw_err *err)
{
	struct gw_dp_bound *b;
	uint64_t pages, bytes;
	uint8_t *base = gw_ram_region(ram, 0, NULL, &pages);

	bytes = pages * GW_WIRE_PAGE_BYTES / dp->n_workers / SHARE_ALIGN * SHARE_ALIGN;
	if (bytes == 0)
		return gw_err(err, -EINVAL, "%llu pages are too few for %u workers",
			(unsigned long long)pages, dp->n_workers);
	b = aligned_alloc(64, (sizeof(*b) + 63) / 64 * 64);
	if (b == NULL)
		return gw_err(err, -ENOMEM, "no memory");
	memset(b, 0, sizeof(*b));
	b->dp = dp;
	b->link = link;
	b->send = send;
	b->pending = dp->n_workers;
	for (uint32_t i = 0; i < dp->n_workers; i++) {
		b->share[i].ram = base + i * bytes;
		b->share[i].bytes = bytes;
	}
	gw_dp_broadcast(dp, GW_CMD_ADD_BOUND, b, 0);
	*out = b;
	return 0;
}

void gw_dp_bound_stop(struct gw_dp_bound *b)
{
	gw_dp_broadcast(b->dp, GW_CMD_DEL_BOUND, b, 0);
}

bool gw_dp_bound_stopped(const struct gw_dp_bound *b)
{
	return __atomic_load_n(&b->pending, __ATOMIC_ACQUIRE) == 0;
}

void gw_dp_bound_stats(const struct gw_dp_bound *b, uint64_t *bytes, uint64_t *packets)
{
	*bytes = *packets = 0;
	for (uint32_t i = 0; i < b->dp->n_workers; i++) {
		*bytes += __atomic_load_n(&b->share[i].moved, __ATOMIC_RELAXED);
		*packets += __atomic_load_n(&b->share[i].packets, __ATOMIC_RELAXED);
	}
}

void gw_dp_bound_free(struct gw_dp_bound **b)
{
	free(*b);
	*b = NULL;
}
