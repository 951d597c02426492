/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets into bytes. Pure; the caller provides room as each function says. */
#pragma once

#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_wire_head {
	uint16_t path;
	uint32_t key_id;
	uint64_t psn;
	uint8_t flags; /* enum gw_wire_flag */
};

struct gw_wire_data_head {
	uint16_t epoch, stream;
	uint8_t region, encoding, fragment;
	uint32_t page;
	uint16_t offset, length;
	uint32_t timestamp;
};

/* Writes the 32-byte header; the payload of d->length bytes follows it at out + 32. */
void gw_wire_put_data(
	uint8_t *out, const struct gw_wire_head *h, const struct gw_wire_data_head *d);
/* One run at out, 8 bytes. */
void gw_wire_put_run(uint8_t *out, uint32_t page, uint32_t count);

struct gw_wire_ack_body {
	uint64_t largest, credit;
	uint32_t echo, hold, ecn_ce;
	uint64_t bitmap[GW_WIRE_ACK_BITS / 64];
};
/* Return the bytes written, without the trailer: sizeof(struct gw_wire_ack), sizeof(struct
 * gw_wire_probe). */
size_t gw_wire_put_ack(
	uint8_t *out, const struct gw_wire_head *h, const struct gw_wire_ack_body *a);
size_t gw_wire_put_probe(uint8_t *out, const struct gw_wire_head *h, enum gw_wire_type type,
	uint16_t core, uint32_t timestamp);

/* Ends a packet of len bytes: appends the checksum where h->flags ask for it (room for
 * GW_WIRE_CRC_BYTES); encrypting is crypto/sealed.h's. Returns the final length. */
size_t gw_wire_seal(uint8_t *packet, size_t len, const struct gw_wire_head *h);
