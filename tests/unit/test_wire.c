/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/wire/: packets into bytes and back, and every way in which bytes are no packet. */
#include "../../dataplane/wire/decode.c"
#include "../../dataplane/wire/encode.h"

#include "random.h"
#include "run.h"

#define ROOM 16384u
#define RUN_BYTES sizeof(struct gw_wire_run)

static const struct gw_wire_head head_crc = {
	.path = 0xabcd, .key_id = 0x12345678, .psn = GW_WIRE_PSN_MAX - 1, .flags = GW_WIRE_CRC32C};

static struct gw_wire_head head(bool crc)
{
	struct gw_wire_head h = head_crc;

	h.flags = crc ? GW_WIRE_CRC32C : 0;
	return h;
}

static struct gw_wire_data_head raw_head(uint8_t fragment)
{
	uint16_t offset = fragment == GW_WIRE_WHOLE ? 0 : (uint16_t)(fragment * 1376);

	return (struct gw_wire_data_head){.epoch = 0xfedc,
		.stream = 0x4321,
		.region = 0x5a,
		.encoding = GW_WIRE_RAW,
		.fragment = fragment,
		.page = 0x89abcdef,
		.offset = offset,
		.length = fragment == GW_WIRE_WHOLE ? 4096 : (fragment == 2 ? 1344 : 1376),
		.timestamp = 0xdeadbeef};
}

/* A DATA packet with a payload that counts up. */
static size_t make_data(uint8_t *out, const struct gw_wire_data_head *d, bool crc)
{
	struct gw_wire_head h = head(crc);

	gw_wire_put_data(out, &h, d);
	for (uint32_t i = 0; i < d->length; i++)
		out[sizeof(struct gw_wire_data) + i] = (uint8_t)(i * 7 + i / 256);
	return gw_wire_seal(out, sizeof(struct gw_wire_data) + d->length, &h);
}

static size_t make_runs(
	uint8_t *out, uint8_t encoding, const uint32_t (*run)[2], uint32_t n, bool crc)
{
	struct gw_wire_head h = head(crc);
	struct gw_wire_data_head d = raw_head(GW_WIRE_WHOLE);

	d.encoding = encoding;
	d.length = (uint16_t)(n * RUN_BYTES);
	gw_wire_put_data(out, &h, &d);
	for (uint32_t i = 0; i < n; i++)
		gw_wire_put_run(
			out + sizeof(struct gw_wire_data) + i * RUN_BYTES, run[i][0], run[i][1]);
	return gw_wire_seal(out, sizeof(struct gw_wire_data) + d.length, &h);
}

static size_t make_ack(uint8_t *out, const struct gw_wire_ack_body *a, bool crc)
{
	struct gw_wire_head h = head(crc);

	return gw_wire_seal(out, gw_wire_put_ack(out, &h, a), &h);
}

static size_t make_probe(uint8_t *out, enum gw_wire_type type, bool crc)
{
	struct gw_wire_head h = head(crc);

	return gw_wire_seal(out, gw_wire_put_probe(out, &h, type, 0x0102, 0x03040506), &h);
}

/* One packet of each kind; the n-th, or 0 behind the last. */
static size_t make_any(uint8_t *out, unsigned int n, bool crc)
{
	static const uint32_t runs[3][2] = {{0, 1}, {512, 400}, {0xfffffff0, 15}};
	struct gw_wire_data_head d = raw_head((uint8_t)n);
	struct gw_wire_ack_body a = {.largest = 5000, .credit = 77};

	switch (n) {
	case 0:
	case 1:
	case 2:
		return make_data(out, &d, crc);
	case 3:
		d = raw_head(GW_WIRE_WHOLE);
		return make_data(out, &d, crc);
	case 4:
		return make_runs(out, GW_WIRE_ZERO_RUNS, runs, 3, crc);
	case 5:
		return make_runs(out, GW_WIRE_HOLE_RUNS, runs, 3, crc);
	case 6:
		memset(a.bitmap, 0xff, sizeof(a.bitmap));
		return make_ack(out, &a, crc);
	case 7:
		return make_probe(out, GW_WIRE_PROBE, crc);
	case 8:
		return make_probe(out, GW_WIRE_REPLY, crc);
	default:
		return 0;
	}
}

/* Decodes a copy that ends where its memory ends, so that the sanitizer sees a byte too far. */
static enum gw_wire_error decode(
	const uint8_t *bytes, size_t len, bool crc, struct gw_wire_packet *p)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	enum gw_wire_error error;

	memcpy(copy, bytes, len);
	error = gw_wire_decode(copy, len, crc, p);
	free(copy);
	return error;
}

static void expect(const uint8_t *bytes, size_t len, enum gw_wire_error want)
{
	struct gw_wire_packet p;
	enum gw_wire_error got = decode(bytes, len, false, &p);

	CU_ASSERT_EQUAL(got, want);
	if (got != want)
		printf("\n    got %s, want %s", gw_wire_error_name(got), gw_wire_error_name(want));
}

static void test_layout(void)
{
	uint8_t b[ROOM];
	struct gw_wire_data_head d = raw_head(1);
	static const uint8_t want[32] = {0x11, 0x01, 0xab, 0xcd, 0x12, 0x34, 0x56, 0x78, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xfe, 0xfe, 0xdc, 0x43, 0x21, 0x5a, 0x01, 0x89, 0xab, 0xcd, 0xef,
		0x05, 0x60, 0x05, 0x60, 0xde, 0xad, 0xbe, 0xef};

	CU_ASSERT_EQUAL(make_data(b, &d, true), 32 + 1376 + 4);
	CU_ASSERT_EQUAL(memcmp(b, want, sizeof(want)), 0);
	/* CRC32C of "123456789" is e3069283 (RFC 3720 appendix B.4 names the polynomial). */
	CU_ASSERT_EQUAL(gw_crc32c((const uint8_t *)"123456789", 9), 0xe3069283u);
}

static void round_trip_data(bool crc)
{
	uint8_t b[ROOM];

	for (unsigned int n = 0; n < 4; n++) {
		struct gw_wire_data_head d = raw_head(n == 3 ? GW_WIRE_WHOLE : (uint8_t)n);
		struct gw_wire_packet p = {0};
		size_t len = make_data(b, &d, crc);

		CU_ASSERT_EQUAL_FATAL(gw_wire_decode(b, len, crc, &p), GW_WIRE_OK);
		CU_ASSERT_EQUAL(p.type, GW_WIRE_DATA);
		CU_ASSERT_EQUAL(p.path, head_crc.path);
		CU_ASSERT_EQUAL(p.key_id, head_crc.key_id);
		CU_ASSERT_EQUAL(p.psn, head_crc.psn);
		CU_ASSERT_EQUAL(p.data.epoch, d.epoch);
		CU_ASSERT_EQUAL(p.data.stream, d.stream);
		CU_ASSERT_EQUAL(p.data.region, d.region);
		CU_ASSERT_EQUAL(p.data.encoding, d.encoding);
		CU_ASSERT_EQUAL(p.data.fragment, d.fragment);
		CU_ASSERT_EQUAL(p.data.page, d.page);
		CU_ASSERT_EQUAL(p.data.offset, d.offset);
		CU_ASSERT_EQUAL(p.data.length, d.length);
		CU_ASSERT_EQUAL(p.data.timestamp, d.timestamp);
		CU_ASSERT_PTR_EQUAL(p.data.payload, b + 32);
	}
}

static void round_trip_small(bool crc)
{
	struct gw_wire_ack_body a = {.largest = GW_WIRE_PSN_MAX - 2,
		.credit = 0xf123456789abcdefu,
		.echo = 0x11223344,
		.hold = 0x55667788,
		.ecn_ce = 0x99aabbcc};
	struct gw_wire_packet p = {0};
	uint8_t b[ROOM];
	size_t len;

	for (unsigned int i = 0; i < GW_WIRE_ACK_BITS / 64; i++)
		a.bitmap[i] = 0x0123456789abcdefu * (i + 1);
	len = make_ack(b, &a, crc);
	CU_ASSERT_EQUAL_FATAL(gw_wire_decode(b, len, crc, &p), GW_WIRE_OK);
	CU_ASSERT_EQUAL(p.type, GW_WIRE_ACK);
	CU_ASSERT_EQUAL(p.psn, head_crc.psn);
	CU_ASSERT_EQUAL(p.ack.largest, a.largest);
	CU_ASSERT_EQUAL(p.ack.credit, a.credit);
	CU_ASSERT_EQUAL(p.ack.echo, a.echo);
	CU_ASSERT_EQUAL(p.ack.hold, a.hold);
	CU_ASSERT_EQUAL(p.ack.ecn_ce, a.ecn_ce);
	CU_ASSERT_EQUAL(memcmp(p.ack.bitmap, a.bitmap, sizeof(a.bitmap)), 0);
	for (int type = GW_WIRE_PROBE; type <= GW_WIRE_REPLY; type++) {
		len = make_probe(b, (enum gw_wire_type)type, crc);
		CU_ASSERT_EQUAL_FATAL(gw_wire_decode(b, len, crc, &p), GW_WIRE_OK);
		CU_ASSERT_EQUAL((int)p.type, type);
		CU_ASSERT_EQUAL(p.path, head_crc.path);
		CU_ASSERT_EQUAL(p.probe.core, 0x0102);
		CU_ASSERT_EQUAL(p.probe.timestamp, 0x03040506);
	}
}

static void test_round_trip(void)
{
	round_trip_data(true);
	round_trip_data(false);
	round_trip_small(true);
	round_trip_small(false);
}

/* A probe may be padded to any length, and only a probe. */
static void test_padded(void)
{
	struct gw_wire_packet p;
	uint8_t b[ROOM];

	for (int crc = 0; crc < 2; crc++) {
		for (int type = GW_WIRE_PROBE; type <= GW_WIRE_REPLY; type++) {
			struct gw_wire_head h = head_crc;
			size_t len;

			h.flags = crc ? GW_WIRE_CRC32C : 0;
			memset(b, 0xee, sizeof(b));
			len = gw_wire_put_probe(b, &h, (enum gw_wire_type)type, 7, 9);
			CU_ASSERT_EQUAL(decode(b, gw_wire_seal(b, len + 1200, &h), crc, &p),
				type == GW_WIRE_PROBE ? GW_WIRE_OK : GW_WIRE_BAD_LENGTH);
			CU_ASSERT_EQUAL(p.probe.timestamp, 9);
		}
	}
}

static void test_many_pages(void)
{
	struct gw_wire_data_head d = raw_head(GW_WIRE_WHOLE);
	struct gw_wire_packet p;
	uint8_t b[ROOM];

	d.length = 3 * 4096;
	CU_ASSERT_EQUAL(decode(b, make_data(b, &d, true), true, &p), GW_WIRE_OK);
	CU_ASSERT_EQUAL(p.data.length, 3 * 4096);
}

static void test_truncated(void)
{
	struct gw_wire_packet p;
	uint8_t b[ROOM];
	size_t len;
	unsigned int passed = 0;

	for (int crc = 0; crc < 2; crc++) {
		for (unsigned int n = 0; (len = make_any(b, n, crc)) != 0; n++) {
			CU_ASSERT_EQUAL(decode(b, len, crc, &p), GW_WIRE_OK);
			for (size_t cut = 0; cut < len; cut++)
				passed += decode(b, cut, crc, &p) == GW_WIRE_OK;
			b[len] = 0;
			/* Without a trailer a longer probe is a padded one. */
			if (crc || p.type != GW_WIRE_PROBE)
				passed += decode(b, len + 1, crc, &p) == GW_WIRE_OK;
		}
	}
	CU_ASSERT_EQUAL(passed, 0);
	make_any(b, 3, false);
	for (size_t cut = 0; cut < sizeof(struct gw_wire_data); cut++)
		expect(b, cut, GW_WIRE_SHORT);
	make_any(b, 6, false);
	for (size_t cut = 0; cut < sizeof(struct gw_wire_ack); cut++)
		expect(b, cut, GW_WIRE_SHORT);
	make_any(b, 7, false);
	for (size_t cut = 0; cut < sizeof(struct gw_wire_probe); cut++)
		expect(b, cut, GW_WIRE_SHORT);
}

static void test_bit_flips(void)
{
	struct gw_wire_packet p;
	uint8_t b[ROOM];
	size_t len;
	unsigned int passed = 0, flips = 0;

	for (unsigned int n = 0; (len = make_any(b, n, true)) != 0; n++) {
		for (size_t bit = 0; bit < len * 8; bit++, flips++) {
			b[bit / 8] ^= (uint8_t)(1u << bit % 8);
			passed += gw_wire_decode(b, len, true, &p) == GW_WIRE_OK;
			b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		CU_ASSERT_EQUAL(gw_wire_decode(b, len, true, &p), GW_WIRE_OK);
	}
	CU_ASSERT_EQUAL(passed, 0);
	CU_ASSERT(flips > 60000);
}

/* A packet of the other mode, and both lies about it. */
static void test_modes(void)
{
	struct gw_wire_packet p;
	uint8_t b[ROOM];
	size_t len = make_any(b, 3, true);

	CU_ASSERT_EQUAL(decode(b, len, false, &p), GW_WIRE_BAD_FLAGS);
	b[1] = 0;
	CU_ASSERT_EQUAL(decode(b, len, true, &p), GW_WIRE_BAD_FLAGS);
	CU_ASSERT_EQUAL(decode(b, len, false, &p), GW_WIRE_BAD_LENGTH);
	len = make_any(b, 3, false);
	CU_ASSERT_EQUAL(decode(b, len, true, &p), GW_WIRE_BAD_FLAGS);
	b[1] = GW_WIRE_CRC32C;
	CU_ASSERT_EQUAL(decode(b, len, true, &p), GW_WIRE_BAD_LENGTH);
	len = make_any(b, 3, true);
	b[len - 1] ^= 1;
	CU_ASSERT_EQUAL(decode(b, len, true, &p), GW_WIRE_BAD_CRC);
	CU_ASSERT_EQUAL(decode(b, sizeof(struct gw_wire_common) + 3, true, &p), GW_WIRE_SHORT);
	for (unsigned int bit = 1; bit < 8; bit++) {
		len = make_any(b, 7, false);
		b[1] = (uint8_t)(1u << bit);
		expect(b, len, GW_WIRE_BAD_FLAGS);
	}
}

/* Of an encrypted packet the header is read, and lengths count the tag. */
static void test_sealed_head(void)
{
	struct gw_wire_packet p;
	uint8_t b[ROOM];
	size_t len, bytes;

	for (unsigned int n = 0; (len = make_any(b, n, false)) != 0; n++) {
		b[1] = GW_WIRE_AEAD;
		len += GW_WIRE_TAG_BYTES;
		CU_ASSERT_EQUAL(gw_wire_decode_head(b, len, GW_WIRE_AEAD, &p, &bytes), GW_WIRE_OK);
		CU_ASSERT_EQUAL(bytes, len - GW_WIRE_TAG_BYTES);
		CU_ASSERT_EQUAL(p.path, head_crc.path);
		CU_ASSERT_EQUAL(p.key_id, head_crc.key_id);
		CU_ASSERT_EQUAL(p.psn, head_crc.psn);
		CU_ASSERT(gw_wire_clear_bytes(p.type) <= bytes);
		if (p.type != GW_WIRE_PROBE) {
			CU_ASSERT_NOT_EQUAL(
				gw_wire_decode_head(b, len + 1, GW_WIRE_AEAD, &p, &bytes),
				GW_WIRE_OK);
		}
		for (size_t cut = p.type == GW_WIRE_PROBE ? sizeof(struct gw_wire_probe) + 15
							  : len - 1;
			cut > 0; cut--)
			CU_ASSERT_NOT_EQUAL(
				gw_wire_decode_head(b, cut, GW_WIRE_AEAD, &p, &bytes), GW_WIRE_OK);
		for (uint8_t flags = 0; flags < GW_WIRE_AEAD; flags++)
			CU_ASSERT_EQUAL(
				gw_wire_decode_head(b, len, flags, &p, &bytes), GW_WIRE_BAD_FLAGS);
	}
	CU_ASSERT_EQUAL(gw_wire_trailer_bytes(0), 0);
	CU_ASSERT_EQUAL(gw_wire_trailer_bytes(GW_WIRE_CRC32C), 4);
	CU_ASSERT_EQUAL(gw_wire_trailer_bytes(GW_WIRE_AEAD), 16);
}

static void test_ladder(void)
{
	struct gw_wire_data_head d;
	uint8_t b[ROOM];
	size_t len;

	for (unsigned int v = 0; v < 16; v++) {
		len = make_any(b, 7, false);
		b[0] = (uint8_t)(v << 4 | GW_WIRE_PROBE);
		expect(b, len, v == GW_WIRE_VERSION ? GW_WIRE_OK : GW_WIRE_BAD_VERSION);
	}
	for (unsigned int t = 0; t < 16; t++) {
		len = make_any(b, 7, false);
		b[0] = (uint8_t)(GW_WIRE_VERSION << 4 | t);
		if (t == 0 || t > GW_WIRE_REPLY)
			expect(b, len, GW_WIRE_BAD_TYPE);
	}
	d = raw_head(GW_WIRE_WHOLE);
	d.epoch = 0;
	expect(b, make_data(b, &d, false), GW_WIRE_BAD_EPOCH);
	for (uint8_t e = 3; e < 16; e++) {
		d = raw_head(GW_WIRE_WHOLE);
		d.encoding = e;
		expect(b, make_data(b, &d, false), GW_WIRE_BAD_ENCODING);
	}
	len = make_any(b, 3, false);
	b[27] ^= 1; /* the header's length disagrees with the datagram's */
	expect(b, len, GW_WIRE_BAD_LENGTH);
	len = make_any(b, 6, false);
	expect(b, len + 1, GW_WIRE_BAD_LENGTH);
	len = make_any(b, 8, false);
	expect(b, len + 1, GW_WIRE_BAD_LENGTH);
}

static void test_names(void)
{
	for (int i = 0; i < GW_WIRE_ERRORS; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(gw_wire_error_name((enum gw_wire_error)i));
		for (int k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(gw_wire_error_name((enum gw_wire_error)i),
				gw_wire_error_name((enum gw_wire_error)k));
	}
	CU_ASSERT_STRING_EQUAL(gw_wire_error_name(GW_WIRE_ERRORS), "?");
}

/* Of all (fragment, offset, length) near what is right, exactly the right ones pass. */
static void test_fragments(void)
{
	static const uint16_t near[] = {0, 1, 1023, 1024, 1025, 1343, 1344, 1345, 1375, 1376, 1377,
		2047, 2048, 2049, 2751, 2752, 2753, 3071, 3072, 3073, 4095, 4096, 4097, 8192,
		12288};
	const unsigned int n = sizeof(near) / sizeof(near[0]);
	unsigned int right = 0, wrong = 0;
	struct gw_wire_packet p;
	uint8_t b[ROOM];

	for (uint8_t f = 0; f < 16; f++) {
		for (unsigned int k = 0; k < n * n; k++) {
			struct gw_wire_data_head d = raw_head(f);
			enum gw_wire_error error;
			bool good;

			d.offset = near[k / n];
			d.length = near[k % n];
			if (f == GW_WIRE_WHOLE)
				good = d.offset == 0 && d.length >= 4096 && d.length % 4096 == 0;
			else
				good = f < 3 ? d.offset == f * 1376 &&
						       d.length == (f < 2 ? 1376 : 1344)
					     : f < 7 && d.offset == (f - 3) * 1024 &&
						       d.length == 1024;
			error = decode(b, make_data(b, &d, false), false, &p);
			right += error == GW_WIRE_OK;
			wrong += error != (good ? GW_WIRE_OK : GW_WIRE_BAD_FRAGMENT);
		}
	}
	CU_ASSERT_EQUAL(right, 3 + 4 + 3);
	CU_ASSERT_EQUAL(wrong, 0);
}

static void expect_runs(const uint32_t (*run)[2], uint32_t n, enum gw_wire_error want)
{
	uint8_t b[ROOM];

	expect(b, make_runs(b, GW_WIRE_ZERO_RUNS, run, n, false), want);
	expect(b, make_runs(b, GW_WIRE_HOLE_RUNS, run, n, false), want);
}

static void test_runs(void)
{
	static uint32_t run[GW_WIRE_RUNS_MAX + 1][2];
	struct gw_wire_data_head d = raw_head(GW_WIRE_WHOLE);
	uint32_t page, count;
	uint8_t b[ROOM];

	for (uint32_t i = 0; i <= GW_WIRE_RUNS_MAX; i++)
		run[i][0] = i * 3, run[i][1] = 1 + i % 2;
	expect_runs(run, 0, GW_WIRE_BAD_RUN);
	expect_runs(run, 1, GW_WIRE_OK);
	expect_runs(run, GW_WIRE_RUNS_MAX, GW_WIRE_OK);
	expect_runs(run, GW_WIRE_RUNS_MAX + 1, GW_WIRE_BAD_RUN);
	make_runs(b, GW_WIRE_ZERO_RUNS, run, GW_WIRE_RUNS_MAX, false);
	for (uint32_t i = 0; i < GW_WIRE_RUNS_MAX; i++) {
		gw_wire_run_get(b + 32, i, &page, &count);
		CU_ASSERT_EQUAL(page, run[i][0]);
		CU_ASSERT_EQUAL(count, run[i][1]);
	}
	/* An empty run, wherever it stands. */
	run[2][1] = 0;
	expect_runs(run, 3, GW_WIRE_BAD_RUN);
	/* Together at most GW_WIRE_RUN_PAGES_MAX. */
	run[0][1] = GW_WIRE_RUN_PAGES_MAX;
	expect_runs(run, 1, GW_WIRE_OK);
	expect_runs(run, 2, GW_WIRE_BAD_RUN);
	run[0][1] = GW_WIRE_RUN_PAGES_MAX + 1;
	expect_runs(run, 1, GW_WIRE_BAD_RUN);
	run[0][1] = GW_WIRE_RUN_PAGES_MAX - 1;
	run[1][1] = 1;
	expect_runs(run, 2, GW_WIRE_OK);
	run[1][1] = 2;
	expect_runs(run, 2, GW_WIRE_BAD_RUN);
	run[1][1] = UINT32_MAX; /* the sum wraps */
	expect_runs(run, 2, GW_WIRE_BAD_RUN);
	/* A run that wraps behind the last page number. */
	run[0][0] = UINT32_MAX, run[0][1] = 1;
	expect_runs(run, 1, GW_WIRE_BAD_RUN);
	run[0][0] = UINT32_MAX - 5, run[0][1] = 5;
	expect_runs(run, 1, GW_WIRE_OK);
	run[0][1] = 6;
	expect_runs(run, 1, GW_WIRE_BAD_RUN);
	/* Not a multiple of a run; the fragment fields say "whole". */
	d.encoding = GW_WIRE_ZERO_RUNS;
	d.length = 9;
	expect(b, make_data(b, &d, false), GW_WIRE_BAD_RUN);
	d.length = 8;
	d.offset = 1;
	expect(b, make_data(b, &d, false), GW_WIRE_BAD_FRAGMENT);
	d.offset = 0;
	d.fragment = 0;
	expect(b, make_data(b, &d, false), GW_WIRE_BAD_FRAGMENT);
}

static void test_ack_below_zero(void)
{
	static const uint64_t largest[] = {0, 1, 62, 63, 64, 65, 500, 1021, 1022, 1023, 1024};
	uint8_t b[ROOM];

	for (unsigned int k = 0; k < sizeof(largest) / sizeof(largest[0]); k++) {
		for (unsigned int i = 0; i < GW_WIRE_ACK_BITS; i++) {
			struct gw_wire_ack_body a = {.largest = largest[k]};

			a.bitmap[i / 64] = UINT64_C(1) << (i % 64);
			expect(b, make_ack(b, &a, false),
				i <= largest[k] ? GW_WIRE_OK : GW_WIRE_BAD_ACK);
		}
	}
}

/* Random bytes, and packets with random bytes in them: what passes says something that holds. */
static void test_random(void)
{
	struct random r = {random_seed("random bytes")};
	unsigned int passed = 0, bad = 0;
	struct gw_wire_packet p;
	uint8_t b[ROOM];

	for (unsigned int i = 0; i < 200000; i++) {
		size_t len = make_any(b, random_below(&r, 9), false);

		for (uint32_t k = random_below(&r, 4); k != 0; k--)
			b[random_below(&r, len < 64 ? (uint32_t)len : 64)] =
				(uint8_t)random_next(&r);
		if (gw_wire_decode(b, len, false, &p) != GW_WIRE_OK)
			continue;
		passed++;
		if (p.type == GW_WIRE_DATA)
			bad += p.data.epoch == 0 || p.data.payload + p.data.length != b + len;
		bad += p.psn > GW_WIRE_PSN_MAX;
	}
	CU_ASSERT(passed > 1000);
	CU_ASSERT_EQUAL(bad, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"layout", test_layout},
		{"round trip", test_round_trip},
		{"several pages", test_many_pages},
		{"truncated", test_truncated},
		{"bit flips", test_bit_flips},
		{"crc modes", test_modes},
		{"encrypted", test_sealed_head},
		{"each rung", test_ladder},
		{"names", test_names},
		{"fragments", test_fragments},
		{"padded probes", test_padded},
		{"run lists", test_runs},
		{"ACK below zero", test_ack_below_zero},
		{"random", test_random},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"wire", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
