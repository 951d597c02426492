/* SPDX-License-Identifier: BSD-3-Clause */
#include "connection.h"
#include "msg.h"
#include "request.h"
#include "uffd_open.h"
#include "uffd_wp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int gw_connection_send(struct gw_connection *c, void *packet, enum gw_export_type type, size_t len,
	const int *fds, unsigned int n_fds)
{
	struct gw_export_msg *m = packet;
	struct pollfd p[2] = {
		{.fd = c->sock, .events = POLLOUT},
		{.fd = c->wake_fd, .events = POLLIN},
	};
	int ret;

	m->type = type;
	m->length = (uint32_t)len;
	while ((ret = gw_msg_send(c->sock, packet, len, fds, n_fds)) == -EAGAIN) {
		if (poll(p, 2, -1) > 0 && p[1].revents != 0)
			break;
	}
	if (ret < 0)
		c->over = true;
	return ret;
}

int gw_connection_send_error(struct gw_connection *c, uint32_t request, int code, const char *text)
{
	struct gw_export_error e = {.request = request, .code = code};

	snprintf(e.text, sizeof(e.text), "%s", text[0] != '\0' ? text : strerror(-code));
	return gw_connection_send(c, &e, GW_EXPORT_ERROR, sizeof(e), NULL, 0);
}

static int check_credentials(struct gw_connection *c, const struct gw_access *access)
{
	int ret = gw_access_check(access, c->sock);

	if (ret < 0)
		gw_connection_send_error(c, GW_EXPORT_HELLO, ret,
			"only root, the hypervisor's own user, and the one that its option client "
			"names may connect");
	return ret;
}

/* Only a source of ours uses what is lent; where there is none it may be for want of it. */
static bool wants_uffd(const struct gw_connection *c)
{
	return (c->d.source == NULL || c->d.source == gw_uffd_source_ops()) && gw_uffd_wanted();
}

static uint32_t lifecycle_caps(const struct gw_export_config *config)
{
	const struct gw_export_lifecycle_ops *ops = config->lifecycle;
	uint32_t caps = GW_EXPORT_CAP_LIFECYCLE | GW_EXPORT_CAP_RESUME_FLAGS;

	if (ops == NULL)
		return 0;
	if (!ops->paused(config->ctx))
		return caps;
	if (ops->incoming == NULL || !ops->incoming(config->ctx))
		return caps | GW_EXPORT_CAP_PAUSED;
	return caps | GW_EXPORT_CAP_PAUSED | GW_EXPORT_CAP_INCOMING;
}

static int send_hello(struct gw_connection *c)
{
	const struct gw_export_description *d = &c->d;
	struct gw_export_hello h = {
		.abi = GW_EXPORT_ABI,
		.pid = getpid(),
		.n_regions = d->n_regions,
	};
	int fds[GW_MSG_MAX_FDS];
	unsigned int n_fds = 0;

	memcpy(h.uuid, d->uuid, sizeof(h.uuid));
	snprintf(h.vm_name, sizeof(h.vm_name), "%s", d->vm_name);
	memcpy(h.region, d->region, d->n_regions * sizeof(h.region[0]));
	if (d->source != NULL) {
		h.caps |= GW_EXPORT_CAP_TRACK;
		if (d->source->harvest_last != NULL)
			h.caps |= GW_EXPORT_CAP_SYNC_FLAGS;
		h.n_rings = c->rings.n_rings;
		h.ring_entries = c->rings.ring_entries;
		fds[n_fds++] = c->rings.fd;
	} else
		snprintf(h.track_error, sizeof(h.track_error), "%s", d->track_error);
	if (wants_uffd(c))
		h.caps |= GW_EXPORT_CAP_WANTS_UFFD;
	if (c->config->throttle != NULL)
		h.caps |= GW_EXPORT_CAP_THROTTLE;
	h.caps |= lifecycle_caps(c->config);
	if (gw_request_can_touch(c))
		h.caps |= GW_EXPORT_CAP_TOUCH;
	for (uint32_t i = 0; i < d->n_regions; i++)
		fds[n_fds++] = d->region_fd[i];
	return gw_connection_send(c, &h, GW_EXPORT_HELLO, sizeof(h), fds, n_fds);
}

/* What describe() gave, and what was made of it. */
static void forget(struct gw_connection *c)
{
	gw_ring_area_free(&c->rings);
	for (uint32_t i = 0; i < c->d.n_regions && i < GW_EXPORT_MAX_REGIONS; i++) {
		if (c->d.region_fd[i] >= 0)
			close(c->d.region_fd[i]);
	}
	memset(&c->d, 0, sizeof(c->d));
	memset(c->d.region_fd, -1, sizeof(c->d.region_fd));
}

int gw_connection_greet(struct gw_connection *c)
{
	struct gw_export_reason why = {""};
	int ret;

	forget(c);
	ret = c->config->describe(c->config->ctx, &c->d, &why);
	if (ret == 0 && (c->d.n_regions == 0 || c->d.n_regions > GW_EXPORT_MAX_REGIONS))
		ret = gw_export_why(&why, -EINVAL, "the guest has %u regions, allowed are 1..%u",
			c->d.n_regions, GW_EXPORT_MAX_REGIONS);
	if (ret == 0 && c->d.source != NULL) {
		ret = gw_ring_area_create(c->d.n_rings, c->config->ring_entries, &c->rings);
		if (ret == 0)
			gw_sink_init(&c->sink, &c->d, &c->rings, c->sock, c->wake_fd);
	}
	if (ret == 0)
		ret = send_hello(c);
	else
		gw_connection_send_error(c, GW_EXPORT_HELLO, ret, why.text);
	return ret;
}

static void serve_one(struct gw_connection *c)
{
	union gw_request r;
	int fds[GW_MSG_MAX_FDS];
	unsigned int n_fds;
	size_t len;
	int ret;

	memset(&r, 0, sizeof(r));
	ret = gw_msg_recv(c->sock, &r, sizeof(r), &len, fds, &n_fds);
	if (ret < 0)
		c->over = true;
	if (ret <= 0)
		return;
	gw_request_serve(c, &r, len, fds, n_fds);
	while (n_fds > 0)
		close(fds[--n_fds]);
}

static void wind_up(struct gw_connection *c)
{
	struct gw_export_reason why;

	if (c->throttled)
		c->config->throttle(c->config->ctx, 0);
	gw_connection_stop_tracking(c);
	if (c->quit)
		c->config->lifecycle->quit(c->config->ctx);
	else if (c->paused_here && !c->saved)
		c->config->lifecycle->resume(c->config->ctx, &why);
	forget(c);
	gw_uffd_lend(-1);
}

void gw_connection_serve(int sock, int wake_fd, const struct gw_export_config *config,
	const struct gw_access *access)
{
	struct gw_connection *c = calloc(1, sizeof(*c));
	struct pollfd p[2] = {
		{.fd = sock, .events = POLLIN | POLLRDHUP},
		{.fd = wake_fd, .events = POLLIN},
	};

	if (c == NULL)
		return;
	c->sock = sock;
	c->wake_fd = wake_fd;
	c->config = config;
	if (check_credentials(c, access) == 0 && gw_connection_greet(c) == 0) {
		while (!c->over && p[1].revents == 0) {
			poll(p, 2, -1);
			serve_one(c);
		}
	}
	wind_up(c);
	free(c);
}
