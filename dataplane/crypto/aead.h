/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-GCM (NIST SP 800-38D) by libipsec-mb: packets are sealed from where their bytes lie into the
 * packet, and opened into memory that nobody else writes. Keys are made by control; sealing and
 * opening neither allocate nor share anything, so any core may use a key that nobody writes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_AEAD_TAG_BYTES 16u
#define GW_AEAD_NONCE_BYTES 12u

/* An expanded key, and what its nonces are mixed with. Never copied: it would have to be wiped
 * twice. */
struct gw_aead_key {
	_Alignas(64) uint8_t expanded[1024]; /* the library's */
	uint8_t iv[GW_AEAD_NONCE_BYTES];
	bool aes256;
};

/* Chooses the code for this CPU, once; control thread, before any other call. 0, or a negative
 * errno. */
int gw_aead_start(void);

/* key: 16 or 32 bytes, as aes256 says. Whoever owns k wipes it. */
void gw_aead_key_init(struct gw_aead_key *k, const uint8_t *key, bool aes256,
	const uint8_t iv[GW_AEAD_NONCE_BYTES]);

/* The nonce of a packet: RFC 8446 section 5.3, with what tells the packet from all others under
 * this key in the counter's place: 16 bits of path, 16 of core, 48 of packet number. */
static inline void gw_aead_nonce(uint8_t nonce[GW_AEAD_NONCE_BYTES], const struct gw_aead_key *k,
	uint16_t path, uint16_t core, uint64_t psn)
{
	nonce[0] = k->iv[0];
	nonce[1] = k->iv[1];
	nonce[2] = (uint8_t)(k->iv[2] ^ path >> 8);
	nonce[3] = (uint8_t)(k->iv[3] ^ path);
	nonce[4] = (uint8_t)(k->iv[4] ^ core >> 8);
	nonce[5] = (uint8_t)(k->iv[5] ^ core);
	for (unsigned int i = 0; i < 6; i++)
		nonce[6 + i] = (uint8_t)(k->iv[6 + i] ^ psn >> (40 - 8 * i));
}

/* Encrypts len bytes at plain to out, which has room for the tag behind them; plain may be out.
 * Each byte of plain is read once, so it may change meanwhile, as guest RAM does: out and tag still
 * belong together. next: as many bytes that are asked for meanwhile because they will be sealed
 * soon; NULL: none. */
void gw_aead_seal(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out,
	const uint8_t *next);

/* Decrypts len bytes at sealed, behind which the tag stands, to out, which may be that very place.
 * False: not sealed under this key with this nonce and aad; out is then worth nothing. */
bool gw_aead_open(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *sealed, size_t len, uint8_t *out);
