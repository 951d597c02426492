/* SPDX-License-Identifier: BSD-3-Clause */
#include "aead.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <string.h>

_Static_assert(sizeof(struct gcm_key_data) <= sizeof(((struct gw_aead_key *)0)->expanded),
	"the library's key fits");
_Static_assert(_Alignof(struct gcm_key_data) <= 64, "as aligned as it wants");

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

void gw_aead_seal(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out)
{
	struct gcm_context_data ctx;

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
