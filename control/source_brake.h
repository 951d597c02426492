/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The brake of a source session. While an epoch is sent it asks the exporter now and then for what
 * was dirtied meanwhile ("a look": a SYNC that opens no epoch; its pages wait in next with the
 * others, and those that have not been sent yet are left to the next epoch), compares that with the
 * wire (stun.h), and has the guest held back. Lifted when it is paused and when the session ends.
 */
#pragma once

#include "convergence.h"
#include "holdback.h"
#include "stun.h"

struct gw_src_run;

struct gw_src_brake {
	struct gw_stun stun;
	struct gw_holdback holdback;
	uint64_t opened_ns;   /* of the label */
	uint64_t looked_ns;   /* when dirty pages were counted last; 0: nothing is open */
	uint64_t pages;       /* counted by the epoch's own SYNC */
	uint64_t next_ns;     /* of the next look, not before */
	uint64_t pause_ns;    /* from one look to the next, at least */
	uint64_t look_number; /* of the SYNC under way, where it is a look; 0: none */
	uint64_t look_began_ns;
	bool sync_waits; /* the machine's SYNC, for the look to be over */
};

void gw_src_brake_init(struct gw_src_run *s, uint32_t max_percent);
/* A label is open. */
void gw_src_brake_opened(struct gw_src_run *s, uint64_t now_ns);
void gw_src_brake_tick(struct gw_src_run *s, uint64_t now_ns);
/* The machine wants a SYNC. True: it has to wait, and is sent when the look is over. */
bool gw_src_brake_holds_sync(struct gw_src_run *s);
/* An answer of the exporter. True: it was the brake's own. */
bool gw_src_brake_export(struct gw_src_run *s, const struct gw_exporter_event *ev, uint64_t now_ns);
/* The epoch's pages are counted: judges, and tells the sample. */
void gw_src_brake_drained(
	struct gw_src_run *s, struct gw_convergence_sample *sample, uint64_t now_ns);
/* At once, and for good: nothing is looked at before a label is opened. */
void gw_src_brake_lift(struct gw_src_run *s);
/* The session is over. */
void gw_src_brake_end(struct gw_src_run *s);
