/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM's incoming pages: its memory, a stamp per page, and what each worker applied. A chunk's
 * owner core alone touches that chunk's stamps and pages. No DPDK here.
 */
#pragma once

#include "../memory/space.h"
#include "../wire/decode.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_SINK_MAX_WORKERS 16u

struct gw_sink_tally { /* one worker's; that worker alone writes it */
	_Alignas(64) uint64_t pages, zero_pages, hole_pages, superseded, bytes;
};

struct gw_sink {
	struct gw_space space;
	uint32_t n_cores;
	uint32_t state_region;
	uint32_t *stamp; /* by flat page */
	uint64_t *punch; /* pages whose newest word is "hole" though bytes were stored: to be given
			    back after the fence */
	uint64_t *kept;  /* pages that were there before, with whatever they hold */
	uint8_t *state;
	uint64_t state_bytes; /* of the buffer */
	struct gw_sink_tally tally[GW_SINK_MAX_WORKERS];
};

int gw_sink_init(
	struct gw_sink *s, const struct gw_space *regions, uint64_t state_pages, uint32_t n_cores);
void gw_sink_release(struct gw_sink *s);
/* Helper thread: makes enough of the device state's buffer be there for the usual guest. */
void gw_sink_populate_state(struct gw_sink *s);

enum gw_apply {
	GW_APPLY_DONE, /* applied, or superseded by newer: acknowledge */
	GW_APPLY_BAD_REGION,
	GW_APPLY_BAD_PAGE,
	GW_APPLY_WRONG_CORE, /* the page's chunk is not this core's */
};

/* Applies a decoded DATA packet that core received. Only GW_APPLY_DONE may touch memory, and its
 * caller ends it by gw_copy_in_end(). */
enum gw_apply gw_sink_apply(struct gw_sink *s, uint32_t core, const struct gw_wire_packet *p);
