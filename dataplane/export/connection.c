/* SPDX-License-Identifier: BSD-3-Clause */
#include "connection.h"
#include "msg.h"
#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct connection {
	int sock;
	int wake_fd;
	const struct gw_export_config *config;
	struct gw_export_description d;
	struct gw_ring_area rings;
	struct gw_export_sink sink;
	bool tracking;
	bool paused_here; /* by this client, and not resumed */
	bool saved;       /* from then on the guest may run elsewhere */
	bool quit;
	bool over; /* nothing more can be said to this client */
};

union request {
	struct gw_export_msg msg;
	struct gw_export_sync sync;
	struct gw_export_state state;
};

/* Waits for a slow client, but not for one that is gone. */
static int send_packet(struct connection *c, void *packet, enum gw_export_type type, size_t len,
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
	c->over = ret < 0;
	return ret;
}

static int send_plain(struct connection *c, enum gw_export_type type)
{
	struct gw_export_msg m;

	return send_packet(c, &m, type, sizeof(m), NULL, 0);
}

static int send_error(struct connection *c, uint32_t request, int code, const char *text)
{
	struct gw_export_error e = {.request = request, .code = code};

	snprintf(e.text, sizeof(e.text), "%s", text[0] != '\0' ? text : strerror(-code));
	return send_packet(c, &e, GW_EXPORT_ERROR, sizeof(e), NULL, 0);
}

static int check_credentials(struct connection *c)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(c->sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	if (peer.uid == 0 || peer.uid == geteuid())
		return 0;
	send_error(
	        c, GW_EXPORT_HELLO, -EPERM, "only root or the hypervisor's own user may connect");
	return -EPERM;
}

static int send_hello(struct connection *c)
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
		h.n_rings = c->rings.n_rings;
		h.ring_entries = c->rings.ring_entries;
		fds[n_fds++] = c->rings.fd;
	} else
		snprintf(h.track_error, sizeof(h.track_error), "%s", d->track_error);
	if (c->config->lifecycle != NULL) {
		h.caps |= GW_EXPORT_CAP_LIFECYCLE;
		if (c->config->lifecycle->paused(c->config->ctx))
			h.caps |= GW_EXPORT_CAP_PAUSED;
	}
	for (uint32_t i = 0; i < d->n_regions; i++)
		fds[n_fds++] = d->region_fd[i];
	return send_packet(c, &h, GW_EXPORT_HELLO, sizeof(h), fds, n_fds);
}

static int greet(struct connection *c)
{
	struct gw_export_reason why = {""};
	int ret = check_credentials(c);

	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < GW_EXPORT_MAX_REGIONS; i++)
		c->d.region_fd[i] = -1;
	ret = c->config->describe(c->config->ctx, &c->d, &why);
	if (ret == 0 && c->d.source != NULL) {
		ret = gw_ring_area_create(c->d.n_rings, c->config->ring_entries, &c->rings);
		if (ret == 0)
			gw_sink_init(&c->sink, &c->d, &c->rings, c->sock, c->wake_fd);
	}
	if (ret == 0)
		ret = send_hello(c);
	else
		send_error(c, GW_EXPORT_HELLO, ret, why.text);
	for (uint32_t i = 0; i < GW_EXPORT_MAX_REGIONS; i++) {
		if (c->d.region_fd[i] >= 0)
			close(c->d.region_fd[i]);
	}
	return ret;
}

static void stop_tracking(struct connection *c)
{
	if (!c->tracking)
		return;
	gw_sink_fail(&c->sink,
	        -ECANCELED); /* a thread in gw_export_push() would hold stop() up for ever */
	c->d.source->stop(c->d.source_ctx);
	c->tracking = false;
}

static int on_start(struct connection *c, struct gw_export_reason *why)
{
	int ret;

	if (c->tracking)
		return gw_export_why(why, -EALREADY, "tracking is on already");
	gw_sink_arm(&c->sink);
	ret = c->d.source->start(c->d.source_ctx, &c->sink, why);
	if (ret < 0)
		return ret;
	c->tracking = true;
	gw_sink_take_pages(&c->sink);
	return send_plain(c, GW_EXPORT_STARTED);
}

static int on_sync(struct connection *c, uint64_t epoch, struct gw_export_reason *why)
{
	struct gw_export_synced s = {.epoch = epoch};
	int ret;

	if (!c->tracking)
		return gw_export_why(why, -EINVAL, "SYNC without START");
	ret = c->d.source->harvest(c->d.source_ctx, &c->sink, why);
	if (gw_sink_error(&c->sink) < 0) /* also of pushes by other threads */
		ret = gw_sink_error(&c->sink);
	if (ret < 0) {
		/* What a failed harvest had taken is lost: no SYNC may succeed before a new START.
		 */
		gw_sink_fail(&c->sink, ret);
		c->over = ret == -EPIPE || ret == -ESHUTDOWN || ret == -EPROTO;
		return ret;
	}
	s.pages = gw_sink_take_pages(&c->sink);
	for (uint32_t i = 0; i < c->rings.n_rings; i++)
		s.head[i] = __atomic_load_n(&c->sink.ring[i].ring->head, __ATOMIC_ACQUIRE);
	return send_packet(c, &s, GW_EXPORT_SYNCED, sizeof(s), NULL, 0);
}

static int on_save(struct connection *c, struct gw_export_reason *why)
{
	struct gw_export_state s = {.size = 0};
	int fd = -1, ret;

	if (!c->config->lifecycle->paused(c->config->ctx))
		return gw_export_why(why, -EINVAL, "SAVE while the guest runs");
	ret = c->config->lifecycle->save(c->config->ctx, &fd, &s.size, why);
	if (ret < 0)
		return ret;
	c->saved = true;
	ret = send_packet(c, &s, GW_EXPORT_SAVED, sizeof(s), &fd, 1);
	close(fd);
	return ret;
}

static int on_load(struct connection *c, uint64_t size_bytes, int fd, struct gw_export_reason *why)
{
	struct stat st;
	int ret;

	if (!c->config->lifecycle->paused(c->config->ctx))
		return gw_export_why(why, -EINVAL, "LOAD while the guest runs");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < size_bytes)
		return gw_export_why(why, -EINVAL, "LOAD: the descriptor is smaller than its size");
	ret = c->config->lifecycle->load(c->config->ctx, fd, size_bytes, why);
	if (ret < 0)
		return ret;
	return send_plain(c, GW_EXPORT_LOADED);
}

static int on_pause(struct connection *c, struct gw_export_reason *why)
{
	bool was_paused = c->config->lifecycle->paused(c->config->ctx);
	int ret = c->config->lifecycle->pause(c->config->ctx, why);

	if (ret < 0)
		return ret;
	if (!was_paused)
		c->paused_here = true;
	return send_plain(c, GW_EXPORT_PAUSED);
}

static int on_resume(struct connection *c, struct gw_export_reason *why)
{
	int ret = c->config->lifecycle->resume(c->config->ctx, why);

	if (ret < 0)
		return ret;
	c->paused_here = false;
	c->saved = false;
	return send_plain(c, GW_EXPORT_RESUMED);
}

/* Size and descriptors of each request; 0: not a request. */
static size_t request_length(uint32_t type, unsigned int *n_fds)
{
	*n_fds = type == GW_EXPORT_LOAD ? 1 : 0;
	switch (type) {
	case GW_EXPORT_START:
	case GW_EXPORT_STOP:
	case GW_EXPORT_PAUSE:
	case GW_EXPORT_RESUME:
	case GW_EXPORT_SAVE:
	case GW_EXPORT_QUIT:
		return sizeof(struct gw_export_msg);
	case GW_EXPORT_SYNC:
		return sizeof(struct gw_export_sync);
	case GW_EXPORT_LOAD:
		return sizeof(struct gw_export_state);
	default:
		return 0;
	}
}

static bool supported(const struct connection *c, uint32_t type)
{
	bool tracks = type == GW_EXPORT_START || type == GW_EXPORT_STOP || type == GW_EXPORT_SYNC;

	return tracks ? c->d.source != NULL : c->config->lifecycle != NULL;
}

static int dispatch(
        struct connection *c, const union request *r, const int *fds, struct gw_export_reason *why)
{
	switch (r->msg.type) {
	case GW_EXPORT_START:
		return on_start(c, why);
	case GW_EXPORT_STOP:
		stop_tracking(c);
		return send_plain(c, GW_EXPORT_STOPPED);
	case GW_EXPORT_SYNC:
		return on_sync(c, r->sync.epoch, why);
	case GW_EXPORT_PAUSE:
		return on_pause(c, why);
	case GW_EXPORT_RESUME:
		return on_resume(c, why);
	case GW_EXPORT_SAVE:
		return on_save(c, why);
	case GW_EXPORT_LOAD:
		return on_load(c, r->state.size, fds[0], why);
	case GW_EXPORT_QUIT:
		c->quit = c->over = true;
		return 0;
	default:
		return -EINVAL; /* request_length() let none pass */
	}
}

static void serve_one(struct connection *c)
{
	struct gw_export_reason why = {""};
	union request r;
	int fds[GW_MSG_MAX_FDS];
	unsigned int n_fds, want_fds;
	size_t len;
	int ret;

	memset(&r, 0, sizeof(r));
	ret = gw_msg_recv(c->sock, &r, sizeof(r), &len, fds, &n_fds);
	if (ret <= 0) {
		c->over = ret < 0;
		return;
	}
	if (len < sizeof(r.msg) || r.msg.length != len ||
	        len != request_length(r.msg.type, &want_fds) || n_fds != want_fds)
		c->over = true;
	else if (!supported(c, r.msg.type))
		send_error(c, r.msg.type, -EOPNOTSUPP, "this exporter does not offer that");
	else
		ret = dispatch(c, &r, fds, &why);
	while (n_fds > 0)
		close(fds[--n_fds]);
	if (ret < 0 && !c->over)
		send_error(c, r.msg.type, ret, why.text);
}

static void wind_up(struct connection *c)
{
	struct gw_export_reason why;

	stop_tracking(c);
	if (c->quit)
		c->config->lifecycle->quit(c->config->ctx);
	else if (c->paused_here && !c->saved)
		c->config->lifecycle->resume(c->config->ctx, &why);
	gw_ring_area_free(&c->rings);
}

void gw_connection_serve(int sock, int wake_fd, const struct gw_export_config *config)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct pollfd p[2] = {
	        {.fd = sock, .events = POLLIN | POLLRDHUP},
	        {.fd = wake_fd, .events = POLLIN},
	};

	if (c == NULL)
		return;
	c->sock = sock;
	c->wake_fd = wake_fd;
	c->config = config;
	if (greet(c) == 0) {
		while (!c->over && p[1].revents == 0) {
			poll(p, 2, -1);
			serve_one(c);
		}
	}
	wind_up(c);
	free(c);
}
