/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest.h"
#include "push_source.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct guest_header guest_status(const struct guest *g)
{
	struct guest_header h = {.counter = 0};

	if (g->n_workers > 0) {
		ticker_sums(&g->ticker, &h);
		h.counter = __atomic_load_n(&g->ticker.counter, __ATOMIC_RELAXED);
	}
	h.errors += __atomic_load_n(&g->load_errors, __ATOMIC_RELAXED);
	return h;
}

void guest_make_threads(struct guest *g)
{
	if (g->n_workers > 0)
		ticker_destroy(&g->ticker);
	while (g->n_workers > 0)
		worker_destroy(&g->worker[--g->n_workers]);
	for (uint32_t i = 0; i < g->profile.threads; i++)
		worker_init(&g->worker[i], &g->profile, &g->ram, i);
	g->n_workers = g->profile.threads;
	ticker_init(&g->ticker, &g->ram, g->worker, g->n_workers, g->profile.counter);
}

static int start_threads(struct guest *g, struct gw_export_reason *why)
{
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < g->n_workers; i++)
		ret = worker_start(&g->worker[i]);
	if (ret == 0)
		ret = ticker_start(&g->ticker);
	if (ret < 0)
		return gw_export_why(why, ret, "thread: %s", strerror(-ret));
	g->started = true;
	return 0;
}

static void set_paused(struct guest *g, bool paused)
{
	for (uint32_t i = 0; i < g->n_workers; i++) {
		worker_lock(&g->worker[i]);
		g->worker[i].paused = paused;
		worker_unlock(&g->worker[i]);
	}
	ticker_lock(&g->ticker);
	g->ticker.paused = paused;
	ticker_unlock(&g->ticker);
	g->paused = paused;
}

static int on_pause(void *ctx, struct gw_export_reason *why)
{
	struct guest *g = ctx;

	(void)why;
	if (!g->paused)
		set_paused(g, true);
	return 0;
}

static int on_resume(void *ctx, struct gw_export_reason *why)
{
	struct guest *g = ctx;
	int ret;

	if (g->n_workers == 0)
		return gw_export_why(why, -EINVAL, "nothing was loaded that could run");
	if (!g->started) {
		ret = start_threads(g, why);
		if (ret < 0)
			return ret;
	}
	set_paused(g, false);
	return 0;
}

static bool on_paused(void *ctx)
{
	return ((struct guest *)ctx)->paused;
}

static int on_save(void *ctx, int *fd, uint64_t *size_bytes, struct gw_export_reason *why)
{
	struct guest *g = ctx;

	if (g->n_workers == 0)
		return gw_export_why(why, -EINVAL, "nothing was loaded that could be saved");
	worker_lock(&g->worker[0]);
	worker_write(&g->worker[0], g->options->save_writes);
	worker_unlock(&g->worker[0]);
	return guest_state_save(g, fd, size_bytes, why);
}

static int on_load(void *ctx, int fd, uint64_t size_bytes, struct gw_export_reason *why)
{
	struct guest *g = ctx;

	if (g->started)
		return gw_export_why(why, -EBUSY, "a guest lives here already");
	return guest_state_load(g, fd, size_bytes, why);
}

static bool on_incoming(void *ctx)
{
	return ((struct guest *)ctx)->n_workers == 0;
}

static void on_quit(void *ctx)
{
	eventfd_write(((struct guest *)ctx)->quit_fd, 1);
}

const struct gw_export_lifecycle_ops *guest_lifecycle_ops(void)
{
	static const struct gw_export_lifecycle_ops ops = {
		.pause = on_pause,
		.resume = on_resume,
		.paused = on_paused,
		.save = on_save,
		.load = on_load,
		.quit = on_quit,
		.incoming = on_incoming,
	};

	return &ops;
}

void guest_throttle(void *ctx, uint32_t percent)
{
	struct guest *g = ctx;

	__atomic_store_n(&g->stunned_pct, percent, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < g->n_workers; i++)
		worker_stun(&g->worker[i], percent);
}

static void describe_regions(const struct guest *g, struct gw_export_description *d)
{
	for (uint32_t i = 0; i < g->ram.n_regions; i++) {
		struct gw_export_region *r = &d->region[i];

		r->size = g->ram.region_pages * GUEST_PAGE_BYTES;
		r->page_size = g->ram.page_size;
		r->numa_node = -1;
		r->flags = g->ram.region_flags;
		r->id = (uint8_t)i;
		snprintf(r->name, sizeof(r->name), "ram%u", i);
		d->region_fd[i] = fcntl(g->ram.fd[i], F_DUPFD_CLOEXEC, 0);
		d->region_addr[i] = g->ram.base[i];
	}
	d->n_regions = g->ram.n_regions;
}

int guest_describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	struct guest *g = ctx;
	struct gw_uffd_range range[GW_EXPORT_MAX_REGIONS];
	struct gw_export_reason track_why;

	(void)why;
	snprintf(d->vm_name, sizeof(d->vm_name), "%s", g->options->vm_name);
	describe_regions(g, d);
	if (g->options->push_source) {
		d->source = guest_push_source_ops();
		d->source_ctx = g;
		d->n_rings = g->n_workers + 1;
		return 0;
	}
	for (uint32_t i = 0; i < g->ram.n_regions; i++)
		range[i] = (struct gw_uffd_range){g->ram.base[i], d->region[i].size, (uint8_t)i};
	gw_uffd_source_free(&g->source);
	if (gw_uffd_source_create(range, g->ram.n_regions, &g->source, &track_why) < 0) {
		snprintf(d->track_error, sizeof(d->track_error), "%s", track_why.text);
		return 0;
	}
	d->source = gw_uffd_source_ops();
	d->source_ctx = g->source;
	d->n_rings = 1;
	return 0;
}

int guest_create(const struct guest_options *o, struct guest **out, struct gw_export_reason *why)
{
	struct guest *g = calloc(1, sizeof(*g));
	int ret;

	if (g == NULL)
		return gw_export_why(why, -ENOMEM, "out of memory");
	g->options = o;
	g->profile = o->profile;
	g->paused = true;
	g->quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->quit_fd < 0) {
		ret = gw_export_why(why, -errno, "eventfd: %s", strerror(errno));
		goto err;
	}
	ret = guest_ram_create(&g->profile, o->mem_path, &g->ram, why);
	if (ret < 0)
		goto err_quit_fd;
	if (!o->incoming) {
		guest_make_threads(g);
		for (uint32_t i = 0; i < g->n_workers; i++)
			worker_populate(&g->worker[i]);
		ret = on_resume(g, why);
		if (ret < 0)
			goto err_all;
	}
	*out = g;
	return 0;

err_all:
	guest_free(&g);
	return ret;
err_quit_fd:
	close(g->quit_fd);
err:
	free(g);
	return ret;
}

void guest_free(struct guest **guest)
{
	struct guest *g = *guest;

	if (g == NULL)
		return;
	for (uint32_t i = 0; i < g->n_workers; i++)
		worker_stop(&g->worker[i]);
	if (g->n_workers > 0) {
		ticker_stop(&g->ticker);
		ticker_destroy(&g->ticker);
	}
	while (g->n_workers > 0)
		worker_destroy(&g->worker[--g->n_workers]);
	gw_uffd_source_free(&g->source);
	guest_ram_free(&g->ram);
	close(g->quit_fd);
	free(g);
	*guest = NULL;
}
