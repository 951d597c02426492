/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/crypto/sealed.c: packets of every type, sealed, opened, damaged, and what of them can
 * be read. */
#include "../../dataplane/crypto/sealed.c"

#include "../../dataplane/wire/decode.h"
#include "../../dataplane/wire/encode.h"
#include "run.h"

#define ROOM 9000u

static struct gw_aead_key key;
static const struct gw_wire_head head = {
	.path = 0x102, .key_id = 0x3040506, .psn = 0x70809000a, .flags = GW_WIRE_AEAD};

/* Puts a packet of the type there, unsealed; its length. */
static size_t make(uint8_t *out, enum gw_wire_type type)
{
	static const struct gw_wire_data_head d = {
		.epoch = 1, .fragment = GW_WIRE_WHOLE, .page = 77, .length = GW_WIRE_PAGE_BYTES};
	static const struct gw_wire_ack_body a = {.largest = 9999, .credit = 12345678};

	switch (type) {
	case GW_WIRE_DATA:
		gw_wire_put_data(out, &head, &d);
		for (uint32_t i = 0; i < d.length; i++)
			out[sizeof(struct gw_wire_data) + i] = (uint8_t)(i * 7 + i / 256);
		return sizeof(struct gw_wire_data) + d.length;
	case GW_WIRE_ACK:
		return gw_wire_put_ack(out, &head, &a);
	default:
		return gw_wire_put_probe(out, &head, type, 0x2233, 0x44556677);
	}
}

static size_t seal(uint8_t *packet, size_t len, enum gw_wire_type type)
{
	size_t clear = gw_wire_clear_bytes(type);

	return gw_sealed_put(&key, packet, packet + clear, len - clear, packet, NULL);
}

static bool opens(const uint8_t *sealed, size_t len)
{
	static uint8_t copy[ROOM];

	memcpy(copy, sealed, len + GW_WIRE_TAG_BYTES);
	return gw_sealed_open(&key, copy, copy, len);
}

static void test_round_trip(void)
{
	static uint8_t plain[ROOM], packet[ROOM];

	for (int t = GW_WIRE_DATA; t <= GW_WIRE_REPLY; t++) {
		enum gw_wire_type type = (enum gw_wire_type)t;
		size_t len = make(plain, type), clear = gw_wire_clear_bytes(type), bytes;
		struct gw_wire_packet p;

		make(packet, type);
		CU_ASSERT_EQUAL(seal(packet, len, type), len + GW_WIRE_TAG_BYTES);
		/* The header as it was, nothing else. */
		CU_ASSERT_EQUAL(memcmp(packet, plain, clear), 0);
		CU_ASSERT_NOT_EQUAL(memcmp(packet + clear, plain + clear, len - clear), 0);
		CU_ASSERT_EQUAL_FATAL(gw_wire_decode_head(packet, len + GW_WIRE_TAG_BYTES,
					      GW_WIRE_AEAD, &p, &bytes),
			GW_WIRE_OK);
		CU_ASSERT_TRUE(gw_sealed_open(&key, packet, packet, bytes));
		CU_ASSERT_EQUAL(memcmp(packet, plain, len), 0);
		CU_ASSERT_EQUAL(gw_wire_decode_body(packet, &p), GW_WIRE_OK);
	}
}

/* From elsewhere, as guest RAM is: the same as in place. */
static void test_from_elsewhere(void)
{
	static uint8_t plain[ROOM], packet[ROOM];
	size_t len = make(plain, GW_WIRE_DATA), clear = sizeof(struct gw_wire_data);

	memcpy(packet, plain, clear);
	gw_sealed_put(&key, packet, plain + clear, len - clear, packet, NULL);
	seal(plain, len, GW_WIRE_DATA);
	CU_ASSERT_EQUAL(memcmp(packet, plain, len + GW_WIRE_TAG_BYTES), 0);
}

/* To elsewhere: what came is only read. */
static void test_to_elsewhere(void)
{
	static uint8_t plain[ROOM], sealed[ROOM], before[ROOM], opened[ROOM];

	for (int t = GW_WIRE_DATA; t <= GW_WIRE_REPLY; t++) {
		enum gw_wire_type type = (enum gw_wire_type)t;
		size_t len = make(plain, type), clear = gw_wire_clear_bytes(type);

		CU_ASSERT_EQUAL(
			gw_sealed_put(&key, plain, plain + clear, len - clear, sealed, NULL),
			len + GW_WIRE_TAG_BYTES);
		memcpy(before, sealed, sizeof(before));
		memcpy(opened, sealed, clear);
		CU_ASSERT_TRUE(gw_sealed_open(&key, sealed, opened, len));
		CU_ASSERT_EQUAL(memcmp(opened, plain, len), 0);
		CU_ASSERT_EQUAL(memcmp(sealed, before, sizeof(before)), 0);
		/* The header that was judged is the one that counts. */
		opened[clear - 1] ^= 1;
		CU_ASSERT_FALSE(gw_sealed_open(&key, sealed, opened, len));
	}
}

/* Every bit counts, of the header too, and every length. */
static void test_damaged(void)
{
	static uint8_t packet[ROOM];
	unsigned int opened = 0;

	for (int t = GW_WIRE_DATA; t <= GW_WIRE_REPLY; t++) {
		size_t len = make(packet, (enum gw_wire_type)t);

		seal(packet, len, (enum gw_wire_type)t);
		CU_ASSERT_TRUE(opens(packet, len));
		for (size_t bit = 0; bit < 8 * (len + GW_WIRE_TAG_BYTES); bit++) {
			/* Of a page a sample. */
			if (bit > 4096 && bit < 8 * len && bit % 61 != 0)
				continue;
			packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
			opened += opens(packet, len);
			packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t cut = sizeof(struct gw_wire_data); cut < len; cut++)
			opened += opens(packet, cut);
	}
	CU_ASSERT_EQUAL(opened, 0);
}

/* The nonce: other paths, numbers and, of a REPLY, cores have another; of a probe the core is text.
 */
static void test_nonces(void)
{
	uint8_t a[GW_AEAD_NONCE_BYTES], b[GW_AEAD_NONCE_BYTES], packet[64];

	for (int t = GW_WIRE_PROBE; t <= GW_WIRE_REPLY; t++) {
		make(packet, (enum gw_wire_type)t);
		nonce_of(a, &key, packet);
		for (unsigned int byte = 0; byte < sizeof(struct gw_wire_probe); byte++) {
			bool counts = byte == 2 || byte == 3 || (byte >= 8 && byte < 14) ||
				      (t == GW_WIRE_REPLY && (byte == 14 || byte == 15));

			packet[byte] ^= byte == 0 ? 0x10 : 0x01;
			nonce_of(b, &key, packet);
			packet[byte] ^= byte == 0 ? 0x10 : 0x01;
			CU_ASSERT_EQUAL(memcmp(a, b, sizeof(a)) != 0, counts);
		}
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"round trip", test_round_trip},
		{"from elsewhere", test_from_elsewhere},
		{"to elsewhere", test_to_elsewhere},
		{"damaged", test_damaged},
		{"nonces", test_nonces},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"sealed", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	static const uint8_t bytes[32] = "a key", iv[GW_AEAD_NONCE_BYTES] = "an IV";

	if (gw_aead_start() != 0)
		return 2;
	gw_aead_key_init(&key, bytes, true, iv);
	return run_suites(suites);
}
