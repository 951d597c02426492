/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/crypto/aead.c: published answers, OpenSSL's opinion, and everything that may be wrong
 * with a packet. */
#include "../../dataplane/crypto/aead.c"

#include "random.h"
#include "run.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define ROOM 16384u

/* From "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, appendix B, as submitted to
 * NIST: cases 1, 2, 4, 13, 14 and 16. */
static const struct {
	const char *key, *plain, *aad, *iv, *cipher, *tag;
} known[] = {
	{"00000000000000000000000000000000", "", "", "000000000000000000000000", "",
		"58e2fccefa7e3061367f1d57a4e7455a"},
	{"00000000000000000000000000000000", "00000000000000000000000000000000", "",
		"000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
		"ab6e47d42cec13bdf53a67b21257bddf"},
	{"feffe9928665731c6d6a8f9467308308",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2", "cafebabefacedbaddecaf888",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		"5bc94fbc3221a5db94fae95ae7121a47"},
	{"0000000000000000000000000000000000000000000000000000000000000000", "", "",
		"000000000000000000000000", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{"0000000000000000000000000000000000000000000000000000000000000000",
		"00000000000000000000000000000000", "", "000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
	{"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2", "cafebabefacedbaddecaf888",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b"},
};

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;
	unsigned int byte;

	for (size_t i = 0; i < n; i++) {
		sscanf(text + 2 * i, "%2x", &byte);
		out[i] = (uint8_t)byte;
	}
	return n;
}

static void test_known(void)
{
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint8_t key[32], plain[64], aad[32], iv[12], want[64 + 16], out[64 + 16];
		size_t key_len = hex(known[i].key, key), len = hex(known[i].plain, plain);
		size_t aad_len = hex(known[i].aad, aad);
		struct gw_aead_key k;

		hex(known[i].iv, iv);
		hex(known[i].cipher, want);
		hex(known[i].tag, want + len);
		gw_aead_key_init(&k, key, key_len == 32, iv);
		gw_aead_seal(&k, iv, aad, aad_len, plain, len, out, NULL);
		CU_ASSERT_EQUAL(memcmp(out, want, len + 16), 0);
		CU_ASSERT_TRUE(gw_aead_open(&k, iv, aad, aad_len, out, len, out));
		CU_ASSERT_EQUAL(memcmp(out, plain, len), 0);
		memcpy(out, plain, len);
		gw_aead_seal(&k, iv, aad, aad_len, out, len, out, NULL);
		CU_ASSERT_EQUAL(memcmp(out, want, len + 16), 0);
	}
}

static void openssl_seal(const uint8_t *key, bool aes256, const uint8_t *iv, const uint8_t *aad,
	size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	EVP_EncryptInit_ex(c, aes256 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(), NULL, key, iv);
	EVP_EncryptUpdate(c, NULL, &n, aad, (int)aad_len);
	EVP_EncryptUpdate(c, out, &n, plain, (int)len);
	EVP_EncryptFinal_ex(c, out + n, &n);
	EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out + len);
	EVP_CIPHER_CTX_free(c);
}

/* Lengths around every block, and those of packets, at every alignment, in one go and in pieces. */
static void test_openssl(void)
{
	static uint8_t plain[ROOM], mine[ROOM], theirs[ROOM];
	struct random r = {random_seed("openssl")};

	random_fill(&r, plain, sizeof(plain));
	for (unsigned int i = 0; i < 4200; i++) {
		size_t len = i < 2400 ? i / 2 : random_below(&r, 9000),
		       aad_len = random_below(&r, 40);
		const uint8_t *from = plain + random_below(&r, 64);
		uint8_t *out = mine + random_below(&r, 64), key[32], iv[12], aad[40];
		bool aes256 = random_below(&r, 2);
		struct gw_aead_key k;

		random_fill(&r, key, sizeof(key));
		random_fill(&r, iv, sizeof(iv));
		random_fill(&r, aad, sizeof(aad));
		gw_aead_key_init(&k, key, aes256, iv);
		gw_aead_seal(&k, iv, aad, aad_len, from, len, out, i % 2 ? plain : NULL);
		openssl_seal(key, aes256, iv, aad, aad_len, from, len, theirs);
		CU_ASSERT_EQUAL(memcmp(out, theirs, len + 16), 0);
		CU_ASSERT_TRUE(gw_aead_open(&k, iv, aad, aad_len, out, len, out));
		CU_ASSERT_EQUAL(memcmp(out, from, len), 0);
	}
}

static bool opens(const struct gw_aead_key *k, const uint8_t *iv, const uint8_t *aad,
	size_t aad_len, const uint8_t *sealed, size_t len)
{
	uint8_t copy[512];

	memcpy(copy, sealed, len + 16);
	return gw_aead_open(k, iv, aad, aad_len, copy, len, copy);
}

/* One bit anywhere, a byte less or more, another key, nonce or header: nothing opens. */
static void test_forged(void)
{
	struct random r = {random_seed("forged")};
	uint8_t key[32], iv[12], aad[14], plain[158], sealed[512] = {0};
	struct gw_aead_key k, other;
	unsigned int opened = 0;

	random_fill(&r, key, sizeof(key));
	random_fill(&r, iv, sizeof(iv));
	random_fill(&r, aad, sizeof(aad));
	random_fill(&r, plain, sizeof(plain));
	for (int aes256 = 0; aes256 < 2; aes256++) {
		gw_aead_key_init(&k, key, aes256, iv);
		gw_aead_seal(&k, iv, aad, sizeof(aad), plain, sizeof(plain), sealed, NULL);
		CU_ASSERT_TRUE(opens(&k, iv, aad, sizeof(aad), sealed, sizeof(plain)));
		for (size_t bit = 0; bit < (sizeof(plain) + 16) * 8; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
			opened += opens(&k, iv, aad, sizeof(aad), sealed, sizeof(plain));
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t bit = 0; bit < sizeof(aad) * 8; bit++) {
			aad[bit / 8] ^= (uint8_t)(1u << bit % 8);
			opened += opens(&k, iv, aad, sizeof(aad), sealed, sizeof(plain));
			aad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t bit = 0; bit < sizeof(iv) * 8; bit++) {
			iv[bit / 8] ^= (uint8_t)(1u << bit % 8);
			opened += opens(&k, iv, aad, sizeof(aad), sealed, sizeof(plain));
			iv[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t len = 0; len < sizeof(plain) + 32; len++)
			opened += len != sizeof(plain) &&
				  opens(&k, iv, aad, sizeof(aad), sealed, len);
		opened += opens(&k, iv, aad, sizeof(aad) - 1, sealed, sizeof(plain));
		key[5] ^= 1;
		gw_aead_key_init(&other, key, aes256, iv);
		key[5] ^= 1;
		opened += opens(&other, iv, aad, sizeof(aad), sealed, sizeof(plain));
		gw_aead_key_init(&other, key, !aes256, iv);
		opened += opens(&other, iv, aad, sizeof(aad), sealed, sizeof(plain));
	}
	CU_ASSERT_EQUAL(opened, 0);
}

/* Each part of the nonce changes it, and nothing else does. */
static void test_nonce(void)
{
	uint8_t key[16] = {0}, iv[12], a[12], b[12];
	struct gw_aead_key k;

	for (uint8_t i = 0; i < 12; i++)
		iv[i] = (uint8_t)(i * 17);
	gw_aead_key_init(&k, key, false, iv);
	gw_aead_nonce(a, &k, 0, 0, 0);
	CU_ASSERT_EQUAL(memcmp(a, iv, 12), 0);
	gw_aead_nonce(a, &k, 0x1234, 0x5678, 0x9abcdef01234);
	for (unsigned int i = 0; i < 12; i++)
		b[i] = a[i] ^ iv[i];
	CU_ASSERT_EQUAL(memcmp(b, "\x00\x00\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34", 12), 0);
}

struct writer {
	uint8_t *page;
	atomic_bool stop;
};

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	uint8_t v = 0;

	while (!atomic_load(&w->stop)) {
		v++;
		for (unsigned int i = 0; i < 4096; i += 8)
			__atomic_store_n((uint64_t *)(void *)(w->page + i), v * 0x0101010101010101u,
				__ATOMIC_RELAXED);
	}
	return NULL;
}

/* A guest writes while its page is sealed: whatever was read, the tag is of it. */
static void test_changing(void)
{
	static _Alignas(64) uint8_t page[4096], out[4096 + 16];
	struct writer w = {.page = page};
	uint8_t key[32] = {1}, iv[12] = {2};
	unsigned int refused = 0;
	struct gw_aead_key k;
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, writer_main, &w), 0);
	for (int i = 0; i < 40000; i++) {
		if (i % 20000 == 0)
			gw_aead_key_init(&k, key, i != 0, iv);
		iv[0] = (uint8_t)i;
		gw_aead_seal(&k, iv, key, 14, page, sizeof(page), out, NULL);
		refused += !gw_aead_open(&k, iv, key, 14, out, sizeof(page), out);
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(refused, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"published answers", test_known},
		{"as OpenSSL", test_openssl},
		{"forged", test_forged},
		{"nonce", test_nonce},
		{"bytes that change", test_changing},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"aead", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	if (gw_aead_start() != 0)
		return 2;
	return run_suites(suites);
}
