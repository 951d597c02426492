/* SPDX-License-Identifier: BSD-3-Clause */
#include "aead.h"

#include "../memory/copy.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <string.h>

_Static_assert(sizeof(struct gcm_key_data) <= sizeof(((struct gw_aead_key *)0)->expanded),
	"the library's key fits");
_Static_assert(_Alignof(struct gcm_key_data) <= 64, "as aligned as it wants");

/* Pages are sealed in pieces, between which lines of what comes next are asked for: hardly more
 * than a core waits for at a time. All at once it would wait for them before it seals. A piece
 * costs something too: less than two are one. */
#define PIECE_BYTES 704u
_Static_assert(PIECE_BYTES % 64 == 0, "whole lines");

/* Only looked up in by the calls below: one for all threads. It stays until the process ends. */
static IMB_MGR *mb;

static const struct gcm_key_data *gcm(const struct gw_aead_key *k)
{
	return (const struct gcm_key_data *)k->expanded;
}

int gw_aead_start(void)
{
	IMB_MGR *m;
	IMB_ARCH arch;

	if (mb != NULL)
		return 0;
	m = alloc_mb_mgr(0);
	if (m == NULL)
		return -ENOMEM;
	init_mb_mgr_auto(m, &arch);
	if (imb_get_errno(m) != 0 || arch == IMB_ARCH_NONE) {
		free_mb_mgr(m);
		return -ENOTSUP;
	}
	mb = m;
	return 0;
}

void gw_aead_key_init(struct gw_aead_key *k, const uint8_t *key, bool aes256,
	const uint8_t iv[GW_AEAD_NONCE_BYTES])
{
	struct gcm_key_data *expanded = (struct gcm_key_data *)k->expanded;

	memset(k, 0, sizeof(*k));
	if (aes256)
		IMB_AES256_GCM_PRE(mb, key, expanded);
	else
		IMB_AES128_GCM_PRE(mb, key, expanded);
	memcpy(k->iv, iv, sizeof(k->iv));
	k->aes256 = aes256;
}

static void seal_pieces(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out,
	const uint8_t *next)
{
	aes_gcm_enc_dec_update_t seal = k->aes256 ? mb->gcm256_enc_update : mb->gcm128_enc_update;
	struct gcm_context_data ctx;

	(k->aes256 ? mb->gcm256_init : mb->gcm128_init)(gcm(k), &ctx, nonce, aad, aad_len);
	for (size_t i = 0; i < len; i += PIECE_BYTES) {
		size_t n = len - i < PIECE_BYTES ? len - i : PIECE_BYTES;

		gw_copy_fetch(next + i, (uint32_t)n);
		seal(gcm(k), &ctx, out + i, plain + i, n);
	}
	(k->aes256 ? mb->gcm256_enc_finalize : mb->gcm128_enc_finalize)(
		gcm(k), &ctx, out + len, GW_AEAD_TAG_BYTES);
}

void gw_aead_seal(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out,
	const uint8_t *next)
{
	struct gcm_context_data ctx;

	if (next != NULL && len >= 2 * PIECE_BYTES) {
		seal_pieces(k, nonce, aad, aad_len, plain, len, out, next);
		return;
	}
	if (next != NULL)
		gw_copy_fetch(next, (uint32_t)len);
	if (k->aes256)
		IMB_AES256_GCM_ENC(mb, gcm(k), &ctx, out, plain, len, nonce, aad, aad_len,
			out + len, GW_AEAD_TAG_BYTES);
	else
		IMB_AES128_GCM_ENC(mb, gcm(k), &ctx, out, plain, len, nonce, aad, aad_len,
			out + len, GW_AEAD_TAG_BYTES);
}

/* In time that does not tell where they differ. */
static bool same_tag(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

bool gw_aead_open(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *sealed, size_t len, uint8_t *out)
{
	uint8_t tag[GW_AEAD_TAG_BYTES];
	struct gcm_context_data ctx;

	if (k->aes256)
		IMB_AES256_GCM_DEC(
			mb, gcm(k), &ctx, out, sealed, len, nonce, aad, aad_len, tag, sizeof(tag));
	else
		IMB_AES128_GCM_DEC(
			mb, gcm(k), &ctx, out, sealed, len, nonce, aad, aad_len, tag, sizeof(tag));
	return same_tag(tag, sealed + len);
}
