/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealed packets: header, ciphertext, tag. The header (gw_wire_clear_bytes()) is associated data,
 * and what its nonce is made of: the path, the packet number, and the core of a REPLY. */
#pragma once

#include "../wire/wire.h"
#include "aead.h"

/* Seals the packet whose header stands at packet: the len bytes at text become the encrypted part
 * behind it, and the tag follows (room for GW_WIRE_TAG_BYTES). text may be that very place. Returns
 * the packet's length. */
size_t gw_sealed_put(const struct gw_aead_key *k, uint8_t *packet, const uint8_t *text, size_t len);

/* Opens a packet of len bytes without its tag, of a type whose length was checked, in place. False:
 * forged, damaged or of another key; it is then worth nothing. */
bool gw_sealed_open(const struct gw_aead_key *k, uint8_t *packet, size_t len);
