/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/port/ndp.c, against messages laid out by hand from RFC 4861. */
#include "../../dataplane/port/ndp.c"

#include "random.h"
#include "run.h"

#include <stdlib.h>

static const uint8_t mac_here[6] = {2, 0, 0, 0, 0, 1}, mac_there[6] = {2, 0, 0, 0, 0, 0xf2};
static struct gw_ip here, there, other;

static int setup(void)
{
	return !gw_ip_from_text("fd00::12:3456", &here) ||
	       !gw_ip_from_text("fd00::78:9abc", &there) ||
	       !gw_ip_from_text("fd00::12:3457", &other);
}

/* RFC 8200, 8.1, written the slow way: the pseudo-header's bytes, then the message's. */
static uint16_t checksum(const uint8_t *frame, size_t bytes)
{
	uint8_t all[40 + GW_NDP_ROOM] = {0};
	uint64_t s = 0;

	memcpy(all, frame + 22, 32);
	all[34] = (uint8_t)(bytes >> 8);
	all[35] = (uint8_t)bytes;
	all[39] = 58;
	memcpy(all + 40, frame + 54, bytes);
	for (size_t i = 0; i < 40 + bytes; i += 2)
		s += (uint32_t)all[i] << 8 | all[i + 1];
	while (s > 0xffff)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void fix_checksum(uint8_t *frame)
{
	frame[56] = frame[57] = 0;
	gw_put16(frame + 56, checksum(frame, gw_get16(frame + 18)));
}

/* As the worker has it: the frame's own check first. The copy ends where its memory ends; a MAC is
 * looked up in the frame. */
static enum gw_frame_kind parse_for(
	const struct gw_ip *ip, const uint8_t *frame, size_t len, struct gw_ndp_in *in)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct gw_frame_in f;
	enum gw_frame_kind kind;

	memset(in, 0, sizeof(*in));
	memcpy(copy, frame, len);
	kind = gw_frame_parse(copy, len, ip, &f);
	if (kind == GW_FRAME_NDP_IN)
		kind = gw_ndp_parse(copy, len, ip, in);
	if (in->mac != NULL)
		in->mac = frame + (in->mac - copy);
	free(copy);
	return kind;
}

static enum gw_frame_kind parse(const uint8_t *frame, size_t len, struct gw_ndp_in *in)
{
	return parse_for(&here, frame, len, in);
}

static void test_solicitation(void)
{
	static const uint8_t want[] = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 0xf2,
		0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x78, 0x9a, 0xbc, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x12, 0x34, 0x56,
		135, 0};
	static const uint8_t option[] = {1, 1, 2, 0, 0, 0, 0, 0xf2};
	struct gw_ndp_in in;
	uint8_t f[GW_NDP_BYTES], mac[6];
	struct gw_ip target, group;

	gw_ndp_solicit(f, mac_there, &there, &here);
	CU_ASSERT_EQUAL(memcmp(f, want, sizeof(want)), 0);
	CU_ASSERT_EQUAL(checksum(f, 32), 0);
	CU_ASSERT_EQUAL(gw_get32(f + 58), 0);
	target = gw_ip_get(f + 62);
	CU_ASSERT_TRUE(gw_ip_equal(&target, &here));
	CU_ASSERT_EQUAL(memcmp(f + 78, option, 8), 0);
	group = gw_ndp_group(&here);
	gw_ndp_multicast_mac(&group, mac);
	CU_ASSERT_EQUAL(memcmp(f, mac, 6), 0);
	CU_ASSERT_EQUAL_FATAL(parse(f, sizeof(f), &in), GW_FRAME_NDP_IN);
	CU_ASSERT_TRUE(in.asks);
	CU_ASSERT_TRUE(gw_ip_equal(&in.from, &there));
	CU_ASSERT_TRUE(gw_ip_equal(&in.target, &here));
	CU_ASSERT_PTR_EQUAL(in.mac, f + 80);
	/* Not for a host of another group, and not for one without IPv6. */
	CU_ASSERT_EQUAL(parse_for(&other, f, sizeof(f), &in), GW_FRAME_OTHER);
	target = gw_ip_from_v4(1);
	CU_ASSERT_EQUAL(parse_for(&target, f, sizeof(f), &in), GW_FRAME_OTHER);
}

static void test_answer(void)
{
	struct gw_ndp_in asked, in;
	uint8_t ask[GW_NDP_BYTES], f[GW_NDP_BYTES];
	struct gw_ip at;

	gw_ndp_solicit(ask, mac_there, &there, &here);
	CU_ASSERT_EQUAL_FATAL(parse(ask, sizeof(ask), &asked), GW_FRAME_NDP_IN);
	gw_ndp_answer(f, mac_here, &here, &asked, ask + 6);
	CU_ASSERT_EQUAL(memcmp(f, mac_there, 6), 0);
	CU_ASSERT_EQUAL(memcmp(f + 6, mac_here, 6), 0);
	CU_ASSERT_EQUAL(f[21], 255);
	CU_ASSERT_EQUAL(checksum(f, 32), 0);
	at = gw_ip_get(f + 38);
	CU_ASSERT_TRUE(gw_ip_equal(&at, &there));
	CU_ASSERT_EQUAL(f[54], 136);
	CU_ASSERT_EQUAL(gw_get32(f + 58), 0x60000000); /* solicited, override */
	CU_ASSERT_EQUAL(f[78], 2);
	CU_ASSERT_EQUAL_FATAL(parse_for(&there, f, sizeof(f), &in), GW_FRAME_NDP_IN);
	CU_ASSERT_FALSE(in.asks);
	CU_ASSERT_TRUE(gw_ip_equal(&in.target, &here));
	CU_ASSERT_EQUAL(memcmp(in.mac, mac_here, 6), 0);
	/* It is not for others. */
	CU_ASSERT_EQUAL(parse_for(&other, f, sizeof(f), &in), GW_FRAME_OTHER);
}

/* A kernel that makes sure that we are still there asks us alone, and may leave its MAC out. */
static void test_unicast(void)
{
	struct gw_ndp_in asked;
	uint8_t ask[GW_NDP_BYTES], f[GW_NDP_BYTES];

	gw_ndp_solicit(ask, mac_there, &there, &here);
	memcpy(ask, mac_here, 6);
	gw_ip_put(ask + 38, &here);
	fix_checksum(ask);
	CU_ASSERT_EQUAL(parse(ask, sizeof(ask), &asked), GW_FRAME_NDP_IN);
	CU_ASSERT_PTR_NOT_NULL(asked.mac);
	gw_put16(ask + 18, 24);
	fix_checksum(ask);
	CU_ASSERT_EQUAL_FATAL(parse(ask, 78, &asked), GW_FRAME_NDP_IN);
	CU_ASSERT_PTR_NULL(asked.mac);
	gw_ndp_answer(f, mac_here, &here, &asked, ask + 6);
	CU_ASSERT_EQUAL(memcmp(f, mac_there, 6), 0);
}

/* A host that wants our address for itself (RFC 4862) hears that it is taken, as all do. */
static void test_duplicate(void)
{
	static const struct gw_ip nobody;
	struct gw_ndp_in asked, in;
	uint8_t ask[GW_NDP_BYTES], f[GW_NDP_BYTES];

	gw_ndp_solicit(ask, mac_there, &nobody, &here);
	/* Without an address there is none to tell. */
	CU_ASSERT_EQUAL(parse(ask, sizeof(ask), &asked), GW_FRAME_INVALID);
	gw_put16(ask + 18, 24);
	fix_checksum(ask);
	CU_ASSERT_EQUAL_FATAL(parse(ask, 78, &asked), GW_FRAME_NDP_IN);
	gw_ndp_answer(f, mac_here, &here, &asked, ask + 6);
	CU_ASSERT_EQUAL(memcmp(f, "\x33\x33\0\0\0\1", 6), 0);
	CU_ASSERT_EQUAL(gw_get32(f + 58), 0x20000000);
	CU_ASSERT_EQUAL(checksum(f, 32), 0);
	CU_ASSERT_EQUAL(parse_for(&there, f, sizeof(f), &in), GW_FRAME_NDP_IN);
	CU_ASSERT_TRUE(gw_ip_equal(&in.target, &here));
	/* What all get answers nobody's question. */
	f[58] = 0x60;
	fix_checksum(f);
	CU_ASSERT_EQUAL(parse_for(&there, f, sizeof(f), &in), GW_FRAME_INVALID);
	/* Only the group is asked, and nobody without an address tells. */
	gw_ip_put(ask + 38, &here);
	fix_checksum(ask);
	CU_ASSERT_EQUAL(parse(ask, 78, &asked), GW_FRAME_INVALID);
	f[58] = 0;
	gw_ip_put(f + 22, &nobody);
	fix_checksum(f);
	CU_ASSERT_EQUAL(parse_for(&there, f, sizeof(f), &in), GW_FRAME_INVALID);
}

static void test_cut(void)
{
	uint8_t f[GW_NDP_ROOM] = {0};
	struct gw_ndp_in in;

	gw_ndp_solicit(f, mac_there, &there, &here);
	for (size_t cut = 0; cut < GW_NDP_BYTES; cut++)
		CU_ASSERT_NOT_EQUAL(parse(f, cut, &in), GW_FRAME_NDP_IN);
	/* Whatever is behind it is not of it. */
	CU_ASSERT_EQUAL(parse(f, GW_NDP_ROOM, &in), GW_FRAME_NDP_IN);
	for (uint16_t bytes = 0; bytes < GW_NDP_ROOM - 54; bytes++) {
		gw_put16(f + 18, bytes);
		fix_checksum(f);
		/* With 24 the option is not there; longer ones end in options of no length. */
		CU_ASSERT_EQUAL(parse(f, GW_NDP_ROOM, &in),
			bytes == 24 || bytes == 32 ? GW_FRAME_NDP_IN : GW_FRAME_INVALID);
	}
	gw_put16(f + 18, 0xfff8);
	CU_ASSERT_EQUAL(parse(f, GW_NDP_ROOM, &in), GW_FRAME_INVALID);
}

static void test_refused(void)
{
	static const struct {
		const char *what;
		uint8_t at, value;
		enum gw_frame_kind kind;
	} c[] = {
		{"came through a router", 21, 254, GW_FRAME_INVALID},
		{"code", 55, 1, GW_FRAME_INVALID},
		{"target is a group", 62, 0xff, GW_FRAME_INVALID},
		{"source is a group", 22, 0xff, GW_FRAME_INVALID},
		{"option of no length", 79, 0, GW_FRAME_INVALID},
		{"option beyond the end", 79, 2, GW_FRAME_INVALID},
		{"a group's MAC", 80, 3, GW_FRAME_INVALID},
		{"router solicitation", 54, 133, GW_FRAME_OTHER},
		{"redirect", 54, 137, GW_FRAME_OTHER},
		{"echo", 54, 128, GW_FRAME_OTHER},
		{"another group", 53, 0x57, GW_FRAME_OTHER},
		{"all routers", 38, 0xfe, GW_FRAME_OTHER},
		{"IP version", 14, 0x40, GW_FRAME_OTHER},
		{"hop-by-hop options", 20, 0, GW_FRAME_OTHER},
		/* As they are to be overlooked. */
		{"reserved bits", 60, 0xff, GW_FRAME_NDP_IN},
		{"another option", 78, 14, GW_FRAME_NDP_IN},
		{"traffic class", 14, 0x6f, GW_FRAME_NDP_IN},
	};
	struct gw_ndp_in in;
	uint8_t f[GW_NDP_BYTES];

	for (unsigned int i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		gw_ndp_solicit(f, mac_there, &there, &here);
		CU_ASSERT_NOT_EQUAL(f[c[i].at], c[i].value);
		f[c[i].at] = c[i].value;
		fix_checksum(f);
		if (parse(f, sizeof(f), &in) != c[i].kind)
			CU_FAIL(c[i].what);
		if (c[i].at == 78)
			CU_ASSERT_PTR_NULL(in.mac);
	}
	/* Any bit that the checksum covers. */
	for (unsigned int bit = 22 * 8; bit < GW_NDP_BYTES * 8; bit++) {
		gw_ndp_solicit(f, mac_there, &there, &here);
		f[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT_NOT_EQUAL(parse(f, sizeof(f), &in), GW_FRAME_NDP_IN);
	}
}

/* Further options, as other systems send them. */
static void test_options(void)
{
	uint8_t f[GW_NDP_ROOM];
	struct gw_ndp_in in;

	gw_ndp_solicit(f, mac_there, &there, &here);
	memmove(f + 94, f + 78, 8);
	memset(f + 78, 0, 16);
	f[78] = 14; /* a nonce */
	f[79] = 2;
	gw_put16(f + 18, 48);
	fix_checksum(f);
	CU_ASSERT_EQUAL(parse(f, 102, &in), GW_FRAME_NDP_IN);
	CU_ASSERT_PTR_EQUAL(in.mac, f + 96);
	/* A MAC that is not Ethernet's. */
	f[78] = 1;
	fix_checksum(f);
	CU_ASSERT_EQUAL(parse(f, 102, &in), GW_FRAME_INVALID);
}

/* Nothing is read beyond the end, whatever the lengths say (with sanitizers). */
static void test_random(void)
{
	struct random r = {random_seed("messages")};
	struct gw_ndp_in in;
	uint8_t f[GW_NDP_ROOM] = {0};

	for (unsigned int i = 0; i < 200000; i++) {
		size_t len = 54 + random_below(&r, GW_NDP_ROOM - 53);

		gw_ndp_solicit(f, mac_there, &there, &here);
		for (size_t k = 78; k < len; k++)
			f[k] = (uint8_t)random_below(&r, i % 2 != 0 ? 4 : 256);
		gw_put16(f + 18, (uint16_t)((len - 54) / 8 * 8));
		if (len >= 78)
			fix_checksum(f);
		if (parse(f, len, &in) == GW_FRAME_NDP_IN && in.mac != NULL)
			CU_ASSERT_FATAL(in.mac >= f + 80 && in.mac + 6 <= f + len);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"solicitation", test_solicitation},
		{"answer", test_answer},
		{"asked directly", test_unicast},
		{"search for a duplicate", test_duplicate},
		{"cut", test_cut},
		{"refused", test_refused},
		{"options", test_options},
		{"random options", test_random},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"ndp", setup, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
