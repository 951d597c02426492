/* SPDX-License-Identifier: BSD-3-Clause */
/* control/message.c, link_message.c, reasons.c */
#include "../../control/link_message.h"
#include "../../control/message.h"
#include "../../control/reasons.h"
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct gw_message_reader *reader;

static int begin(void)
{
	return gw_message_reader_create(&reader);
}

static int end(void)
{
	gw_message_reader_free(&reader);
	return 0;
}

/* Feeds at most `step` bytes at a time. */
static void feed(const void *bytes, size_t n, size_t step)
{
	const uint8_t *p = bytes;

	while (n > 0) {
		uint8_t *at;
		size_t room;

		CU_ASSERT_EQUAL_FATAL(gw_message_reader_room(reader, &at, &room), 0);
		room = room < step ? room : step;
		room = room < n ? room : n;
		memcpy(at, p, room);
		gw_message_reader_got(reader, room);
		p += room;
		n -= room;
	}
}

/* A text as one frame. */
static void frame(const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	uint8_t header[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	feed(header, 4, 4);
	feed(text, n, 4096);
}

static int next(enum gw_message_type *type, json_t **body)
{
	struct gw_err err;

	return gw_message_next(reader, type, body, &err);
}

static void test_round_trip(void)
{
	for (int t = 0; t < GW_MESSAGE_N_TYPES; t++) {
		for (size_t step = 1; step < 70; step += 17) {
			enum gw_message_type type;
			uint8_t *bytes;
			size_t n;
			json_t *body;
			uint64_t v = 0;

			CU_ASSERT_EQUAL_FATAL(
				gw_message_encode(GW_MESSAGE_VERSION, (enum gw_message_type)t,
					json_pack("{s:I}", "x", (json_int_t)INT64_MAX), &bytes, &n),
				0);
			feed(bytes, n, step);
			CU_ASSERT_EQUAL_FATAL(next(&type, &body), 1);
			CU_ASSERT_EQUAL((int)type, t);
			CU_ASSERT_EQUAL(gw_message_u64(body, "x", INT64_MAX, &v), 0);
			CU_ASSERT_EQUAL(v, INT64_MAX);
			CU_ASSERT_EQUAL(next(&type, &body), 0);
			json_decref(body);
			free(bytes);
		}
	}
}

static void test_every_truncation(void)
{
	uint8_t *bytes;
	size_t n;

	CU_ASSERT_EQUAL_FATAL(gw_message_encode(GW_MESSAGE_VERSION, GW_MESSAGE_COMMIT,
				      json_pack("{s:i}", "label", 3), &bytes, &n),
		0);
	for (size_t cut = 0; cut < n; cut++) {
		enum gw_message_type type;
		json_t *body;

		end();
		CU_ASSERT_EQUAL_FATAL(begin(), 0);
		feed(bytes, cut, 4096);
		CU_ASSERT_EQUAL(next(&type, &body), 0);
		feed(bytes + cut, n - cut, 4096);
		CU_ASSERT_EQUAL(next(&type, &body), 1);
		json_decref(body);
	}
	free(bytes);
}

static void test_sizes(void)
{
	const uint8_t over[4] = {0, 0x10, 0, 1}, none[4] = {0, 0, 0, 0},
		      huge[4] = {0xff, 0xff, 0xff, 0xff};
	const uint8_t *const bad[] = {over, none, huge};
	enum gw_message_type type;
	char *text = malloc(GW_MESSAGE_MAX + 1);
	uint8_t *bytes, *at;
	size_t n, room;
	json_t *body;

	for (size_t i = 0; i < 3; i++) {
		end();
		CU_ASSERT_EQUAL_FATAL(begin(), 0);
		feed(bad[i], 4, 4);
		CU_ASSERT_EQUAL(next(&type, &body), -EPROTO);
	}
	/* Announcing a large message does not make the reader large. */
	end();
	CU_ASSERT_EQUAL_FATAL(begin(), 0);
	feed((const uint8_t[]){0, 0x10, 0, 0}, 4, 4);
	CU_ASSERT_EQUAL(gw_message_reader_room(reader, &at, &room), 0);
	CU_ASSERT(room < 65536);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, 'a', GW_MESSAGE_MAX);
	text[GW_MESSAGE_MAX] = '\0';
	CU_ASSERT_EQUAL(gw_message_encode(GW_MESSAGE_VERSION, GW_MESSAGE_FAILED,
				json_pack("{s:s}", "reason", text), &bytes, &n),
		-EMSGSIZE);
	/* The largest that goes. */
	text[GW_MESSAGE_MAX - strlen("{\"reason\":\"\",\"v\":1,\"type\":\"failed\"}")] = '\0';
	CU_ASSERT_EQUAL_FATAL(gw_message_encode(GW_MESSAGE_VERSION, GW_MESSAGE_FAILED,
				      json_pack("{s:s}", "reason", text), &bytes, &n),
		0);
	CU_ASSERT_EQUAL(n, GW_MESSAGE_HEADER + GW_MESSAGE_MAX);
	end();
	CU_ASSERT_EQUAL_FATAL(begin(), 0);
	feed(bytes, n, 100000);
	CU_ASSERT_EQUAL(next(&type, &body), 1);
	json_decref(body);
	free(bytes);
	free(text);
}

static void test_refused_frames(void)
{
	static const char *const bad[] = {"", "x", "[]", "{}", "1", "{\"v\":1}",
		"{\"v\":0,\"type\":\"ping\"}", "{\"v\":3,\"type\":\"ping\"}",
		"{\"v\":\"1\",\"type\":\"ping\"}", "{\"v\":1,\"type\":\"pingx\"}",
		"{\"v\":1,\"type\":7}", "{\"v\":1,\"type\":\"ping\",\"type\":\"go\"}",
		"{\"v\":1,\"type\":\"ping\"} {}", "{\"v\":1,\"type\":\"ping\",\"t\":\"\\u0000\"}",
		"{\"v\":1,\"type\":\"\xff\"}", "{\"v\":1,\"type\":\"ping\""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum gw_message_type type;
		json_t *body;

		end();
		CU_ASSERT_EQUAL_FATAL(begin(), 0);
		frame(bad[i]);
		CU_ASSERT_EQUAL(next(&type, &body), -EPROTO);
	}
}

/* The version before is understood, and spoken where it is asked for. */
static void test_versions(void)
{
	for (uint32_t v = GW_MESSAGE_OLDEST; v <= GW_MESSAGE_VERSION; v++) {
		enum gw_message_type type;
		uint8_t *bytes;
		json_t *body;
		uint64_t said;
		size_t n;

		CU_ASSERT_EQUAL_FATAL(gw_message_encode(v, GW_MESSAGE_GO, NULL, &bytes, &n), 0);
		feed(bytes, n, 4096);
		CU_ASSERT_EQUAL_FATAL(next(&type, &body), 1);
		CU_ASSERT_EQUAL(gw_message_u64(body, "v", UINT32_MAX, &said), 0);
		CU_ASSERT_EQUAL(said, v);
		json_decref(body);
		free(bytes);
	}
	CU_ASSERT_EQUAL(GW_MESSAGE_OLDEST, GW_MESSAGE_VERSION - 1);
}

static void test_unknown_fields(void)
{
	enum gw_message_type type;
	json_t *body;

	frame("{\"v\":1,\"type\":\"go\",\"later\":{\"a\":[1]}}");
	CU_ASSERT_EQUAL_FATAL(next(&type, &body), 1);
	CU_ASSERT_EQUAL(type, GW_MESSAGE_GO);
	json_decref(body);
}

static void test_fields(void)
{
	json_t *o = json_pack("{s:i, s:i, s:f, s:s, s:s, s:s, s:b}", "n", 7, "minus", -1, "real",
		1.5, "text", "abc", "empty", "", "control", "a\nb", "yes", 1);
	uint64_t v = 99;
	char text[4];

	CU_ASSERT_EQUAL(gw_message_u64(o, "n", 7, &v), 0);
	CU_ASSERT_EQUAL(v, 7);
	CU_ASSERT_EQUAL(gw_message_u64(o, "n", 6, &v), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_u64(o, "minus", UINT64_MAX, &v), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_u64(o, "real", UINT64_MAX, &v), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_u64(o, "text", UINT64_MAX, &v), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_u64(o, "none", UINT64_MAX, &v), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_u64(NULL, "n", UINT64_MAX, &v), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_text(o, "text", text, sizeof(text)), 0);
	CU_ASSERT_EQUAL(gw_message_text(o, "text", text, sizeof(text) - 1), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_text(o, "empty", text, sizeof(text)), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_text(o, "control", text, sizeof(text)), -EPROTO);
	CU_ASSERT_EQUAL(gw_message_text(o, "n", text, sizeof(text)), -EPROTO);
	CU_ASSERT(gw_message_bool(o, "yes"));
	CU_ASSERT(!gw_message_bool(o, "none"));
	gw_message_reason(o, "control", text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "a?b");
	gw_message_reason(o, "none", text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "");
	json_decref(o);
}

static void test_cut_characters(void)
{
	json_t *o = json_pack("{s:s}", "reason", "ab\xc3\xa9"), *s;
	char text[4];

	gw_message_reason(o, "reason", text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "ab");
	json_decref(o);
	s = gw_message_string("ab\xc3");
	CU_ASSERT_STRING_EQUAL(json_string_value(s), "ab?");
	json_decref(s);
}

static void test_names(void)
{
	CU_ASSERT(gw_uuid_valid("01234567-89ab-cdef-0123-456789abcdef"));
	CU_ASSERT(!gw_uuid_valid(""));
	CU_ASSERT(!gw_uuid_valid("01234567-89ab-cdef-0123-456789abcde"));
	CU_ASSERT(!gw_uuid_valid("01234567-89ab-cdef-0123-456789abcdef0"));
	CU_ASSERT(!gw_uuid_valid("01234567-89AB-cdef-0123-456789abcdef"));
	CU_ASSERT(!gw_uuid_valid("../4567-89ab-cdef-0123-456789abcdef/."));
	CU_ASSERT(gw_name_valid("vm-1_a.b"));
	CU_ASSERT(!gw_name_valid(""));
	CU_ASSERT(!gw_name_valid(".."));
	CU_ASSERT(!gw_name_valid("a/b"));
	CU_ASSERT(
		!gw_name_valid("0123456789012345678901234567890123456789012345678901234567890123"));
}

static void test_host(void)
{
	struct gw_dp_host h = {.n_ports = 2, .n_cores = 3, .integrity = GW_DP_INTEGRITY_NONE}, got;
	char *text;
	json_t *o;

	h.port[0].ip = gw_ip_from_v4(0xffffffff);
	h.port[1].ip = gw_ip_from_v4(0x0a000001);
	h.port[0].prefix = 32;
	h.port[1].mtu = 9000;
	o = gw_link_message_host(&h);
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), 0);
	CU_ASSERT_EQUAL(memcmp(&h, &got, sizeof(h)), 0);
	/* As it was said before there was IPv6. */
	text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);
	CU_ASSERT_STRING_EQUAL(text,
		"{\"cores\":3,\"integrity\":\"none\",\"ports\":[{\"ipv4\":4294967295,\"mtu\":0,"
		"\"prefix\":32},{\"ipv4\":167772161,\"mtu\":9000,\"prefix\":0}]}");
	free(text);
	json_object_set_new(o, "cores", json_integer(GW_DP_MAX_WORKERS + 1));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_object_set_new(o, "cores", json_integer(0));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_object_set_new(o, "cores", json_integer(1));
	json_object_set_new(o, "integrity", json_string("md5"));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	for (unsigned int i = 0; i < GW_DP_INTEGRITIES; i++) {
		json_object_set_new(
			o, "integrity", json_string(gw_integrity_name((enum gw_dp_integrity)i)));
		CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), 0);
		CU_ASSERT_EQUAL((unsigned int)got.integrity, i);
	}
	json_object_set_new(o, "integrity", json_string("crc32c"));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), 0);
	for (uint32_t i = 0; i < GW_DP_MAX_PORTS; i++)
		json_array_append(json_object_get(o, "ports"),
			json_array_get(json_object_get(o, "ports"), 0));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_decref(o);
	CU_ASSERT_EQUAL(gw_link_message_host_read(NULL, &got), -EPROTO);
}

/* What a peer may call an IPv6 address, and what not. */
static const char *const addresses[] = {"fd00::1", "2001:DB8::1", "fe80::1", "fd00::10.0.0.1"};
static const char *const no_addresses[] = {"", "::", "::1", "ff02::1", "::ffff:10.0.0.1",
	"::10.0.0.1", "10.0.0.1", "fd00::1/64", "fd00::1%1", "[fd00::1]", "fd00:::1", "fd00::g",
	"0fd00:0000:0000:0000:0000:0000:0000:0000:0000:0001"};

/* IPv6 ports come in a list that older versions overlook. */
static void test_host_ipv6(void)
{
	struct gw_dp_host h = {.n_ports = 3, .n_cores = 1, .integrity = GW_DP_CRC32C}, got;
	json_t *o, *ports, *port;

	CU_ASSERT_TRUE(gw_ip_from_text("fd00::2", &h.port[0].ip));
	CU_ASSERT_TRUE(gw_ip_from_text("10.0.0.1", &h.port[1].ip));
	CU_ASSERT_TRUE(gw_ip_from_text("fd00:0:0:1::2", &h.port[2].ip));
	h.port[0].prefix = 128;
	h.port[2].mtu = 9000;
	o = gw_link_message_host(&h);
	ports = json_object_get(o, "ports6");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(o, "ports")), 1);
	CU_ASSERT_EQUAL_FATAL(json_array_size(ports), 2);
	CU_ASSERT_EQUAL_FATAL(gw_link_message_host_read(o, &got), 0);
	CU_ASSERT_EQUAL(got.n_ports, 3);
	CU_ASSERT_TRUE(gw_ip_equal(&got.port[0].ip, &h.port[1].ip));
	CU_ASSERT_TRUE(gw_ip_equal(&got.port[1].ip, &h.port[0].ip));
	CU_ASSERT_EQUAL(got.port[1].prefix, 128);
	CU_ASSERT_TRUE(gw_ip_equal(&got.port[2].ip, &h.port[2].ip));
	CU_ASSERT_EQUAL(got.port[2].mtu, 9000);
	port = json_array_get(ports, 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		json_object_set_new(port, "ipv6", json_string(addresses[i]));
		CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), 0);
	}
	for (size_t i = 0; i < sizeof(no_addresses) / sizeof(no_addresses[0]); i++) {
		json_object_set_new(port, "ipv6", json_string(no_addresses[i]));
		CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	}
	json_object_set_new(port, "ipv6", json_integer(1));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_object_del(port, "ipv6");
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_object_set_new(port, "ipv6", json_string("fd00::2"));
	json_object_set_new(port, "prefix", json_integer(129));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_object_set_new(port, "prefix", json_integer(0));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), 0);
	/* Text among the IPv4 ports, and both lists together too long. */
	port = json_array_get(json_object_get(o, "ports"), 0);
	json_object_set_new(port, "ipv4", json_string("fd00::3"));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_object_set_new(port, "ipv4", json_integer(1));
	for (uint32_t i = 3; i < GW_DP_MAX_PORTS; i++)
		json_array_append(ports, json_array_get(ports, 0));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), 0);
	CU_ASSERT_EQUAL(got.n_ports, GW_DP_MAX_PORTS);
	json_array_append(ports, json_array_get(ports, 0));
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_object_set_new(o, "ports6", json_object());
	CU_ASSERT_EQUAL(gw_link_message_host_read(o, &got), -EPROTO);
	json_decref(o);
}

static void test_paths(void)
{
	static struct gw_dp_path path[GW_DP_MAX_PATHS + 1], got[GW_DP_MAX_PATHS];
	uint32_t n = 0;
	json_t *o;

	memset(path, 0xff, sizeof(path));
	for (uint32_t i = 0; i <= GW_DP_MAX_PATHS; i++) {
		path[i].source_ip = gw_ip_from_v4(0xffffffff);
		CU_ASSERT_TRUE(
			gw_ip_from_text(i % 2 != 0 ? "fd00::7" : "10.0.0.7", &path[i].peer_ip));
		path[i].mtu = 9000;
	}
	o = gw_link_message_paths(path, GW_DP_MAX_PATHS);
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), 0);
	CU_ASSERT_EQUAL(n, GW_DP_MAX_PATHS);
	CU_ASSERT_EQUAL(got[n - 1].key_id, UINT32_MAX);
	CU_ASSERT_EQUAL(got[n - 1].acceptor_slot, UINT16_MAX);
	for (uint32_t i = 0; i < n; i++) {
		CU_ASSERT_TRUE(gw_ip_equal(&got[i].source_ip, &path[i].source_ip));
		CU_ASSERT_TRUE(gw_ip_equal(&got[i].peer_ip, &path[i].peer_ip));
		CU_ASSERT_EQUAL(
			json_is_integer(json_array_get(json_array_get(o, i), 1)), i % 2 == 0);
	}
	for (size_t i = 0; i < sizeof(no_addresses) / sizeof(no_addresses[0]); i++) {
		json_array_set_new(json_array_get(o, 7), 1, json_string(no_addresses[i]));
		CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	}
	json_array_set_new(json_array_get(o, 7), 1, json_integer(4294967296));
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	json_array_set_new(json_array_get(o, 7), 1, json_null());
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	json_array_set_new(json_array_get(o, 7), 1, json_integer(7));
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), 0);
	json_array_set_new(json_array_get(o, 5), 2, json_integer(65536));
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	json_array_set_new(json_array_get(o, 5), 2, json_integer(-1));
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	json_array_set_new(o, 5, json_array());
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	json_decref(o);
	o = gw_link_message_paths(path, GW_DP_MAX_PATHS + 1);
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	json_decref(o);
	o = json_array();
	CU_ASSERT_EQUAL(gw_link_message_paths_read(o, got, &n), -EPROTO);
	json_decref(o);
	CU_ASSERT_EQUAL(gw_link_message_paths_read(NULL, got, &n), -EPROTO);
}

static void test_reasons(void)
{
	json_t *all = json_array(), *theirs = json_array();
	char text[64];

	gw_reasons_add(all, "source", "a", "first", "do");
	gw_reasons_text(all, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "first");
	gw_reasons_add(theirs, "destination", "b", "second", "do");
	CU_ASSERT_EQUAL(gw_reasons_take(all, theirs), 0);
	CU_ASSERT_EQUAL(json_array_size(all), 2);
	gw_reasons_text(all, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "first (and 1 more)");
	json_array_append_new(theirs, json_integer(1));
	CU_ASSERT_EQUAL(gw_reasons_take(all, theirs), -EPROTO);
	json_array_clear(theirs);
	for (int i = 0; i < 65; i++)
		json_array_append_new(theirs, json_object());
	CU_ASSERT_EQUAL(gw_reasons_take(all, theirs), -EPROTO);
	CU_ASSERT_EQUAL(gw_reasons_take(all, NULL), -EPROTO);
	json_decref(theirs);
	json_decref(all);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"round trip of every type", test_round_trip},
		{"every truncation", test_every_truncation},
		{"sizes", test_sizes},
		{"frames that are refused", test_refused_frames},
		{"versions", test_versions},
		{"unknown fields are none of our business", test_unknown_fields},
		{"fields", test_fields},
		{"characters that are cut", test_cut_characters},
		{"names", test_names},
		{"host", test_host},
		{"a host's IPv6 ports", test_host_ipv6},
		{"paths", test_paths},
		{"reasons", test_reasons},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"message", begin, end, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
