/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which outstanding packet a path with nothing to do repeats. Only of sources whose guest stands
 * still: a page of a running guest may have been given back since its first read, and reading it
 * again would hide that from the search for holes; and it is the last epochs whose tail a guest
 * waits for.
 */
#include "worker.h"

#include "internal.h"

#define TRIES 16u

static bool still(const struct gw_dp_source *s)
{
	return __atomic_load_n(&s->core.still, __ATOMIC_ACQUIRE) != 0;
}

bool gw_copy_wanted(const struct gw_worker *w)
{
	for (uint32_t i = 0; i < w->n_sources; i++)
		if (still(w->source[w->source_slots[i]].source))
			return true;
	return false;
}

/* Whether packets of the path may be as large. */
static bool fits(const struct gw_path_out *p, const struct gw_tx_record *r)
{
	switch ((enum gw_tx_kind)r->kind) {
	case GW_TX_PAGES:
		return r->count <= p->max_pages;
	case GW_TX_FRAGMENT:
		return p->first_fragment == 0 || r->fragment >= p->first_fragment;
	default:
		return true;
	}
}

/* The oldest candidate of all paths to the same core. */
static struct gw_tx_record *oldest(
	struct gw_worker *w, const struct gw_path_out *p, struct gw_copy *c, uint64_t now_ns)
{
	struct gw_tx_record *found = NULL;

	for (uint32_t i = 0; i < w->n_out; i++) {
		struct gw_path_out *of = w->out[w->out_slots[i]];
		struct gw_tx_record *r;
		uint64_t psn;

		if (of->link != p->link || of->core != p->core || of->tx.una == of->tx.next_psn)
			continue;
		r = gw_tx_path_next_copy(&of->tx, now_ns, &psn);
		if (r == NULL || (found != NULL && r->sent_ns >= found->sent_ns))
			continue;
		found = r;
		c->of = of;
		c->psn = psn;
	}
	return found;
}

bool gw_copy_pick(struct gw_worker *w, struct gw_path_out *p, struct gw_copy *c, uint64_t now_ns)
{
	for (uint32_t n = 0; n < TRIES; n++) {
		struct gw_tx_record *r = oldest(w, p, c, now_ns);

		if (r == NULL)
			return false;
		c->source = r->source < GW_DP_MAX_STREAMS ? w->source[r->source].source : NULL;
		if (c->source != NULL && !gw_pacer_open(&c->source->pacer, now_ns))
			return false;
		r->copied = 1;
		c->record = r;
		/* The same label for both: the fragments of a page belong together. */
		if (c->source != NULL && still(c->source) && fits(p, r) &&
			r->label == __atomic_load_n(&c->source->core.label, __ATOMIC_SEQ_CST))
			return true;
	}
	return false;
}
