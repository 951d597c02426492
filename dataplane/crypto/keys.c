/* SPDX-License-Identifier: BSD-3-Clause */
#include "keys.h"

#include "../wire/bytes.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define LABEL "godwit 1"
#define KEY_BYTES 32u

int gw_hkdf_sha256(const uint8_t *ikm, size_t ikm_len, const uint8_t *salt, size_t salt_len,
	const uint8_t *info, size_t info_len, uint8_t *out, size_t out_len)
{
	char sha256[] = "SHA256";
	OSSL_PARAM params[5], *p = params;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	int done;

	EVP_KDF_free(kdf); /* the context holds it */
	if (ctx == NULL)
		return -ENOMEM;
	/* OpenSSL's parameters lack const; they are only read. */
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0);
	*p++ = OSSL_PARAM_construct_octet_string(
		OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)ikm, ikm_len);
	*p++ = OSSL_PARAM_construct_octet_string(
		OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len);
	if (salt_len != 0)
		*p++ = OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len);
	*p = OSSL_PARAM_construct_end();
	done = EVP_KDF_derive(ctx, out, out_len, params);
	EVP_KDF_CTX_free(ctx);
	return done == 1 ? 0 : -EIO;
}

int gw_key_derive(const uint8_t secret[GW_SECRET_BYTES], bool aes256,
	const struct gw_key_path *path, enum gw_key_purpose purpose, uint64_t generation,
	struct gw_aead_key *out)
{
	uint8_t info[sizeof(LABEL) - 1 + 2 + 4 + 6 + 8], okm[KEY_BYTES + GW_AEAD_NONCE_BYTES];
	uint8_t *at = info + sizeof(LABEL) - 1;
	size_t key_bytes = aes256 ? 32 : 16;
	int rc = gw_aead_start();

	if (rc != 0)
		return rc;
	memcpy(info, LABEL, sizeof(LABEL) - 1);
	at[0] = (uint8_t)purpose;
	at[1] = (uint8_t)key_bytes;
	gw_put32(at + 2, path->key_id);
	gw_put16(at + 6, path->initiator_slot);
	gw_put16(at + 8, path->acceptor_slot);
	gw_put16(at + 10, path->core);
	gw_put64(at + 12, generation);
	rc = gw_hkdf_sha256(secret, GW_SECRET_BYTES, NULL, 0, info, sizeof(info), okm,
		key_bytes + GW_AEAD_NONCE_BYTES);
	if (rc == 0)
		gw_aead_key_init(out, okm, aes256, okm + key_bytes);
	OPENSSL_cleanse(okm, sizeof(okm));
	return rc;
}
