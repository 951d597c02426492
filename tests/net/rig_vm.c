/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of one VM on both sides of the rig, and its exporter. */
#include "rig.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/memory/bitmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct count_wait {
	unsigned int type;
	uint64_t count;
};

static bool counted(void *ctx)
{
	const struct count_wait *w = ctx;

	return rig_events[w->type] >= w->count;
}

bool rig_wait_event(struct rig *rig, enum gw_dp_event_type type, uint64_t count)
{
	struct count_wait w = {type, count};

	return rig_wait(rig, counted, &w);
}

static int map_side(int *fd, uint8_t **mem, struct gw_ram **ram, uint64_t bytes, bool writable)
{
	struct gw_ram_region region = {.id = 3, .size = bytes};
	struct gw_err err;

	*fd = memfd_create("rig", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes) != 0)
		return -errno;
	*mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (*mem == MAP_FAILED)
		return -errno;
	region.fd = *fd;
	return gw_ram_map(&region, 1, writable, ram, &err);
}

static void fill_page(uint8_t *page, uint64_t value)
{
	for (unsigned int i = 0; i < 512; i++)
		((uint64_t *)(void *)page)[i] = value + i;
}

static int mark(void *ctx, uint64_t first, uint64_t count)
{
	gw_dp_source_mark_data(ctx, 0, first, count);
	return 0;
}

int rig_vm_create(struct rig *rig, struct rig_vm *vm, uint64_t pages, uint32_t ring_entries)
{
	struct gw_ring_reader reader;
	struct gw_dp_source_conf source = {.link = rig->out,
		.ring = &reader,
		.n_rings = 1,
		.state_limit_mib = 8,
		.weight = 1,
		.ctx = vm};
	struct gw_dp_sink_conf sink = {.link = rig->in, .state_limit_mib = 8, .ctx = vm};
	uint64_t rng = rig->seed * 2 + 1;
	struct gw_err err = {""};
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->pages = pages;
	ret = map_side(&vm->fd_a, &vm->mem_a, &vm->ram_a, pages * 4096, false);
	if (ret == 0)
		ret = map_side(&vm->fd_b, &vm->mem_b, &vm->ram_b, pages * 4096, true);
	if (ret != 0)
		return ret;
	vm->dirty = gw_bitmap_create((pages + 63) / 64);
	vm->ring_entries = ring_entries;
	vm->ring = aligned_alloc(64, sizeof(*vm->ring) + ring_entries * 8);
	memset(vm->ring, 0, sizeof(*vm->ring) + ring_entries * 8);
	/* A third data, a third zero pages, a third holes, in stretches. */
	for (uint64_t page = 0; page < pages;) {
		uint64_t n = 1 + rig_random(&rng) % 40, kind = rig_random(&rng) % 3;

		for (; n != 0 && page < pages; n--, page++) {
			if (kind == 0)
				fill_page(vm->mem_a + page * 4096, rig_random(&rng));
			else if (kind == 1)
				memset(vm->mem_a + page * 4096, 0, 4096);
		}
	}
	sink.ram = vm->ram_b;
	ret = gw_dp_sink_create(rig->b, &sink, &vm->sink, &err);
	if (ret != 0)
		goto out;
	source.ram = vm->ram_a;
	source.stream = gw_dp_sink_stream(vm->sink);
	reader = (struct gw_ring_reader){vm->ring, 0, ring_entries - 1};
	ret = gw_dp_source_create(rig->a, &source, &vm->source, &err);
	if (ret != 0)
		goto out;
	ret = gw_ram_extents(vm->ram_a, 0, 0, UINT64_MAX, mark, vm->source);
	gw_dp_source_mark_all(vm->source);
out:
	if (ret != 0)
		fprintf(stderr, "rig: vm: %d %s\n", ret, err.text);
	return ret;
}

void rig_vm_write(struct rig_vm *vm, uint64_t page, uint64_t value)
{
	if (value == 0)
		memset(vm->mem_a + page * 4096, 0, 4096);
	else
		fill_page(vm->mem_a + page * 4096, value);
	gw_bitmap_set(vm->dirty, page);
}

/* Waits for room, as a scanning exporter does. */
static bool push(struct rig *rig, struct rig_vm *vm, uint64_t entry)
{
	uint64_t until_ns = gw_now_ns() + RIG_WAIT_NS;

	(void)rig;
	while (vm->ring->head - __atomic_load_n(&vm->ring->tail, __ATOMIC_ACQUIRE) ==
		vm->ring_entries) {
		if (gw_now_ns() > until_ns)
			return false;
		usleep(50);
	}
	vm->ring->entry[vm->ring->head & (vm->ring_entries - 1)] = entry;
	__atomic_store_n(&vm->ring->head, vm->ring->head + 1, __ATOMIC_RELEASE);
	return true;
}

bool rig_vm_harvest(struct rig *rig, struct rig_vm *vm)
{
	uint64_t drained = rig_events[GW_DP_DRAINED];
	uint64_t head;

	for (uint64_t w = 0; w < (vm->pages + 63) / 64; w++) {
		uint64_t bits = __atomic_exchange_n(&vm->dirty[w], 0, __ATOMIC_ACQ_REL);

		for (; bits != 0; bits &= bits - 1)
			if (!push(rig, vm,
				    gw_export_entry(
					    w * 64 + (unsigned int)__builtin_ctzll(bits), 1, 3)))
				return false;
	}
	head = vm->ring->head;
	return gw_dp_source_drain_to(vm->source, &head, 1) == 0 &&
	       rig_wait_event(rig, GW_DP_DRAINED, drained + 1);
}

static bool source_idle(void *ctx)
{
	return gw_dp_source_idle(((struct rig_vm *)ctx)->source);
}

bool rig_vm_epoch(struct rig *rig, struct rig_vm *vm)
{
	uint64_t opened = rig_events[GW_DP_OPENED];

	return gw_dp_source_open(vm->source, ++vm->label) == 0 &&
	       rig_wait_event(rig, GW_DP_OPENED, opened + 1) && rig_wait(rig, source_idle, vm);
}

int64_t rig_vm_find_holes(struct rig_vm *vm)
{
	uint64_t slice = 0;
	int64_t found = gw_dp_source_find_holes(vm->source, &slice);

	gw_dp_source_still(vm->source);
	return found;
}

int64_t rig_vm_finish(struct rig *rig, struct rig_vm *vm)
{
	uint64_t fenced = rig_events[GW_DP_FENCED];
	struct gw_dp_source_stats stats;
	int64_t differ = 0;

	/* As a session does once its guest stands: what was left to a further epoch gets one. */
	if (rig_vm_find_holes(vm) < 0)
		return -1;
	gw_dp_source_stats(vm->source, &stats);
	if (stats.next_pages != 0 && !rig_vm_epoch(rig, vm))
		return -1;
	gw_dp_sink_fence(vm->sink);
	if (!rig_wait_event(rig, GW_DP_FENCED, fenced + 1))
		return -1;
	for (uint64_t page = 0; page < vm->pages; page++)
		differ += memcmp(vm->mem_a + page * 4096, vm->mem_b + page * 4096, 4096) != 0;
	return differ;
}

void rig_vm_free(struct rig *rig, struct rig_vm *vm)
{
	uint64_t closed = rig_events[GW_DP_SOURCE_CLOSED];

	gw_dp_source_close(vm->source);
	rig_wait_event(rig, GW_DP_SOURCE_CLOSED, closed + 1);
	gw_dp_source_free(&vm->source);
	gw_dp_sink_free(&vm->sink);
	gw_ram_free(&vm->ram_a);
	gw_ram_free(&vm->ram_b);
	munmap(vm->mem_a, vm->pages * 4096);
	munmap(vm->mem_b, vm->pages * 4096);
	close(vm->fd_a);
	close(vm->fd_b);
	gw_bitmap_free(vm->dirty, (vm->pages + 63) / 64);
	free(vm->ring);
}
