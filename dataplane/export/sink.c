/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SPINS_BEFORE_SLEEP 256
#define WAIT_NS 20000

void gw_sink_init(struct gw_export_sink *sink, const struct gw_export_description *d,
        const struct gw_ring_area *rings, int client_fd, int wake_fd)
{
	memset(sink, 0, sizeof(*sink));
	sink->n_rings = rings->n_rings;
	for (uint32_t i = 0; i < rings->n_rings; i++)
		sink->ring[i] = gw_ring_area_writer(rings, i);
	for (uint32_t i = 0; i < d->n_regions; i++)
		sink->region_pages[d->region[i].id] = d->region[i].size >> GW_EXPORT_PAGE_SHIFT;
	sink->client_fd = client_fd;
	sink->wake_fd = wake_fd;
}

void gw_sink_arm(struct gw_export_sink *sink)
{
	__atomic_store_n(&sink->error, 0, __ATOMIC_RELEASE);
}

int gw_sink_fail(struct gw_export_sink *sink, int error)
{
	int none = 0;

	__atomic_compare_exchange_n(
	        &sink->error, &none, error, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	return error;
}

int gw_sink_error(const struct gw_export_sink *sink)
{
	return __atomic_load_n(&sink->error, __ATOMIC_ACQUIRE);
}

uint64_t gw_sink_take_pages(struct gw_export_sink *sink)
{
	return __atomic_exchange_n(&sink->pages, 0, __ATOMIC_RELAXED);
}

/* A client that waits for STOPPED may have stopped draining: room will never come. */
static int next_message_ends(int client_fd)
{
	struct gw_export_msg m;
	ssize_t n = recv(client_fd, &m, sizeof(m), MSG_PEEK | MSG_DONTWAIT);

	if (n == 0)
		return -EPIPE;
	if (n == (ssize_t)sizeof(m) && (m.type == GW_EXPORT_STOP || m.type == GW_EXPORT_QUIT))
		return -ECANCELED;
	return 0;
}

/* Sleeps a little while the ring is full. 0: try again, else why there is no point. */
static int wait_for_room(struct gw_export_sink *sink)
{
	struct timespec ts = {.tv_nsec = WAIT_NS};
	struct pollfd p[2] = {
	        {.fd = sink->client_fd, .events = POLLIN | POLLRDHUP},
	        {.fd = sink->wake_fd, .events = POLLIN},
	};
	int ret;

	if (poll(p, 2, 0) > 0) {
		if (p[1].revents != 0)
			return -ESHUTDOWN;
		if (p[0].revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL))
			return -EPIPE;
		ret = next_message_ends(sink->client_fd);
		if (ret < 0)
			return ret;
	}
	nanosleep(&ts, NULL);
	return gw_sink_error(sink);
}

static int push_entry(struct gw_export_sink *sink, struct gw_ring_writer *w, uint64_t entry)
{
	for (unsigned int spins = 0;;) {
		int ret = gw_ring_push(w, entry);

		if (ret == 0)
			return 0;
		if (ret == -EAGAIN && ++spins < SPINS_BEFORE_SLEEP)
			continue;
		if (ret == -EAGAIN)
			ret = wait_for_room(sink);
		if (ret < 0)
			return gw_sink_fail(sink, ret);
	}
}

int gw_export_push(struct gw_export_sink *sink, uint32_t ring_idx, uint8_t region,
        uint64_t page_idx, uint64_t n_pages)
{
	uint64_t left = n_pages;
	int ret = gw_sink_error(sink);

	if (ret < 0)
		return ret;
	if (ring_idx >= sink->n_rings || page_idx > sink->region_pages[region] ||
	        n_pages > sink->region_pages[region] - page_idx)
		return gw_sink_fail(sink, -ERANGE);
	while (left > 0) {
		uint32_t run = left < GW_EXPORT_RUN_MAX ? (uint32_t)left : GW_EXPORT_RUN_MAX;

		ret = push_entry(
		        sink, &sink->ring[ring_idx], gw_export_entry(page_idx, run, region));
		if (ret < 0)
			return ret;
		page_idx += run;
		left -= run;
	}
	__atomic_fetch_add(&sink->pages, n_pages, __ATOMIC_RELAXED);
	return 0;
}
