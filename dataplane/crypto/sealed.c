/* SPDX-License-Identifier: BSD-3-Clause */
#include "sealed.h"

#include "../wire/bytes.h"

#include <string.h>

_Static_assert(GW_AEAD_TAG_BYTES == GW_WIRE_TAG_BYTES, "the tag is the trailer");

static enum gw_wire_type type_of(const uint8_t *packet)
{
	return (enum gw_wire_type)(packet[0] & 0xf);
}

static void nonce_of(
	uint8_t nonce[GW_AEAD_NONCE_BYTES], const struct gw_aead_key *k, const uint8_t *packet)
{
	const struct gw_wire_probe *w = (const struct gw_wire_probe *)packet;
	uint16_t core = type_of(packet) == GW_WIRE_REPLY ? gw_get16(w->core) : 0;

	gw_aead_nonce(nonce, k, gw_get16(w->c.path), core, gw_get48(w->c.psn));
}

size_t gw_sealed_put(const struct gw_aead_key *k, const uint8_t *head, const uint8_t *text,
	size_t len, uint8_t *out, const uint8_t *next)
{
	size_t clear = gw_wire_clear_bytes(type_of(head));
	uint8_t nonce[GW_AEAD_NONCE_BYTES];

	nonce_of(nonce, k, head);
	if (out != head)
		memcpy(out, head, clear);
	gw_aead_seal(k, nonce, head, clear, text, len, out + clear, next);
	return clear + len + GW_AEAD_TAG_BYTES;
}

bool gw_sealed_open(const struct gw_aead_key *k, const uint8_t *from, uint8_t *packet, size_t len)
{
	size_t clear = gw_wire_clear_bytes(type_of(packet));
	uint8_t nonce[GW_AEAD_NONCE_BYTES];

	nonce_of(nonce, k, packet);
	return gw_aead_open(k, nonce, packet, clear, from + clear, len - clear, packet + clear);
}
