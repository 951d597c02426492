/* SPDX-License-Identifier: BSD-3-Clause */
/* One round of a worker. Pure but for its ports: time is an argument. */
#include "worker.h"

#include "internal.h"

#define TIMER_NS 50000u

const char *gw_drop_name(unsigned int drop)
{
	static const char *const names[] = {
#define X(name) #name,
		GW_DROPS(X)
#undef X
	};

	return drop < GW_DROP_WIRE ? names[drop]
				   : gw_wire_error_name((enum gw_wire_error)(drop - GW_DROP_WIRE));
}

/* Rings of the sessions that this worker drains, and epochs that it opens. Returns work done. */
static uint32_t drain(struct gw_worker *w)
{
	uint64_t entries;
	uint32_t work = 0;

	for (uint32_t i = 0; i < w->n_sources; i++) {
		struct gw_dp_source *s = w->source[w->source_slots[i]].source;

		if (s->drainer != w->index)
			continue;
		entries = s->core.dirty_entries;
		switch (gw_source_drain(&s->core)) {
		case GW_DRAIN_REACHED:
			gw_worker_event(w, GW_DP_DRAINED, s, 0);
			break;
		case GW_DRAIN_BROKEN:
			gw_worker_event(w, GW_DP_RING_BROKEN, s, s->core.bad_entry);
			break;
		case GW_DRAIN_IDLE:
			break;
		}
		if (gw_source_merge(&s->core))
			gw_worker_event(w, GW_DP_OPENED, s, s->core.merge_pages);
		work += s->core.dirty_entries != entries || s->core.merging;
	}
	return work;
}

uint32_t gw_worker_step(struct gw_worker *w, uint64_t now_ns)
{
	uint32_t work = 0;

	gw_worker_commands(w);
	for (uint32_t i = 0; i < w->n_queues; i++)
		work += gw_worker_rx(w, &w->queue[i], now_ns);
	gw_worker_acks(w, now_ns);
	if (now_ns >= w->next_timer_ns) {
		gw_worker_timers(w, now_ns);
		gw_worker_keys(w);
		w->next_timer_ns = now_ns + TIMER_NS;
	}
	work += drain(w);
	for (uint32_t i = 0; i < w->n_queues; i++)
		work += gw_worker_tx(w, &w->queue[i], now_ns);
	return work;
}
