/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/port/: frame.c, over both families, and the neighbour table. */
#include "../../dataplane/port/frame.c"
#include "../../dataplane/port/neighbor.h"

#include "random.h"
#include "run.h"

#define HERE 0x0a000001u
#define THERE 0x0a000002u

static struct gw_ip here, there, here6, there6;

static const uint8_t mac_here[6] = {2, 0, 0, 0, 0, 1}, mac_there[6] = {2, 0, 0, 0, 0, 0xf2};

static int setup(void)
{
	here = gw_ip_from_v4(HERE);
	there = gw_ip_from_v4(THERE);
	return !gw_ip_from_text("fd00:1:2:3:4:5:6:7", &here6) ||
	       !gw_ip_from_text("fd00:a:b:c:d:e:f:1", &there6);
}

/* A frame between two addresses with len bytes of payload. */
static size_t make_for(uint8_t *out, const struct gw_ip *from, const struct gw_ip *to, uint32_t len)
{
	struct gw_frame_template t;

	gw_frame_template(
		&t, mac_there, mac_here, from, to, GW_WIRE_PATH_PORT_BASE, GW_WIRE_UDP_PORT);
	gw_frame_put(out, &t, len);
	memset(out + t.header, 0xa5, len);
	return t.header + len;
}

static size_t make(uint8_t *out, uint32_t len)
{
	return make_for(out, &there, &here, len);
}

static size_t make6(uint8_t *out, uint32_t len)
{
	return make_for(out, &there6, &here6, len);
}

/* RFC 1071, written the slow way. */
static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void fix_checksum(uint8_t *frame)
{
	uint16_t sum;

	frame[24] = frame[25] = 0;
	sum = checksum(frame + 14, 20);
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
}

/* A copy that ends where its memory ends. */
static enum gw_frame_kind parse_for(
	const struct gw_ip *ip, const uint8_t *frame, size_t len, struct gw_frame_in *in)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	enum gw_frame_kind kind;

	memcpy(copy, frame, len);
	kind = gw_frame_parse(copy, len, ip, in);
	free(copy);
	return kind;
}

static enum gw_frame_kind parse(const uint8_t *frame, size_t len, struct gw_frame_in *in)
{
	return parse_for(&here, frame, len, in);
}

static enum gw_frame_kind parse6(const uint8_t *frame, size_t len, struct gw_frame_in *in)
{
	return parse_for(&here6, frame, len, in);
}

static void test_template(void)
{
	struct random r = {random_seed("templates")};
	struct gw_frame_template t;
	uint8_t out[64];

	for (unsigned int i = 0; i < 100000; i++) {
		struct gw_ip from = gw_ip_from_v4((uint32_t)random_next(&r));
		struct gw_ip to = gw_ip_from_v4((uint32_t)random_next(&r));
		uint32_t len = i < 66000 ? i % 9600 : random_below(&r, 9600);

		gw_frame_template(&t, mac_there, mac_here, &from, &to, 49999, 7412);
		gw_frame_put(out, &t, len);
		if (checksum(out + 14, 20) != 0) {
			CU_FAIL("header checksum");
			break;
		}
	}
	make(out, 10);
	CU_ASSERT_EQUAL(memcmp(out, mac_here, 6), 0);
	CU_ASSERT_EQUAL(memcmp(out + 6, mac_there, 6), 0);
	CU_ASSERT_EQUAL(gw_get16(out + 12), 0x0800);
	CU_ASSERT_EQUAL(out[14], 0x45);
	CU_ASSERT_EQUAL(gw_get16(out + 16), 20 + 8 + 10);
	CU_ASSERT_EQUAL(gw_get16(out + 20), 0x4000); /* DF */
	CU_ASSERT_EQUAL(out[23], 17);
	CU_ASSERT_EQUAL(gw_get32(out + 26), THERE);
	CU_ASSERT_EQUAL(gw_get32(out + 30), HERE);
	CU_ASSERT_EQUAL(gw_get16(out + 34), GW_WIRE_PATH_PORT_BASE);
	CU_ASSERT_EQUAL(gw_get16(out + 36), GW_WIRE_UDP_PORT);
	CU_ASSERT_EQUAL(gw_get16(out + 38), 8 + 10);
	CU_ASSERT_EQUAL(gw_get16(out + 40), 0);
}

static void test_parse(void)
{
	struct gw_frame_in in;
	uint8_t f[2048];
	size_t len;

	len = make(f, 100);
	CU_ASSERT_EQUAL(gw_frame_parse(f, len, &here, &in), GW_FRAME_UDP);
	CU_ASSERT_PTR_EQUAL(in.payload, f + 42);
	CU_ASSERT_EQUAL(in.len, 100);
	CU_ASSERT_EQUAL(in.header, 42);
	CU_ASSERT_TRUE(gw_ip_equal(&in.from_ip, &there));
	CU_ASSERT_EQUAL(in.from_port, GW_WIRE_PATH_PORT_BASE);
	CU_ASSERT_EQUAL(in.to_port, GW_WIRE_UDP_PORT);
	/* Ethernet pads behind the datagram: it is no part of it. */
	make(f, 3);
	CU_ASSERT_EQUAL(parse(f, 60, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(in.len, 3);
	len = make(f, 0);
	CU_ASSERT_EQUAL(parse(f, len, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(in.len, 0);
	/* Truncated anywhere. */
	len = make(f, 100);
	for (size_t cut = 0; cut < len; cut++)
		CU_ASSERT_NOT_EQUAL(parse(f, cut, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(parse(f, len - 1, &in), GW_FRAME_INVALID);
	CU_ASSERT_EQUAL(parse(f, 13, &in), GW_FRAME_INVALID);
}

static void test_refused(void)
{
	static const struct {
		const char *what;
		uint8_t at, value;
		enum gw_frame_kind kind;
	} c[] = {
		{"more fragments", 20, 0x20, GW_FRAME_OTHER},
		{"fragment offset, high", 20, 0x01, GW_FRAME_OTHER},
		{"fragment offset, low", 21, 0x01, GW_FRAME_OTHER},
		{"options", 14, 0x46, GW_FRAME_OTHER},
		{"header too short", 14, 0x44, GW_FRAME_OTHER},
		{"IP version", 14, 0x65, GW_FRAME_OTHER},
		{"TCP", 23, 6, GW_FRAME_OTHER},
		{"other address", 33, 9, GW_FRAME_OTHER},
		{"other ether type", 13, 0xdd, GW_FRAME_OTHER},
		{"other port", 37, 0, GW_FRAME_OTHER},
		{"total above the frame", 17, 129, GW_FRAME_INVALID},
		{"total below the headers", 17, 27, GW_FRAME_INVALID},
		{"total below UDP's", 17, 127, GW_FRAME_INVALID},
		{"UDP above total", 39, 109, GW_FRAME_INVALID},
		{"UDP below total", 39, 107, GW_FRAME_INVALID},
		{"UDP below its header", 39, 7, GW_FRAME_INVALID},
	};
	struct gw_frame_in in;
	uint8_t f[2048];
	size_t len;

	for (unsigned int i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		len = make(f, 100);
		CU_ASSERT_NOT_EQUAL(f[c[i].at], c[i].value);
		f[c[i].at] = c[i].value;
		fix_checksum(f);
		if (parse(f, len, &in) != c[i].kind)
			CU_FAIL(c[i].what);
	}
	/* Any bit of the IPv4 header that the checksum does not agree with. */
	for (unsigned int bit = 14 * 8; bit < 34 * 8; bit++) {
		len = make(f, 100);
		f[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT_NOT_EQUAL(parse(f, len, &in), GW_FRAME_UDP);
	}
}

static void test_ports(void)
{
	unsigned int ours = 0;
	struct gw_frame_in in;
	uint8_t f[64];

	for (uint32_t port = 0; port < 65536; port++) {
		struct gw_frame_template t;

		gw_frame_template(&t, mac_there, mac_here, &there, &here, 1, (uint16_t)port);
		gw_frame_put(f, &t, 0);
		if (gw_frame_parse(f, 42, &here, &in) == GW_FRAME_UDP) {
			ours++;
			CU_ASSERT_TRUE(port == 7412 || (port >= 49152 && port < 49152 + 1024));
		}
	}
	CU_ASSERT_EQUAL(ours, 1025);
}

static void test_turn(void)
{
	struct gw_frame_in in;
	uint8_t f[2048];
	size_t len;

	/* The answer is shorter than what came. */
	make(f, 1472);
	f[15] = 3;
	fix_checksum(f);
	gw_frame_turn(f, mac_here, 20);
	len = GW_FRAME_HEADER_V4 + 20;
	CU_ASSERT_EQUAL(memcmp(f, mac_there, 6), 0);
	CU_ASSERT_EQUAL(memcmp(f + 6, mac_here, 6), 0);
	CU_ASSERT_EQUAL(checksum(f + 14, 20), 0);
	CU_ASSERT_EQUAL(gw_frame_parse(f, len, &there, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(in.len, 20);
	CU_ASSERT_FALSE(in.ce);
	CU_ASSERT_TRUE(gw_ip_equal(&in.from_ip, &here));
	CU_ASSERT_EQUAL(in.from_port, GW_WIRE_UDP_PORT);
	CU_ASSERT_EQUAL(in.to_port, GW_WIRE_PATH_PORT_BASE);
}

static void test_neighbors(void)
{
	static struct gw_neighbors t;
	struct gw_ip ip = there6, stranger = here6;
	struct gw_neighbor *first, *e;
	uint8_t mac[6];

	CU_ASSERT_FALSE(gw_neighbor_learn(&t, &there, mac_there, 5)); /* nobody asked */
	CU_ASSERT_EQUAL(t.used, 0);
	first = gw_neighbor_add(&t, &there);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_FALSE(gw_neighbor_mac(first, mac));
	CU_ASSERT_TRUE(gw_neighbor_learn(&t, &there, mac_there, 5));
	CU_ASSERT_TRUE(gw_neighbor_mac(first, mac));
	CU_ASSERT_EQUAL(memcmp(mac, mac_there, 6), 0);
	CU_ASSERT_EQUAL(first->heard_ns, 5);
	CU_ASSERT_PTR_EQUAL(gw_neighbor_add(&t, &there), first);
	CU_ASSERT_EQUAL(t.used, 1);
	for (uint32_t i = 1; i < GW_NEIGHBORS; i++) {
		ip.low = there6.low + i;
		e = gw_neighbor_add(&t, &ip);
		CU_ASSERT_PTR_NOT_NULL_FATAL(e);
		CU_ASSERT_FALSE(gw_neighbor_mac(e, mac));
	}
	CU_ASSERT_PTR_NULL(gw_neighbor_add(&t, &stranger));
	CU_ASSERT_FALSE(gw_neighbor_learn(&t, &stranger, mac_here, 6));
	CU_ASSERT_PTR_EQUAL(gw_neighbor_add(&t, &there), first);
	/* A new address for a known one, the last entry. */
	CU_ASSERT_TRUE(gw_neighbor_learn(&t, &there, mac_here, 7));
	CU_ASSERT_TRUE(gw_neighbor_mac(first, mac));
	CU_ASSERT_EQUAL(memcmp(mac, mac_here, 6), 0);
	CU_ASSERT_TRUE(gw_neighbor_learn(&t, &ip, mac_there, 8));
	CU_ASSERT_EQUAL(t.entry[GW_NEIGHBORS - 1].heard_ns, 8);
	/* Another address gets an entry that nobody uses: nothing is known of it, what was known is
	 * gone, however often. */
	e = &t.entry[GW_NEIGHBORS - 1];
	for (unsigned int turn = 0; turn < 70000; turn++) {
		gw_neighbor_put(e);
		ip.high++;
		if (gw_neighbor_add(&t, &ip) != e || gw_neighbor_mac(e, mac) ||
			!gw_neighbor_learn(&t, &ip, mac_there, 9) || !gw_neighbor_mac(e, mac) ||
			memcmp(mac, mac_there, 6) != 0) {
			CU_FAIL("an entry that goes to another address");
			break;
		}
	}
	CU_ASSERT_TRUE(gw_neighbor_learn(&t, &ip, mac_here, 10));
	CU_ASSERT_TRUE(gw_neighbor_mac(e, mac));
	CU_ASSERT_EQUAL(memcmp(mac, mac_here, 6), 0);
}

/* ECN: ECT(0) goes out with a right checksum, CE is seen, anything else is not CE. */
static void test_ecn(void)
{
	struct gw_frame_template t;
	struct gw_frame_in in;
	uint8_t f[GW_FRAME_HEADER_V4 + 100] = {0};

	gw_frame_template(&t, mac_there, mac_here, &there, &here, 49999, 7412);
	gw_frame_template_ect(&t);
	for (unsigned int ecn = 0; ecn < 4; ecn++) {
		gw_frame_put(f, &t, 100);
		CU_ASSERT_EQUAL(f[15], 2);
		CU_ASSERT_EQUAL(parse(f, sizeof(f), &in), GW_FRAME_UDP);
		CU_ASSERT_FALSE(in.ce);
		/* A router marks: it mends the checksum (RFC 1624). */
		f[15] = (uint8_t)ecn;
		fix_checksum(f);
		CU_ASSERT_EQUAL(parse(f, sizeof(f), &in), GW_FRAME_UDP);
		CU_ASSERT_EQUAL(in.ce, ecn == 3);
	}
}

static void test_template6(void)
{
	uint8_t out[128];
	struct gw_ip ip;

	make6(out, 10);
	CU_ASSERT_EQUAL(memcmp(out, mac_here, 6), 0);
	CU_ASSERT_EQUAL(memcmp(out + 6, mac_there, 6), 0);
	CU_ASSERT_EQUAL(gw_get16(out + 12), 0x86dd);
	CU_ASSERT_EQUAL(gw_get32(out + 14), 0x60000000); /* no class, no flow */
	CU_ASSERT_EQUAL(gw_get16(out + 18), 8 + 10);
	CU_ASSERT_EQUAL(out[20], 17);
	CU_ASSERT_EQUAL(out[21], 64);
	ip = gw_ip_get(out + 22);
	CU_ASSERT_TRUE(gw_ip_equal(&ip, &there6));
	ip = gw_ip_get(out + 38);
	CU_ASSERT_TRUE(gw_ip_equal(&ip, &here6));
	CU_ASSERT_EQUAL(gw_get16(out + 54), GW_WIRE_PATH_PORT_BASE);
	CU_ASSERT_EQUAL(gw_get16(out + 56), GW_WIRE_UDP_PORT);
	CU_ASSERT_EQUAL(gw_get16(out + 58), 8 + 10);
	CU_ASSERT_EQUAL(gw_get16(out + 60), 0);
	CU_ASSERT_EQUAL(out[62], 0xa5);
}

static void test_parse6(void)
{
	struct gw_frame_in in;
	uint8_t f[2048];
	size_t len;

	len = make6(f, 100);
	CU_ASSERT_EQUAL(gw_frame_parse(f, len, &here6, &in), GW_FRAME_UDP);
	CU_ASSERT_PTR_EQUAL(in.payload, f + 62);
	CU_ASSERT_EQUAL(in.len, 100);
	CU_ASSERT_EQUAL(in.header, 62);
	CU_ASSERT_FALSE(in.ce);
	CU_ASSERT_TRUE(gw_ip_equal(&in.from_ip, &there6));
	CU_ASSERT_EQUAL(in.from_port, GW_WIRE_PATH_PORT_BASE);
	CU_ASSERT_EQUAL(in.to_port, GW_WIRE_UDP_PORT);
	/* Bytes behind the datagram are no part of it. */
	make6(f, 3);
	CU_ASSERT_EQUAL(parse6(f, 90, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(in.len, 3);
	len = make6(f, 0);
	CU_ASSERT_EQUAL(parse6(f, len, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(in.len, 0);
	len = make6(f, 100);
	for (size_t cut = 0; cut < len; cut++)
		CU_ASSERT_NOT_EQUAL(parse6(f, cut, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(parse6(f, len - 1, &in), GW_FRAME_INVALID);
	CU_ASSERT_EQUAL(parse6(f, 54, &in), GW_FRAME_INVALID);
	CU_ASSERT_EQUAL(parse6(f, 53, &in), GW_FRAME_OTHER);
	/* Nobody's port has two families. */
	CU_ASSERT_EQUAL(parse(f, len, &in), GW_FRAME_OTHER);
	len = make(f, 100);
	CU_ASSERT_EQUAL(parse6(f, len, &in), GW_FRAME_OTHER);
}

static void test_refused6(void)
{
	static const struct {
		const char *what;
		uint8_t at, value;
		enum gw_frame_kind kind;
	} c[] = {
		{"IP version", 14, 0x40, GW_FRAME_OTHER},
		{"hop-by-hop options", 20, 0, GW_FRAME_OTHER},
		{"routing header", 20, 43, GW_FRAME_OTHER},
		{"fragment header", 20, 44, GW_FRAME_OTHER},
		{"destination options", 20, 60, GW_FRAME_OTHER},
		{"TCP", 20, 6, GW_FRAME_OTHER},
		{"ICMPv6", 20, 58, GW_FRAME_NDP_IN},
		{"other address, first byte", 38, 0xfc, GW_FRAME_OTHER},
		{"other address, last byte", 53, 9, GW_FRAME_OTHER},
		{"other ether type", 13, 0xde, GW_FRAME_OTHER},
		{"other port", 57, 0, GW_FRAME_OTHER},
		{"length above the frame", 19, 109, GW_FRAME_INVALID},
		{"length far above the frame", 18, 0xff, GW_FRAME_INVALID},
		{"length below UDP's", 19, 107, GW_FRAME_INVALID},
		{"length below its header", 19, 7, GW_FRAME_INVALID},
		{"no length, as of a jumbogram", 19, 0, GW_FRAME_INVALID},
		{"UDP above the length", 59, 109, GW_FRAME_INVALID},
		{"UDP below the length", 59, 107, GW_FRAME_INVALID},
		{"UDP below its header", 59, 7, GW_FRAME_INVALID},
		/* Not ours, but nothing is wrong with it. */
		{"a flow", 17, 77, GW_FRAME_UDP},
		{"few hops left", 21, 1, GW_FRAME_UDP},
		{"a UDP checksum", 61, 77, GW_FRAME_UDP},
	};
	struct gw_frame_in in;
	uint8_t f[2048];

	for (unsigned int i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		size_t len = make6(f, 100);

		CU_ASSERT_NOT_EQUAL(f[c[i].at], c[i].value);
		f[c[i].at] = c[i].value;
		if (parse6(f, len, &in) != c[i].kind)
			CU_FAIL(c[i].what);
	}
}

/* Nobody sends as a group, or as an IPv4 host. */
static void test_sources6(void)
{
	static const char *const bad[] = {"::", "::1", "ff02::1", "::10.0.0.2"};
	struct gw_ip from = gw_ip_from_v4(THERE);
	struct gw_frame_in in;
	uint8_t f[256];
	size_t len = make6(f, 100);

	gw_ip_put(f + 22, &from);
	CU_ASSERT_EQUAL(parse6(f, len, &in), GW_FRAME_INVALID);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_TRUE(gw_ip_from_text(bad[i], &from));
		gw_ip_put(f + 22, &from);
		CU_ASSERT_EQUAL(parse6(f, len, &in), GW_FRAME_INVALID);
	}
}

static void test_turn6(void)
{
	struct gw_frame_in in;
	uint8_t f[2048];

	make6(f, 1440);
	f[14] = 0x6b; /* class 0xbb: CE */
	f[15] = 0xb5;
	gw_frame_turn(f, mac_here, 20);
	CU_ASSERT_EQUAL(memcmp(f, mac_there, 6), 0);
	CU_ASSERT_EQUAL(memcmp(f + 6, mac_here, 6), 0);
	CU_ASSERT_EQUAL(gw_get16(f + 14), 0x6b85);
	CU_ASSERT_EQUAL(parse_for(&there6, f, GW_FRAME_HEADER_V6 + 20, &in), GW_FRAME_UDP);
	CU_ASSERT_EQUAL(in.len, 20);
	CU_ASSERT_FALSE(in.ce);
	CU_ASSERT_TRUE(gw_ip_equal(&in.from_ip, &here6));
	CU_ASSERT_EQUAL(in.from_port, GW_WIRE_UDP_PORT);
	CU_ASSERT_EQUAL(in.to_port, GW_WIRE_PATH_PORT_BASE);
}

static void test_ecn6(void)
{
	struct gw_frame_template t;
	struct gw_frame_in in;
	uint8_t f[GW_FRAME_HEADER_V6 + 100] = {0};

	gw_frame_template(&t, mac_there, mac_here, &there6, &here6, 49999, 7412);
	gw_frame_template_ect(&t);
	for (unsigned int ecn = 0; ecn < 4; ecn++) {
		gw_frame_put(f, &t, 100);
		CU_ASSERT_EQUAL(gw_get32(f + 14), 0x60200000);
		f[15] = (uint8_t)(ecn << 4 | 0xf); /* and a flow */
		CU_ASSERT_EQUAL(parse6(f, sizeof(f), &in), GW_FRAME_UDP);
		CU_ASSERT_EQUAL(in.ce, ecn == 3);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"templates", test_template},
		{"ECN", test_ecn},
		{"parse", test_parse},
		{"refused", test_refused},
		{"ports", test_ports},
		{"turned around", test_turn},
		{"templates, IPv6", test_template6},
		{"ECN, IPv6", test_ecn6},
		{"parse, IPv6", test_parse6},
		{"refused, IPv6", test_refused6},
		{"sources, IPv6", test_sources6},
		{"turned around, IPv6", test_turn6},
		{"neighbours", test_neighbors},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"frame", setup, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
