/* SPDX-License-Identifier: BSD-3-Clause */
/* A blocking client for the exporter's tests: waits for one event, drains rings meanwhile. */
#pragma once

#include "../../dataplane/base/clock.h"
#include "../../dataplane/export/client.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>

#define PEER_VM "vm" /* what HELLO has to say */
#define PEER_REGION_PAGES 16384u
#define PEER_REGIONS 2u
#define PEER_TIMEOUT_NS (10 * GW_NS_PER_S)

struct peer {
	struct gw_exporter *x;
	struct gw_ring_reader ring[GW_EXPORT_MAX_RINGS];
	uint8_t dirty[PEER_REGIONS][PEER_REGION_PAGES]; /* times named since peer_forget() */
	uint64_t pages;
	bool drains;
	struct gw_exporter_event ev;
	struct gw_err err;
};

/* -EPROTO also for a run outside what the test has. */
static inline int peer_note(struct peer *p, uint64_t e)
{
	uint64_t page = gw_export_entry_page(e);
	uint32_t count = gw_export_entry_count(e);
	uint8_t region = gw_export_entry_region(e);

	if (region >= PEER_REGIONS || page + count > PEER_REGION_PAGES)
		return -EPROTO;
	for (uint32_t k = 0; k < count; k++)
		p->dirty[region][page + k]++;
	p->pages += count;
	return 0;
}

static inline int peer_drain(struct peer *p)
{
	uint64_t e[64];
	int n = 0;

	for (uint32_t r = 0; r < gw_exporter_info(p->x)->n_rings; r++) {
		while ((n = gw_ring_pop(&p->ring[r], e, 64)) > 0) {
			for (int i = 0; i < n; i++) {
				if (peer_note(p, e[i]) < 0)
					return -EPROTO;
			}
		}
		if (n < 0)
			return n;
	}
	return 0;
}

/* The type of the next event in p->ev, a negative errno, or -ETIMEDOUT. */
static inline int peer_wait(struct peer *p)
{
	uint64_t end_ns = gw_now_ns() + PEER_TIMEOUT_NS;
	struct pollfd fd = {.fd = gw_exporter_fd(p->x), .events = POLLIN};

	while (gw_now_ns() < end_ns) {
		int ret = gw_exporter_read(p->x, &p->ev, &p->err);

		if (ret != 0)
			return ret < 0 ? ret : (int)p->ev.type;
		if (p->drains && peer_drain(p) < 0)
			return -EPROTO;
		poll(&fd, 1, p->drains ? 1 : 100);
	}
	return -ETIMEDOUT;
}

/* Connects and takes HELLO. */
static inline int peer_open(struct peer *p, const char *path)
{
	static const struct gw_trust trust;
	int ret;

	memset(p, 0, sizeof(*p));
	ret = gw_exporter_connect(path, PEER_VM, 1 << 20, &trust, &p->x, &p->err);
	if (ret < 0)
		return ret;
	ret = peer_wait(p);
	memcpy(p->ring, gw_exporter_info(p->x)->ring, sizeof(p->ring));
	p->drains = ret == GW_EXPORT_HELLO;
	return ret;
}

static inline void peer_forget(struct peer *p)
{
	memset(p->dirty, 0, sizeof(p->dirty));
	p->pages = 0;
}

/* SYNC, and drained to the heads that it said. */
static inline int peer_sync(struct peer *p, uint64_t epoch, bool last)
{
	int ret = gw_exporter_sync(p->x, epoch, last);

	if (ret == 0)
		ret = peer_wait(p);
	if (ret == GW_EXPORT_SYNCED && peer_drain(p) < 0)
		return -EPROTO;
	return ret;
}
