/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/crypto/keys.c and path_keys.c: published answers, keys that differ, and generations. */
#include "run.h"
#include "wiped.h"

#include <openssl/crypto.h>

/* Of the stack, where nobody can look at it afterwards. */
static unsigned int n_cleansed;

static void seen_cleanse(void *p, size_t bytes)
{
	n_cleansed += bytes == 32 + 12; /* the longest key and its IV */
	OPENSSL_cleanse(p, bytes);
}

#define OPENSSL_cleanse seen_cleanse

#include "../../dataplane/crypto/aead.c"
#include "../../dataplane/crypto/keys.c"
#include "../../dataplane/crypto/path_keys.c"

static const uint8_t secret[GW_SECRET_BYTES] = "thirty-two bytes from TLS, once";

/* RFC 5869 appendix A, cases 1 to 3. */
static void test_hkdf(void)
{
	static const uint8_t okm1[] = {0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43,
		0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c,
		0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf, 0x34, 0x00, 0x72, 0x08, 0xd5, 0xb8,
		0x87, 0x18, 0x58, 0x65};
	static const uint8_t okm2[] = {0xb1, 0x1e, 0x39, 0x8d, 0xc8, 0x03, 0x27, 0xa1, 0xc8, 0xe7,
		0xf7, 0x8c, 0x59, 0x6a, 0x49, 0x34, 0x4f, 0x01, 0x2e, 0xda, 0x2d, 0x4e, 0xfa, 0xd8,
		0xa0, 0x50, 0xcc, 0x4c, 0x19, 0xaf, 0xa9, 0x7c, 0x59, 0x04, 0x5a, 0x99, 0xca, 0xc7,
		0x82, 0x72, 0x71, 0xcb, 0x41, 0xc6, 0x5e, 0x59, 0x0e, 0x09, 0xda, 0x32, 0x75, 0x60,
		0x0c, 0x2f, 0x09, 0xb8, 0x36, 0x77, 0x93, 0xa9, 0xac, 0xa3, 0xdb, 0x71, 0xcc, 0x30,
		0xc5, 0x81, 0x79, 0xec, 0x3e, 0x87, 0xc1, 0x4c, 0x01, 0xd5, 0xc1, 0xf3, 0x43, 0x4f,
		0x1d, 0x87};
	static const uint8_t okm3[] = {0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f,
		0x80, 0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e,
		0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d, 0x9d, 0x20, 0x13, 0x95, 0xfa, 0xa4,
		0xb6, 0x1a, 0x96, 0xc8};
	uint8_t ikm[80], salt[80], info[80], out[82];

	memset(ikm, 0x0b, 22);
	for (uint8_t i = 0; i < 13; i++)
		salt[i] = i;
	for (uint8_t i = 0; i < 10; i++)
		info[i] = (uint8_t)(0xf0 + i);
	CU_ASSERT_EQUAL(gw_hkdf_sha256(ikm, 22, salt, 13, info, 10, out, sizeof(okm1)), 0);
	CU_ASSERT_EQUAL(memcmp(out, okm1, sizeof(okm1)), 0);
	CU_ASSERT_EQUAL(gw_hkdf_sha256(ikm, 22, NULL, 0, NULL, 0, out, sizeof(okm3)), 0);
	CU_ASSERT_EQUAL(memcmp(out, okm3, sizeof(okm3)), 0);
	for (uint8_t i = 0; i < 80; i++) {
		ikm[i] = i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (uint8_t)(0xb0 + i);
	}
	CU_ASSERT_EQUAL(gw_hkdf_sha256(ikm, 80, salt, 80, info, 80, out, sizeof(okm2)), 0);
	CU_ASSERT_EQUAL(memcmp(out, okm2, sizeof(okm2)), 0);
}

static bool same_key(const struct gw_aead_key *a, const struct gw_aead_key *b)
{
	return memcmp(a->expanded, b->expanded, 16) == 0 || memcmp(a->iv, b->iv, 12) == 0;
}

/* Whatever differs in what a key is made for, the key and its IV differ; the same gives the same.
 */
static void test_differ(void)
{
	static struct gw_aead_key k[64], again;
	static uint8_t other[GW_SECRET_BYTES];
	struct gw_key_path p = {0x01020304, 5, 6, 7}, q[5] = {p, p, p, p, p};
	unsigned int n = 0, same = 0;

	q[1].key_id ^= 1;
	q[2].initiator_slot = 6;
	q[3].acceptor_slot = 5;
	q[4].core = 0;
	memcpy(other, secret, sizeof(other));
	other[31] ^= 1;
	for (unsigned int i = 0; i < 5; i++)
		for (int purpose = GW_KEY_DATA; purpose <= GW_KEY_REPLY; purpose++)
			CU_ASSERT_EQUAL(gw_key_derive(secret, false, &q[i],
						(enum gw_key_purpose)purpose, 0, &k[n++]),
				0);
	for (unsigned int bit = 0; bit < 26; bit++)
		CU_ASSERT_EQUAL(
			gw_key_derive(secret, false, &p, GW_KEY_DATA, UINT64_C(1) << bit, &k[n++]),
			0);
	CU_ASSERT_EQUAL(gw_key_derive(other, false, &p, GW_KEY_DATA, 0, &k[n++]), 0);
	CU_ASSERT_EQUAL(gw_key_derive(secret, true, &p, GW_KEY_DATA, 0, &k[n++]), 0);
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < i; j++)
			same += same_key(&k[i], &k[j]);
	CU_ASSERT_EQUAL(same, 0);
	CU_ASSERT_EQUAL(gw_key_derive(secret, false, &p, GW_KEY_DATA, 0, &again), 0);
	CU_ASSERT_EQUAL(memcmp(&again, &k[0], sizeof(again)), 0);
}

static uint64_t first_of(uint64_t generation)
{
	return generation << GW_WIRE_GENERATION_SHIFT;
}

/* What control does when it is asked. */
static void take(struct gw_path_keys *k, const struct gw_key_path *p, uint64_t number)
{
	gw_generation_free(gw_path_keys_put(k, gw_generation_create(secret, true, p, number)));
}

static void test_generations(void)
{
	const struct gw_key_path p = {1, 2, 3, 4};
	struct gw_path_keys *k = gw_path_keys_create(secret, true, &p);

	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	CU_ASSERT_EQUAL(gw_path_keys_at(k, 0)->number, 0);
	CU_ASSERT_EQUAL(gw_path_keys_at(k, first_of(1) - 1)->number, 0);
	CU_ASSERT_EQUAL(gw_path_keys_at(k, first_of(1))->number, 1);
	CU_ASSERT_PTR_NULL(gw_path_keys_at(k, first_of(2)));
	CU_ASSERT_PTR_NULL(gw_path_keys_at(k, first_of(GW_GENERATIONS)));
	CU_ASSERT_PTR_NULL(gw_path_keys_at(k, GW_WIRE_PSN_MAX));
	/* The next one is there; at its first number the one behind it is missing. */
	CU_ASSERT_EQUAL(gw_path_keys_missing(k, first_of(1) - 1), UINT64_MAX);
	CU_ASSERT_EQUAL(gw_path_keys_missing(k, first_of(1)), 2);
	for (uint64_t n = 2; n < 9; n++) {
		CU_ASSERT_EQUAL(gw_path_keys_missing(k, first_of(n - 1)), n);
		take(k, &p, n);
		CU_ASSERT_EQUAL(gw_path_keys_missing(k, first_of(n - 1)), UINT64_MAX);
		CU_ASSERT_PTR_NOT_NULL(gw_path_keys_at(k, first_of(n)));
		CU_ASSERT_PTR_NOT_NULL(gw_path_keys_at(k, first_of(n - 1)));
		CU_ASSERT_PTR_NOT_NULL(gw_path_keys_at(k, first_of(n - 2)));
		if (n >= GW_GENERATIONS)
			CU_ASSERT_PTR_NULL(gw_path_keys_at(k, first_of(n - GW_GENERATIONS)));
	}
	CU_ASSERT_FALSE(same_key(
		&gw_path_keys_at(k, first_of(8))->data, &gw_path_keys_at(k, first_of(7))->data));
	CU_ASSERT_FALSE(same_key(
		&gw_path_keys_at(k, first_of(8))->data, &gw_path_keys_at(k, first_of(8))->ack));
	/* A path that was silent for long jumps. */
	CU_ASSERT_EQUAL(gw_path_keys_missing(k, first_of(1000)), 1000);
	take(k, &p, 1000);
	CU_ASSERT_EQUAL(gw_path_keys_missing(k, first_of(1000)), 1001);
	/* Behind the last number there is nothing. */
	take(k, &p, gw_generation_of(GW_WIRE_PSN_MAX));
	CU_ASSERT_EQUAL(gw_path_keys_missing(k, GW_WIRE_PSN_MAX), UINT64_MAX);
	gw_path_keys_free(&k);
	CU_ASSERT_PTR_NULL(k);
	gw_path_keys_free(&k);
}

/* Both ends make the same keys of the same secret; the keys do what they are for. */
static void test_both_ends(void)
{
	const struct gw_key_path p = {9, 8, 7, 6};
	struct gw_path_keys *a = gw_path_keys_create(secret, false, &p);
	struct gw_path_keys *b = gw_path_keys_create(secret, false, &p);
	uint8_t nonce[12], bytes[20 + 16] = "a packet's payload";

	CU_ASSERT_FATAL(a != NULL && b != NULL);
	gw_aead_nonce(nonce, &gw_path_keys_at(a, 77)->data, 1, 0, 77);
	gw_aead_seal(&gw_path_keys_at(a, 77)->data, nonce, secret, 14, bytes, 20, bytes, NULL);
	gw_aead_nonce(nonce, &gw_path_keys_at(b, 77)->data, 1, 0, 77);
	CU_ASSERT_FALSE(
		gw_aead_open(&b->probe, nonce, secret, 14, (uint8_t[36]){0}, 20, (uint8_t[20]){0}));
	CU_ASSERT_TRUE(
		gw_aead_open(&gw_path_keys_at(b, 77)->data, nonce, secret, 14, bytes, 20, bytes));
	CU_ASSERT_STRING_EQUAL((const char *)bytes, "a packet's payload");
	gw_path_keys_free(&a);
	gw_path_keys_free(&b);
}

/* Keys leave nothing behind: not those of a path, nor of a generation that another took the place
 * of, nor what they were expanded from. */
static void test_wiped(void)
{
	const struct gw_key_path p = {1, 2, 3, 4};
	struct gw_path_keys *k;

	n_given_back = n_not_wiped = n_cleansed = 0;
	k = gw_path_keys_create(secret, true, &p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	CU_ASSERT_EQUAL(n_cleansed, 2 + 2 * 2);
	take(k, &p, GW_GENERATIONS);
	CU_ASSERT_EQUAL(n_given_back, 1);
	gw_path_keys_free(&k);
	CU_ASSERT_EQUAL(n_given_back, 1 + 2 + 1);
	CU_ASSERT_EQUAL(n_not_wiped, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"HKDF", test_hkdf},
		{"all keys differ", test_differ},
		{"generations", test_generations},
		{"both ends", test_both_ends},
		{"wiped", test_wiped},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"keys", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
