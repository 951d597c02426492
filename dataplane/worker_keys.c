/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's paths change keys: the next generation is asked for as soon as its own begins, a
 * generation's 4 million packets before it is needed. */
#include "worker.h"

#include "internal.h"

/* Where control is behind, it is asked again at the next look. */
static void ask(struct gw_worker *w, struct gw_path_keys *k, void *path, uint16_t slot,
	bool incoming, uint64_t psn)
{
	uint64_t number;

	if (k == NULL || k->asked)
		return;
	number = gw_path_keys_missing(k, psn);
	if (number != UINT64_MAX)
		k->asked = gw_worker_tell(
			w, GW_EVENT_KEYS_SHORT, path, gw_keys_value(slot, incoming, number));
}

void gw_worker_keys(struct gw_worker *w)
{
	for (uint32_t i = 0; i < w->n_out; i++) {
		struct gw_path_out *p = w->out[w->out_slots[i]];

		ask(w, p->keys, p, p->slot, false, p->tx.next_psn);
	}
	for (uint32_t i = 0; i < w->n_in; i++) {
		struct gw_path_in *p = w->in[w->in_slots[i]];

		ask(w, p->keys, p, p->slot, true, p->rx.any ? p->rx.largest : 0);
	}
}

/* What is replaced, or whose path has gone meanwhile, goes back to control to be wiped. */
void gw_worker_take_keys(struct gw_worker *w, struct gw_generation *g, uint64_t value)
{
	uint32_t slot = gw_keys_slot(value);
	struct gw_path_out *out = gw_keys_incoming(value) ? NULL : w->out[slot];
	struct gw_path_in *in = gw_keys_incoming(value) ? w->in[slot] : NULL;
	struct gw_path_keys *k = out != NULL ? out->keys : in != NULL ? in->keys : NULL;

	if (g == NULL) {
		if (k != NULL)
			k->asked = false;
		return;
	}
	if (k != NULL && (g->owner == out || g->owner == in)) {
		k->asked = false;
		if (out != NULL)
			out->tx.psn_end = (g->number + 1) << GW_WIRE_GENERATION_SHIFT;
		g = gw_path_keys_put(k, g);
	}
	if (g != NULL)
		gw_worker_event(w, GW_EVENT_KEYS_BACK, g, 0);
}
