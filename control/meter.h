/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's figures: reads the data plane's counters every 10 ms, for status and report. */
#pragma once

#include "report.h"

struct gw_meter;

int gw_meter_create(struct gw_dp *dp, const char *id, const char *vm, const char *peer,
	bool is_source, struct gw_meter **out);
void gw_meter_free(struct gw_meter **m);

/* The stream whose figures these are; NULL before and after. */
void gw_meter_source(struct gw_meter *m, const struct gw_dp_source *source);
void gw_meter_total(struct gw_meter *m, uint64_t bytes); /* of guest memory */

void gw_meter_phase(struct gw_meter *m, enum gw_phase phase);
void gw_meter_epoch_opened(struct gw_meter *m, uint16_t label);
/* All of the label is acknowledged. */
void gw_meter_epoch_idle(struct gw_meter *m);
/* The epoch's SYNC is drained, though it may not be through. */
void gw_meter_epoch_drained(struct gw_meter *m);
/* Fills next_pages and rate_bps. link_bps: sum of caps, or 0. */
void gw_meter_sample(struct gw_meter *m, uint64_t link_bps, struct gw_convergence_sample *sample);
/* The guest has lost so much of its time from now on. */
void gw_meter_slowdown(struct gw_meter *m, uint32_t percent, uint64_t now_ns);
/* Call often; samples when it is time. */
void gw_meter_tick(struct gw_meter *m, uint64_t now_ns);

/* When more pages got through than ever before; of the open label at the earliest. */
uint64_t gw_meter_through_ns(const struct gw_meter *m);

/* Looks which ports the session has left. */
void gw_meter_link(struct gw_meter *m, const struct gw_dp_link *link, uint64_t now_ns);

/* Moments of the blackout, in their order; each ends the part that it names. PAUSE: the guest
 * stood. */
enum gw_meter_mark {
	GW_MARK_PAUSE,
	GW_MARK_PAUSED,
	GW_MARK_SAVED,
	GW_MARK_SENT,
	GW_MARK_READY,
	GW_MARK_RUNNING,
	GW_N_MARKS
};
void gw_meter_mark(struct gw_meter *m, enum gw_meter_mark mark, uint64_t at_ns);
/* 0: has not come. */
uint64_t gw_meter_mark_ns(const struct gw_meter *m, enum gw_meter_mark mark);
uint64_t gw_meter_total_bytes(const struct gw_meter *m);
/* A part that the destination measured. */
void gw_meter_part(struct gw_meter *m, const char *name, uint64_t ns);
void gw_meter_state(struct gw_meter *m, uint64_t bytes);
void gw_meter_verified(struct gw_meter *m, uint64_t pages, uint64_t mismatched);

/* The live part of a status (rpc.h): figures that the meter knows. */
void gw_meter_status(const struct gw_meter *m, json_t *status);
/* Ends it: the report. */
json_t *gw_meter_report(struct gw_meter *m, const struct gw_session_view *view, bool verify);
