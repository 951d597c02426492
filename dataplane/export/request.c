/* SPDX-License-Identifier: BSD-3-Clause */
#include "request.h"
#include "../base/clock.h"
#include "touch.h"
#include "uffd_open.h"
#include "work_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int send_plain(struct gw_connection *c, enum gw_export_type type)
{
	struct gw_export_msg m;

	return gw_connection_send(c, &m, type, sizeof(m), NULL, 0);
}

void gw_connection_stop_tracking(struct gw_connection *c)
{
	if (!c->tracking)
		return;
	/* A thread that waits in gw_export_push() would hold stop() up for ever. */
	gw_sink_fail(&c->sink, -ECANCELED);
	c->d.source->stop(c->d.source_ctx);
	c->tracking = false;
}

static int on_start(struct gw_connection *c, struct gw_export_reason *why)
{
	int ret;

	if (c->tracking)
		return gw_export_why(why, -EALREADY, "tracking is on already");
	gw_sink_arm(&c->sink);
	ret = c->d.source->start(c->d.source_ctx, &c->sink, why);
	if (ret < 0)
		return ret;
	gw_work_memory_hold();
	c->tracking = true;
	gw_sink_take_pages(&c->sink);
	return send_plain(c, GW_EXPORT_STARTED);
}

static int harvest(struct gw_connection *c, bool last, struct gw_export_reason *why)
{
	const struct gw_export_source_ops *ops = c->d.source;

	if (last && ops->harvest_last != NULL)
		return ops->harvest_last(c->d.source_ctx, &c->sink, why);
	return ops->harvest(c->d.source_ctx, &c->sink, why);
}

static int on_sync(
	struct gw_connection *c, const struct gw_export_sync *m, struct gw_export_reason *why)
{
	bool last = m->msg.length == sizeof(*m) && (m->flags & GW_EXPORT_SYNC_LAST);
	struct gw_export_synced s = {.epoch = m->epoch};
	int ret;

	if (!c->tracking)
		return gw_export_why(why, -EINVAL, "SYNC without START");
	ret = harvest(c, last, why);
	if (gw_sink_error(&c->sink) < 0) /* also of pushes by other threads */
		ret = gw_sink_error(&c->sink);
	if (ret < 0) {
		/* What it had taken is lost: no SYNC may succeed before a new START. */
		gw_sink_fail(&c->sink, ret);
		c->over = ret == -EPIPE || ret == -ESHUTDOWN || ret == -EPROTO;
		return ret;
	}
	s.pages = gw_sink_take_pages(&c->sink);
	for (uint32_t i = 0; i < c->rings.n_rings; i++)
		s.head[i] = __atomic_load_n(&c->sink.ring[i].ring->head, __ATOMIC_ACQUIRE);
	return gw_connection_send(c, &s, GW_EXPORT_SYNCED, sizeof(s), NULL, 0);
}

static int on_save(struct gw_connection *c, struct gw_export_reason *why)
{
	struct gw_export_state s = {.size = 0};
	int fd = -1, ret;

	if (!c->config->lifecycle->paused(c->config->ctx))
		return gw_export_why(why, -EINVAL, "SAVE while the guest runs");
	ret = c->config->lifecycle->save(c->config->ctx, &fd, &s.size, why);
	if (ret < 0)
		return ret;
	c->saved = true;
	ret = gw_connection_send(c, &s, GW_EXPORT_SAVED, sizeof(s), &fd, 1);
	close(fd);
	return ret;
}

static int on_load(
	struct gw_connection *c, uint64_t size_bytes, int fd, struct gw_export_reason *why)
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

static int on_pause(struct gw_connection *c, struct gw_export_reason *why)
{
	bool was_paused = c->config->lifecycle->paused(c->config->ctx);
	int ret = c->config->lifecycle->pause(c->config->ctx, why);

	if (ret < 0)
		return ret;
	if (!was_paused)
		c->paused_here = true;
	return send_plain(c, GW_EXPORT_PAUSED);
}

static int on_resume(
	struct gw_connection *c, const struct gw_export_resume *r, struct gw_export_reason *why)
{
	struct gw_export_resumed s = {.at_ns = gw_now_ns()};
	int ret = c->config->lifecycle->resume(c->config->ctx, why);

	if (ret < 0)
		return ret;
	c->paused_here = false;
	c->saved = false;
	if (r->msg.length == sizeof(*r) && (r->flags & GW_EXPORT_RESUME_AT) != 0)
		return gw_connection_send(c, &s, GW_EXPORT_RESUMED, sizeof(s), NULL, 0);
	return send_plain(c, GW_EXPORT_RESUMED);
}

static int on_throttle(struct gw_connection *c, uint32_t percent, struct gw_export_reason *why)
{
	if (percent > GW_EXPORT_THROTTLE_MAX)
		return gw_export_why(why, -EINVAL, "THROTTLE %u: 0..%u are allowed", percent,
			GW_EXPORT_THROTTLE_MAX);
	c->config->throttle(c->config->ctx, percent);
	c->throttled = percent != 0;
	return send_plain(c, GW_EXPORT_THROTTLED);
}

bool gw_request_can_touch(const struct gw_connection *c)
{
	for (uint32_t i = 0; i < c->d.n_regions; i++)
		if (c->d.region_addr[i] == NULL)
			return false;
	return c->d.n_regions > 0;
}

static int on_touch(struct gw_connection *c)
{
	gw_work_memory_hold();
	for (uint32_t i = 0; i < c->d.n_regions; i++) {
		const struct gw_export_region *r = &c->d.region[i];

		/* Its files do not tell holes, and each page is dear. */
		if (r->flags & GW_EXPORT_REGION_HUGETLB)
			continue;
		gw_touch_region(c->d.region_addr[i], r->size, c->d.region_fd[i], r->file_offset);
	}
	return send_plain(c, GW_EXPORT_TOUCHED);
}

/* Readers of the first HELLO's rings would be left behind: only who has asked for nothing yet. */
static void on_uffd(struct gw_connection *c, int fd)
{
	int dev = c->asked ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (dev >= 0)
		gw_uffd_lend(dev);
	if (dev < 0 || gw_connection_greet(c) < 0)
		c->over = true;
	c->asked = true;
}

/* Size and descriptors of each request; 0: not a request. */
static size_t request_length(const struct gw_export_msg *m, unsigned int *n_fds)
{
	uint32_t type = m->type;

	*n_fds = type == GW_EXPORT_LOAD || type == GW_EXPORT_UFFD ? 1 : 0;
	switch (type) {
	case GW_EXPORT_START:
	case GW_EXPORT_STOP:
	case GW_EXPORT_PAUSE:
	case GW_EXPORT_SAVE:
	case GW_EXPORT_QUIT:
	case GW_EXPORT_UFFD:
	case GW_EXPORT_TOUCH:
		return sizeof(struct gw_export_msg);
	case GW_EXPORT_SYNC:
		return m->length == GW_EXPORT_SYNC_PLAIN_BYTES ? GW_EXPORT_SYNC_PLAIN_BYTES
							       : sizeof(struct gw_export_sync);
	case GW_EXPORT_RESUME:
		return m->length == sizeof(*m) ? sizeof(*m) : sizeof(struct gw_export_resume);
	case GW_EXPORT_LOAD:
		return sizeof(struct gw_export_state);
	case GW_EXPORT_THROTTLE:
		return sizeof(struct gw_export_throttle);
	default:
		return 0;
	}
}

static bool supported(const struct gw_connection *c, uint32_t type)
{
	bool tracks = type == GW_EXPORT_START || type == GW_EXPORT_STOP || type == GW_EXPORT_SYNC;

	if (type == GW_EXPORT_TOUCH)
		return gw_request_can_touch(c);
	if (type == GW_EXPORT_THROTTLE)
		return c->config->throttle != NULL;
	return tracks ? c->d.source != NULL : c->config->lifecycle != NULL;
}

static int dispatch(struct gw_connection *c, const union gw_request *r, const int *fds,
	struct gw_export_reason *why)
{
	switch (r->msg.type) {
	case GW_EXPORT_START:
		return on_start(c, why);
	case GW_EXPORT_STOP:
		gw_connection_stop_tracking(c);
		return send_plain(c, GW_EXPORT_STOPPED);
	case GW_EXPORT_SYNC:
		return on_sync(c, &r->sync, why);
	case GW_EXPORT_PAUSE:
		return on_pause(c, why);
	case GW_EXPORT_RESUME:
		return on_resume(c, &r->resume, why);
	case GW_EXPORT_SAVE:
		return on_save(c, why);
	case GW_EXPORT_LOAD:
		return on_load(c, r->state.size, fds[0], why);
	case GW_EXPORT_THROTTLE:
		return on_throttle(c, r->throttle.percent, why);
	case GW_EXPORT_TOUCH:
		return on_touch(c);
	case GW_EXPORT_QUIT:
		c->quit = c->over = true;
		return 0;
	default:
		return -EINVAL; /* request_length() let none pass */
	}
}

void gw_request_serve(struct gw_connection *c, const union gw_request *r, size_t len,
	const int *fds, unsigned int n_fds)
{
	struct gw_export_reason why = {""};
	unsigned int want_fds;
	int ret;

	if (len < sizeof(r->msg) || r->msg.length != len ||
		len != request_length(&r->msg, &want_fds) || n_fds != want_fds) {
		c->over = true;
		return;
	}
	if (r->msg.type == GW_EXPORT_UFFD) {
		on_uffd(c, fds[0]);
		return;
	}
	c->asked = true;
	if (!supported(c, r->msg.type))
		ret = gw_export_why(&why, -EOPNOTSUPP, "this exporter does not offer that");
	else
		ret = dispatch(c, r, fds, &why);
	if (ret < 0 && !c->over)
		gw_connection_send_error(c, r->msg.type, ret, why.text);
}
