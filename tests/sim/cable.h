/* SPDX-License-Identifier: BSD-3-Clause */
/* One direction of a cable: how long a frame takes, and what becomes of it on the way. */
#pragma once

#include "../../dataplane/port/frame.h"
#include "../../dataplane/wire/bytes.h"
#include "packet.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes in front of the godwit packet in a frame; 0: it carries none. */
static inline uint32_t sim_header(const gw_packet *p)
{
	const uint8_t *frame = gw_packet_data(p);
	uint16_t type = p->bytes >= GW_FRAME_HEADER_V4 ? gw_get16(frame + 12) : 0;

	if (type == GW_FRAME_TYPE_IPV4)
		return GW_FRAME_HEADER_V4;
	return type == GW_FRAME_TYPE_IPV6 && p->bytes >= GW_FRAME_HEADER_V6 &&
			       frame[GW_FRAME_ETHERNET + 6] == GW_FRAME_PROTO_UDP
		       ? GW_FRAME_HEADER_V6
		       : 0;
}

struct sim_cable_conf {
	uint64_t rate_bps; /* layer 1, of the narrowest place; 0: no narrow place */
	uint64_t delay_ns, jitter_ns;
	uint64_t queue_bytes; /* in front of the narrow place; more is dropped at the tail */
	uint64_t ecn_bytes; /* from so many queued bytes on ECN-capable frames are marked; 0: never
			     */
	double loss;
	/* Gilbert-Elliott: loss in bursts. */
	double burst_begin, burst_end, burst_loss;
	double reorder; /* frames that take reorder_ns longer */
	uint64_t reorder_ns;
	double duplicate, flip_bit, truncate;
	uint32_t mtu; /* larger IP packets vanish; 0: none do */
};

struct sim_cable {
	struct sim_cable_conf conf;
	bool cut;
	bool bursting;
	uint64_t busy_ns; /* the narrow place is taken until then */
	/* Fates, all frames. */
	uint64_t frames, passed, doubled, lost, lost_cut, lost_queue, lost_mtu, damaged, marked;
};

enum sim_fate { SIM_LOST, SIM_PASSES, SIM_PASSES_TWICE };

/* A frame enters at at_ns; when it leaves. It may be changed (damage, congestion mark). */
enum sim_fate sim_cable_pass(
	struct sim_cable *c, gw_packet *p, uint64_t at_ns, uint64_t *out_ns, uint64_t *twin_ns);
