/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys from a link's secret by HKDF-SHA256 (RFC 5869), one for each path, purpose and generation.
 * Control thread only: it calls OpenSSL and allocates.
 *
 * A generation is 2^22 packet numbers of a path. RFC 9001 appendix B.1 allows 2^28 packets of up to
 * 2^11 bytes under one key and 2^23 of up to 2^16, which is 2^35 blocks; 2^22 packets of 9,000
 * bytes are 2^31.2. ACKs have the generation of the packets that they acknowledge, and are fewer.
 * PROBE and REPLY have one key for good, so that every core can have it: of their few blocks each,
 * 100 a second reach 2^35 in a million days. Forged packets: 2^52 are allowed.
 */
#pragma once

#include "aead.h"

#define GW_SECRET_BYTES 32u

enum gw_key_purpose {
	GW_KEY_DATA = 1,
	GW_KEY_ACK,
	GW_KEY_PROBE, /* numbered with DATA */
	GW_KEY_REPLY, /* repeats its probe's number; the core that sends it is in the nonce */
};

/* What tells a path from all others of its link, and from those of an earlier link: the key id is
 * random. */
struct gw_key_path {
	uint32_t key_id;
	uint16_t initiator_slot, acceptor_slot, core;
};

/* HKDF-Extract and -Expand. 0 or a negative errno. */
int gw_hkdf_sha256(const uint8_t *ikm, size_t ikm_len, const uint8_t *salt, size_t salt_len,
	const uint8_t *info, size_t info_len, uint8_t *out, size_t out_len);

/* 0 or a negative errno. A secret is used for one link. */
int gw_key_derive(const uint8_t secret[GW_SECRET_BYTES], bool aes256,
	const struct gw_key_path *path, enum gw_key_purpose purpose, uint64_t generation,
	struct gw_aead_key *out);
