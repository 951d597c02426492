/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated exporter behind dataplane/export/client.h: what godwitd hears from one, without its
 * socket. */
#include "exporter_internal.h"
#include "fds.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HELLO_RETRY_NS 5000000u

/* ---- what the client reads ---- */

void exporter_say(struct gw_exporter *x, const struct gw_exporter_event *ev)
{
	if (x->n_answers == EXPORTER_ANSWERS)
		abort();
	x->answer[x->n_answers++] = *ev;
	sim_fd_ready(x->fd, EPOLLIN, 5000);
}

void exporter_answer(struct gw_exporter *x, enum gw_export_type type)
{
	struct gw_exporter_event ev = {.type = type};

	exporter_say(x, &ev);
}

static int ask(struct gw_exporter *x, enum gw_export_type type, uint64_t value, int fd)
{
	if (x->inst == NULL)
		return -EPIPE;
	if (!x->hello)
		return -EINVAL;
	if (x->outstanding & 1u << type)
		return -EALREADY;
	x->outstanding |= 1u << type;
	x->request[x->n_requests++] =
		(struct exporter_request){type, value, fd >= 0 ? dup(fd) : -1};
	if (x->n_requests == 1)
		exporter_next(x);
	return 0;
}

int gw_exporter_start(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_START, 0, -1);
}

int gw_exporter_stop(struct gw_exporter *x)
{
	/* It ends a SYNC that waits for room. */
	return ask(x, GW_EXPORT_STOP, 0, -1);
}

int gw_exporter_sync(struct gw_exporter *x, uint64_t epoch, bool last)
{
	if (x->inst != NULL && last && x->inst->running)
		sim_broken("the last SYNC of %s, which runs", x->inst->vm->name);
	return ask(x, GW_EXPORT_SYNC, epoch, -1);
}

int gw_exporter_pause(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_PAUSE, 0, -1);
}

int gw_exporter_resume(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_RESUME, 0, -1);
}

int gw_exporter_save(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_SAVE, 0, -1);
}

int gw_exporter_load(struct gw_exporter *x, int fd, uint64_t size)
{
	return ask(x, GW_EXPORT_LOAD, size, fd);
}

int gw_exporter_quit(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_QUIT, 0, -1);
}

int gw_exporter_throttle(struct gw_exporter *x, uint32_t percent)
{
	return ask(x, GW_EXPORT_THROTTLE, percent, -1);
}

int gw_exporter_touch(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_TOUCH, 0, -1);
}

/* ---- the connection ---- */

static void describe(struct gw_exporter *x)
{
	struct gw_exporter_info *info = &x->info;
	const struct sim_instance *i = x->inst;

	info->caps = GW_EXPORT_CAP_TRACK | GW_EXPORT_CAP_LIFECYCLE | GW_EXPORT_CAP_THROTTLE |
		     (i->running ? 0 : GW_EXPORT_CAP_PAUSED) |
		     (i->incoming ? GW_EXPORT_CAP_INCOMING : 0);
	snprintf(info->vm_name, sizeof(info->vm_name), "%s", i->vm->name);
	info->pid = info->pidfd = i->pid;
	info->n_regions = i->vm->n_regions;
	for (uint32_t r = 0; r < i->vm->n_regions; r++) {
		struct gw_export_region *e = &info->region[r];

		*e = (struct gw_export_region){.size = i->vm->region_pages[r] * SIM_PAGE,
			.page_size = SIM_PAGE,
			.numa_node = -1,
			.flags = GW_EXPORT_REGION_TMPFS,
			.id = (uint8_t)(r * 3)};
		snprintf(e->name, sizeof(e->name), "ram%u", r);
		info->region_fd[r] = i->fd[r];
	}
	info->n_rings = i->vm->profile.n_rings;
	if (gw_ring_area_create(info->n_rings, i->vm->profile.ring_entries, &x->area) != 0)
		abort();
	for (uint32_t n = 0; n < info->n_rings; n++) {
		x->writer[n] = gw_ring_area_writer(&x->area, n);
		info->ring[n] = (struct gw_ring_reader){
			.ring = x->writer[n].ring, .mask = i->vm->profile.ring_entries - 1};
	}
}

/* One client at a time; the next one waits. */
static void greet(void *ctx)
{
	struct gw_exporter *x = ctx;

	if (x->inst->client != NULL) {
		sim_after(&x->service, HELLO_RETRY_NS, greet, x);
		return;
	}
	x->inst->client = x;
	x->inst->client_paused = x->inst->saved_for_client = false;
	x->hello = true;
	describe(x);
	exporter_answer(x, GW_EXPORT_HELLO);
}

/* Clients that wait for their turn are not in inst->client. */
static struct gw_exporter *waiting[64];

int gw_exporter_connect(const char *path, const char *vm_name, uint64_t state_limit_bytes,
	const struct gw_trust *trust, struct gw_exporter **out, struct gw_err *err)
{
	struct sim_instance *i = NULL;
	struct gw_exporter *x;
	unsigned int host;
	char vm[32];

	(void)vm_name;
	(void)state_limit_bytes;
	(void)trust;
	if (sscanf(path, "/sim/%u/%31[^.].export", &host, vm) == 2)
		i = sim_instance_find(host, vm);
	if (i == NULL)
		return gw_err(err, -ENOENT, "%s: nobody there", path);
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return -ENOMEM;
	x->inst = i;
	x->fd = sim_fd_new();
	x->area.fd = -1;
	for (uint32_t n = 0; n < 64; n++) {
		if (waiting[n] != NULL)
			continue;
		waiting[n] = x;
		break;
	}
	sim_after(&x->service, 50000, greet, x);
	*out = x;
	return 0;
}

void sim_exporter_gone(struct sim_instance *i)
{
	for (uint32_t n = 0; n < 64; n++) {
		struct gw_exporter *x = waiting[n];

		if (x == NULL || x->inst != i)
			continue;
		sim_stop(&x->service);
		sim_stop(&x->unblock);
		x->inst = NULL;
		sim_fd_ready(x->fd, EPOLLIN, 20000);
	}
	i->client = NULL;
	i->tracking = i->blocked = false;
}

void gw_exporter_free(struct gw_exporter **out)
{
	struct gw_exporter *x = *out;

	if (x == NULL)
		return;
	*out = NULL;
	sim_stop(&x->service);
	sim_stop(&x->unblock);
	sim_fd_not_ready(x->fd, EPOLLIN);
	for (uint32_t n = 0; n < 64; n++)
		if (waiting[n] == x)
			waiting[n] = NULL;
	for (uint32_t n = 0; n < x->n_requests; n++)
		if (x->request[n].fd >= 0)
			close(x->request[n].fd);
	for (uint32_t n = 0; n < x->n_answers; n++)
		if (x->answer[n].type == GW_EXPORT_SAVED)
			close(x->answer[n].saved.fd);
	if (x->inst != NULL && x->inst->client == x) {
		struct sim_instance *i = x->inst;

		i->client = NULL;
		i->tracking = i->blocked = false;
		i->stunned_pct = 0;
		if (i->client_paused && !i->saved_for_client)
			sim_instance_run(i);
	}
	gw_ring_area_free(&x->area);
	free(x);
}

int gw_exporter_fd(const struct gw_exporter *x)
{
	return x->fd;
}

const struct gw_exporter_info *gw_exporter_info(const struct gw_exporter *x)
{
	return &x->info;
}

int gw_exporter_read(struct gw_exporter *x, struct gw_exporter_event *ev, struct gw_err *err)
{
	if (x->n_answers == 0) {
		if (x->inst == NULL)
			return gw_err(err, -EPIPE, "the exporter is gone");
		sim_fd_not_ready(x->fd, EPOLLIN);
		return 0;
	}
	*ev = x->answer[0];
	memmove(x->answer, x->answer + 1, --x->n_answers * sizeof(*ev));
	return 1;
}
