/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealed packets: header, ciphertext, tag. The header (gw_wire_clear_bytes()) is associated data,
 * and what its nonce is made of: the path, the packet number, and the core of a REPLY. */
#pragma once

#include "../wire/wire.h"
#include "aead.h"

/* A packet's buffer may be shared with the process at the other end of the port's driver (memif
 * without copies). So headers, which nonces are made of, and text that is no guest memory stand in
 * memory of this process while a packet is sealed, and opened packets go there. */

/* Seals to out the packet whose header stands at head: the len bytes at text become the encrypted
 * part behind it, and the tag follows (room for GW_WIRE_TAG_BYTES). out may be head, and text its
 * end. next: of gw_aead_seal(). Returns the packet's length. */
size_t gw_sealed_put(const struct gw_aead_key *k, const uint8_t *head, const uint8_t *text,
	size_t len, uint8_t *out, const uint8_t *next);

/* Opens a packet of len bytes without its tag, of a type whose length was checked: what is sealed
 * in it from `from` to its place behind the header at packet, which was copied and judged. from may
 * be packet. False: forged, damaged or of another key; it is then worth nothing. */
bool gw_sealed_open(const struct gw_aead_key *k, const uint8_t *from, uint8_t *packet, size_t len);
