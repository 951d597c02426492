/* SPDX-License-Identifier: BSD-3-Clause */
#include "answer.h"
#include "dial.h"
#include "hello.h"
#include "maker.h"
#include "msg.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int gw_exporter_connect(const char *path, const char *vm_name, uint64_t state_limit_bytes,
	const struct gw_trust *trust, struct gw_exporter **out, struct gw_err *err)
{
	struct ucred peer;
	struct gw_exporter *x = calloc(1, sizeof(*x));
	int ret;

	if (x == NULL)
		return gw_err(err, -ENOMEM, "%s: out of memory", path);
	snprintf(x->vm_name, sizeof(x->vm_name), "%s", vm_name);
	x->state_limit_bytes = state_limit_bytes;
	x->info.pidfd = -1;
	x->sock = gw_dial(path, SOCK_SEQPACKET, err);
	if (x->sock < 0) {
		ret = x->sock;
		goto fail;
	}
	ret = gw_trust_peer(trust, x->sock, path, &peer, err);
	if (ret == 0)
		ret = x->info.pidfd = gw_maker_hold(x->sock, &peer, path, err);
	if (ret < 0)
		goto fail;
	x->info.pid = peer.pid;
	x->info.uid = peer.uid;
	*out = x;
	return 0;

fail:
	gw_exporter_free(&x);
	return ret;
}

void gw_exporter_free(struct gw_exporter **x)
{
	struct gw_exporter *e = *x;

	if (e == NULL)
		return;
	if (e->ring_map != NULL)
		munmap(e->ring_map, e->ring_map_bytes);
	if (e->hello_seen) {
		for (uint32_t i = 0; i < e->info.n_regions; i++)
			close(e->info.region_fd[i]);
	}
	if (e->info.pidfd >= 0)
		close(e->info.pidfd);
	if (e->sock >= 0)
		close(e->sock);
	free(e);
	*x = NULL;
}

int gw_exporter_fd(const struct gw_exporter *x)
{
	return x->sock;
}

const struct gw_exporter_info *gw_exporter_info(const struct gw_exporter *x)
{
	return &x->info;
}

/* Where this process may not open it either, the exporter does without. */
static bool lend_uffd(struct gw_exporter *x)
{
	struct gw_export_msg m = {GW_EXPORT_UFFD, sizeof(m)};
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	int ret;

	if (dev < 0)
		return false;
	ret = gw_msg_send(x->sock, &m, sizeof(m), &dev, 1);
	close(dev);
	return ret == 0;
}

/* Takes over the region descriptors on success. */
static int read_hello(struct gw_exporter *x, const struct gw_export_hello *hello, size_t len,
	const int *fds, unsigned int n_fds, struct gw_err *err)
{
	unsigned int ring_fds = hello->caps & GW_EXPORT_CAP_TRACK ? 1 : 0;
	int ret = gw_hello_check(hello, len, x->vm_name, fds, n_fds, &x->info, err);

	if (ret < 0)
		return ret;
	if ((hello->caps & GW_EXPORT_CAP_WANTS_UFFD) && !x->uffd_lent && lend_uffd(x)) {
		/* This HELLO is void, and another one comes. */
		x->uffd_lent = true;
		while (n_fds > 0)
			close(fds[--n_fds]);
		return 0;
	}
	x->info.uffd_lent = x->uffd_lent;
	if (ring_fds != 0) {
		ret = gw_hello_map_rings(
			hello, fds[0], &x->info, &x->ring_map, &x->ring_map_bytes, err);
		if (ret < 0)
			return ret;
		close(fds[0]);
	}
	for (uint32_t i = 0; i < hello->n_regions; i++)
		x->info.region_fd[i] = fds[ring_fds + i];
	x->hello_seen = true;
	return 1;
}

int gw_exporter_read(struct gw_exporter *x, struct gw_exporter_event *ev, struct gw_err *err)
{
	union gw_packet p;
	int fds[GW_MSG_MAX_FDS];
	unsigned int n_fds;
	size_t len;
	int ret;

	memset(&p, 0, sizeof(p));
	ret = gw_msg_recv(x->sock, &p, sizeof(p), &len, fds, &n_fds);
	if (ret == 0)
		return 0;
	if (ret == -EPIPE)
		return gw_err(err, ret, "the exporter is gone");
	if (ret == -EMSGSIZE)
		return gw_err(err, -EPROTO, "a packet longer or with more descriptors than any");
	if (ret < 0)
		return gw_err(err, ret, "export socket: %s", strerror(-ret));

	if (len < sizeof(p.msg) || p.msg.length != len)
		ret = gw_err(err, -EPROTO, "a packet of %zu bytes says it has %u", len,
			len < sizeof(p.msg) ? 0 : p.msg.length);
	else if (!x->hello_seen && p.msg.type == GW_EXPORT_HELLO) {
		ev->type = GW_EXPORT_HELLO;
		ret = read_hello(x, &p.hello, len, fds, n_fds, err);
	} else if (!x->hello_seen && p.msg.type != GW_EXPORT_ERROR)
		ret = gw_err(err, -EPROTO, "message type %u before HELLO", p.msg.type);
	else
		ret = gw_answer_read(x, &p, len, fds, n_fds, ev, err);
	if (ret < 0) {
		while (n_fds > 0)
			close(fds[--n_fds]);
	}
	return ret;
}

static int request(struct gw_exporter *x, enum gw_export_type type, void *msg, size_t len,
	uint32_t cap, const int *fd)
{
	struct gw_export_msg *m = msg;
	int ret;

	if (!x->hello_seen || !(x->info.caps & cap))
		return -EINVAL;
	if (x->outstanding & 1u << type)
		return -EALREADY;
	m->type = type;
	m->length = (uint32_t)len;
	ret = gw_msg_send(x->sock, msg, len, fd, fd != NULL ? 1 : 0);
	if (ret == 0)
		x->outstanding |= 1u << type;
	return ret;
}

static int request_plain(struct gw_exporter *x, enum gw_export_type type, uint32_t cap)
{
	struct gw_export_msg m;

	return request(x, type, &m, sizeof(m), cap, NULL);
}

int gw_exporter_start(struct gw_exporter *x)
{
	return request_plain(x, GW_EXPORT_START, GW_EXPORT_CAP_TRACK);
}

int gw_exporter_stop(struct gw_exporter *x)
{
	return request_plain(x, GW_EXPORT_STOP, GW_EXPORT_CAP_TRACK);
}

int gw_exporter_sync(struct gw_exporter *x, uint64_t epoch, bool last)
{
	struct gw_export_sync m = {.epoch = epoch, .flags = last ? GW_EXPORT_SYNC_LAST : 0};
	bool flags = m.flags != 0 && (x->info.caps & GW_EXPORT_CAP_SYNC_FLAGS);
	int ret = request(x, GW_EXPORT_SYNC, &m, flags ? sizeof(m) : GW_EXPORT_SYNC_PLAIN_BYTES,
		GW_EXPORT_CAP_TRACK, NULL);

	if (ret == 0)
		x->sync_epoch = epoch;
	return ret;
}

int gw_exporter_pause(struct gw_exporter *x)
{
	return request_plain(x, GW_EXPORT_PAUSE, GW_EXPORT_CAP_LIFECYCLE);
}

int gw_exporter_resume(struct gw_exporter *x)
{
	struct gw_export_resume m = {.flags = GW_EXPORT_RESUME_AT};
	bool at = (x->info.caps & GW_EXPORT_CAP_RESUME_FLAGS) != 0;
	int ret = request(x, GW_EXPORT_RESUME, &m, at ? sizeof(m) : sizeof(m.msg),
		GW_EXPORT_CAP_LIFECYCLE, NULL);

	if (ret == 0)
		x->resume_at = at;
	return ret;
}

int gw_exporter_save(struct gw_exporter *x)
{
	return request_plain(x, GW_EXPORT_SAVE, GW_EXPORT_CAP_LIFECYCLE);
}

int gw_exporter_load(struct gw_exporter *x, int fd, uint64_t size)
{
	struct gw_export_state m = {.size = size};

	return request(x, GW_EXPORT_LOAD, &m, sizeof(m), GW_EXPORT_CAP_LIFECYCLE, &fd);
}

int gw_exporter_quit(struct gw_exporter *x)
{
	return request_plain(x, GW_EXPORT_QUIT, GW_EXPORT_CAP_LIFECYCLE);
}

int gw_exporter_throttle(struct gw_exporter *x, uint32_t percent)
{
	struct gw_export_throttle m = {.percent = percent};

	return request(x, GW_EXPORT_THROTTLE, &m, sizeof(m), GW_EXPORT_CAP_THROTTLE, NULL);
}

int gw_exporter_touch(struct gw_exporter *x)
{
	return request_plain(x, GW_EXPORT_TOUCH, GW_EXPORT_CAP_TOUCH);
}
