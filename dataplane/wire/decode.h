/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets from bytes. Pure; nothing of a packet is believed before gw_wire_decode() returned
 * GW_WIRE_OK. */
#pragma once

#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each rung of the ladder has its own name; they are drop counters. */
enum gw_wire_error {
	GW_WIRE_OK,
	GW_WIRE_SHORT,
	GW_WIRE_BAD_VERSION,
	GW_WIRE_BAD_TYPE,
	GW_WIRE_BAD_FLAGS,
	GW_WIRE_BAD_CRC,
	GW_WIRE_BAD_LENGTH,
	GW_WIRE_BAD_EPOCH,
	GW_WIRE_BAD_ENCODING,
	GW_WIRE_BAD_FRAGMENT,
	GW_WIRE_BAD_RUN,
	GW_WIRE_BAD_ACK,
	GW_WIRE_ERRORS
};
const char *gw_wire_error_name(enum gw_wire_error error);

struct gw_wire_packet {
	enum gw_wire_type type;
	uint16_t path;
	uint32_t key_id;
	uint64_t psn;
	union {
		struct {
			uint16_t epoch, stream;
			uint8_t region, encoding, fragment;
			uint32_t page;
			uint16_t offset, length;
			uint32_t timestamp;
			const uint8_t *payload; /* length bytes inside the packet */
		} data;
		struct {
			uint64_t largest, credit;
			uint32_t echo, hold, ecn_ce;
			uint64_t bitmap[GW_WIRE_ACK_BITS / 64];
		} ack;
		struct {
			uint16_t core;
			uint32_t timestamp;
		} probe;
	};
};

/* The header, and whether the length can be right: cheap, before anything costs more. flags: what
 * packets here have; one that differs is refused. Fills in type, path, key_id and psn, and says
 * with *packet how long the packet is without its trailer. */
enum gw_wire_error gw_wire_decode_head(
	const uint8_t *bytes, size_t len, uint8_t flags, struct gw_wire_packet *p, size_t *packet);
/* The checksum of a packet whose header was taken; len: without it. */
enum gw_wire_error gw_wire_check_crc(const uint8_t *bytes, size_t len);
/* The rest of a packet whose header was taken and whose trailer was right. */
enum gw_wire_error gw_wire_decode_body(const uint8_t *bytes, struct gw_wire_packet *p);
/* All three for a packet in the clear; flags: 0 or GW_WIRE_CRC32C. */
enum gw_wire_error gw_wire_decode(
	const uint8_t *bytes, size_t len, uint8_t flags, struct gw_wire_packet *p);

/* The n-th run of a checked run list. */
static inline void gw_wire_run_get(
	const uint8_t *payload, unsigned int n, uint32_t *page, uint32_t *count)
{
	const uint8_t *r = payload + n * sizeof(struct gw_wire_run);

	*page = (uint32_t)r[0] << 24 | (uint32_t)r[1] << 16 | (uint32_t)r[2] << 8 | r[3];
	*count = (uint32_t)r[4] << 24 | (uint32_t)r[5] << 16 | (uint32_t)r[6] << 8 | r[7];
}
