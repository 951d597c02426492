/* SPDX-License-Identifier: BSD-3-Clause */
/* The exporter's rings: dirty pages go in at once, or when they are harvested. */
#include "breaks.h"
#include "exporter_internal.h"

#define RETRY_NS 50000u

static int push(struct gw_exporter *x, uint32_t ring, uint64_t flat, uint32_t count)
{
	const struct sim_vm *vm = x->inst->vm;
	uint32_t r = 0;

	if (sim_breaks(SIM_BREAK_LOSE_DIRTY) && sim_chance(0.02))
		return 0;
	while (flat >= vm->region_pages[r])
		flat -= vm->region_pages[r++];
	return gw_ring_push(&x->writer[ring], gw_export_entry(flat, count, x->info.region[r].id));
}

bool exporter_harvest(struct gw_exporter *x, uint64_t *scan)
{
	struct sim_instance *i = x->inst;
	uint64_t words = (i->vm->pages + 63) / 64;

	for (; *scan < words; (*scan)++) {
		while (i->dirty[*scan] != 0) {
			unsigned int bit = (unsigned int)__builtin_ctzll(i->dirty[*scan]);

			if (push(x, 0, *scan * 64 + bit, 1) != 0)
				return false;
			i->dirty[*scan] &= ~(UINT64_C(1) << bit);
		}
	}
	return true;
}

/* The vCPU waits until its page fits into the ring. */
static void unblock(void *ctx)
{
	struct gw_exporter *x = ctx;
	uint64_t scan = 0;

	if (exporter_harvest(x, &scan))
		x->inst->blocked = false;
	else
		sim_after(&x->unblock, RETRY_NS, unblock, x);
}

void sim_exporter_pages(struct sim_instance *i, uint64_t flat, uint64_t count)
{
	struct gw_exporter *x = i->client;

	for (; count > 0; flat++, count--) {
		if (i->vm->profile.push && push(x, sim_below(x->info.n_rings), flat, 1) == 0)
			continue;
		i->dirty[flat / 64] |= UINT64_C(1) << (flat % 64);
		if (!i->vm->profile.push || i->blocked)
			continue;
		i->blocked = true;
		sim_after(&x->unblock, RETRY_NS, unblock, x);
	}
}
