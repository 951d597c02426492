/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking pages from a source: one worker's hand for one destination core. Up to 64 pages are
 * claimed at once by an atomic exchange of one word of *open*; then the label is read, then RAM
 * (page rule 2).
 */
#pragma once

#include "source.h"

#include "../wire/wire.h"

struct gw_take {
	uint64_t hand; /* claimed pages of word hand_word that are still to be sent */
	uint64_t hand_word;
	uint32_t hand_region;
	uint16_t hand_label; /* the label that was open when they were claimed */
	uint64_t cursor;     /* next word to look at */
	/* Zero or hole runs that wait to fill a packet; their pages count as in hand. */
	uint8_t run_encoding;
	uint16_t run_label;
	uint32_t run_region;
	uint32_t n_runs;
	uint32_t run_pages;
	struct gw_tx_run run[GW_WIRE_RUNS_SENT];
};

enum gw_take_kind {
	GW_TAKE_NOTHING, /* no page for this core now */
	GW_TAKE_AGAIN,   /* many zero pages were looked at: come back after other work */
	GW_TAKE_PAGES,   /* `count` neighbouring pages at `data` */
	GW_TAKE_RUNS,    /* t->run[0..n_runs): send it, then gw_take_runs_done() */
};

struct gw_taken {
	enum gw_take_kind kind;
	uint16_t label;
	uint32_t region; /* index in the space */
	uint32_t page, count;
	const uint8_t *data;
	const uint8_t *next; /* what most likely goes with the next packet; NULL: not known */
};

/* The next packet's content for `core`: at most max_pages whole pages. Bounded work; NOTHING may
 * also mean "look again". */
void gw_take_next(struct gw_source *s, struct gw_take *t, uint32_t worker, uint32_t core,
	uint32_t max_pages, struct gw_taken *out);

/* The run list went into a packet: empties it and turns its pages into the packet's one unit. */
void gw_take_runs_done(struct gw_source *s, struct gw_take *t, uint32_t worker);

/* Puts everything in hand back into open: the last path to this core died. */
void gw_take_return(struct gw_source *s, struct gw_take *t, uint32_t worker);
