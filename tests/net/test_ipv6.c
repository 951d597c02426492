/* SPDX-License-Identifier: BSD-3-Clause */
/* A link over IPv6, and who else is on its wire: neighbours that ask, and strangers. Usage:
 * test_ipv6 INTEGRITY */
#include "suite.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/port/mld.h"
#include "../../dataplane/port/ndp.h"
#include "../../dataplane/wire/wire.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 600u
#define ROOM 9700u

static struct rig rig;
static struct rig_conf conf = {.ports = 1, .mtu = 1500, .workers = 1, .ipv6 = true};
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 99};
static struct gw_ip b_ip, stranger;

/* What was seen on the wire. */
static struct {
	pthread_mutex_t lock;
	uint8_t data[ROOM], advertisement[GW_NDP_BYTES];
	uint32_t data_bytes;
	uint64_t advertisements; /* from b, to strangers or all */
	uint32_t reports[2];     /* of their groups, from a and from b */
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void look(void *ctx, const struct rig_frame *f)
{
	bool udp = f->len > GW_FRAME_HEADER_V6 && f->bytes[20] == GW_FRAME_PROTO_UDP;

	(void)ctx;
	pthread_mutex_lock(&seen.lock);
	if (udp && f->to_b && (f->bytes[GW_FRAME_HEADER_V6] & 15) == GW_WIRE_DATA) {
		memcpy(seen.data, f->bytes, f->len);
		seen.data_bytes = f->len;
	}
	if (!udp && !f->to_b && f->len == GW_NDP_BYTES && f->bytes[54] == 136 &&
		(memcmp(f->bytes, mac, 6) == 0 || f->bytes[0] == 0x33)) {
		memcpy(seen.advertisement, f->bytes, f->len);
		seen.advertisements++;
	}
	if (f->len == GW_MLD_BYTES && f->bytes[62] == 143)
		seen.reports[!f->to_b]++;
	pthread_mutex_unlock(&seen.lock);
}

static uint64_t advertisements(void)
{
	uint64_t n;

	pthread_mutex_lock(&seen.lock);
	n = seen.advertisements;
	pthread_mutex_unlock(&seen.lock);
	return n;
}

static bool inject(const uint8_t *bytes, uint32_t len)
{
	return rig_inject(&(struct rig_frame){.to_b = true, .len = len, .bytes = bytes});
}

struct counter {
	const char *name; /* NULL: advertisements */
	uint64_t want;
};

static bool reached(void *ctx)
{
	const struct counter *c = ctx;

	return (c->name != NULL ? rig_drops(rig.b, c->name) : advertisements()) >= c->want;
}

/* b drops the frame by that name, or answers (NULL), and does nothing else. */
static void expect(const uint8_t *bytes, uint32_t len, const char *name)
{
	uint64_t before = advertisements();
	struct counter c = {name, 1 + (name != NULL ? rig_drops(rig.b, name) : before)};

	CU_ASSERT_TRUE(inject(bytes, len));
	CU_ASSERT_TRUE(rig_wait(&rig, reached, &c));
	CU_ASSERT_EQUAL(advertisements(), before + (name == NULL));
}

static void move_pages(void)
{
	struct rig_vm vm;

	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	CU_ASSERT_TRUE_FATAL(rig_vm_epoch(&rig, &vm));
	for (uint64_t page = 0; page < PAGES; page++)
		rig_vm_write(&vm, page, page + 7);
	CU_ASSERT_TRUE_FATAL(rig_vm_harvest(&rig, &vm));
	CU_ASSERT_TRUE_FATAL(rig_vm_epoch(&rig, &vm));
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

static bool reported(void *ctx)
{
	bool both;

	(void)ctx;
	pthread_mutex_lock(&seen.lock);
	both = seen.reports[0] > 0 && seen.reports[1] > 0;
	pthread_mutex_unlock(&seen.lock);
	return both;
}

static void test_neighbours(void)
{
	struct gw_ndp_in in;
	uint8_t f[GW_NDP_BYTES];
	uint64_t answered;
	struct gw_ip nobody = {0, 0}, another = {b_ip.high, b_ip.low ^ UINT64_C(1) << 32};

	/* Both ends have said where they listen. */
	CU_ASSERT_TRUE(rig_wait(&rig, reported, NULL));
	/* One that asks the group, and one that asks b alone. */
	gw_ndp_solicit(f, mac, &stranger, &b_ip);
	expect(f, sizeof(f), NULL);
	CU_ASSERT_EQUAL(
		gw_ndp_parse(seen.advertisement, GW_NDP_BYTES, &stranger, &in), GW_FRAME_NDP_IN);
	CU_ASSERT_TRUE(gw_ip_equal(&in.target, &b_ip));
	CU_ASSERT_TRUE(in.mac != NULL && memcmp(in.mac, seen.advertisement + 6, 6) == 0);
	/* b's packets reach who asked: the answer's addresses are b's own. */
	CU_ASSERT_TRUE(gw_ip_equal(&in.from, &b_ip));
	/* Another address of the same group, and what comes behind it: without its checksum. */
	answered = advertisements();
	gw_ndp_solicit(f, mac, &stranger, &another);
	CU_ASSERT_TRUE(inject(f, sizeof(f)));
	gw_ndp_solicit(f, mac, &stranger, &b_ip);
	f[57] ^= 1;
	expect(f, sizeof(f), "rx_invalid_frame");
	CU_ASSERT_EQUAL(advertisements(), answered);
	/* From beyond a router, and from nobody with a MAC. */
	gw_ndp_solicit(f, mac, &stranger, &b_ip);
	f[21] = 64;
	expect(f, sizeof(f), "rx_invalid_frame");
	gw_ndp_solicit(f, mac, &nobody, &b_ip);
	expect(f, sizeof(f), "rx_invalid_frame");
	/* Other ICMPv6, and what no port of ours expects. */
	gw_ndp_solicit(f, mac, &stranger, &b_ip);
	f[54] = 128;
	expect(f, sizeof(f), "rx_not_ours");
	f[13] = 6;
	f[12] = 8;
	expect(f, sizeof(f), "rx_not_ours");
	move_pages();
}

static bool told(void *ctx)
{
	return advertisements() + rig_drops(rig.b, "rx_ndp_flood") >= *(const uint64_t *)ctx;
}

/* Anybody may ask where b is; b does not spend its port on answers. */
static void test_flood(void)
{
	uint64_t answered = advertisements(), begin_ns, asked = 0, want;
	uint8_t f[GW_NDP_BYTES];

	gw_ndp_solicit(f, mac, &stranger, &b_ip);
	want = answered + rig_drops(rig.b, "rx_ndp_flood") + 20000;
	begin_ns = gw_now_ns();
	while (asked < 20000) {
		if (inject(f, sizeof(f)))
			asked++;
		else
			sched_yield();
	}
	CU_ASSERT_TRUE(rig_wait(&rig, told, &want));
	answered = advertisements() - answered;
	CU_ASSERT(answered > 0);
	/* 64 at once, then 10,000 a second: whatever the test's speed was. */
	CU_ASSERT(answered <= 64 + (gw_now_ns() - begin_ns) / 100000 + 2);
	move_pages();
}

/* A page packet in another's name, also in one that an IPv4 path's peer could have. */
static void test_strangers(void)
{
	struct gw_ip v4 = gw_ip_from_v4(0x0a000001);
	uint8_t f[ROOM];
	uint32_t len;

	move_pages();
	pthread_mutex_lock(&seen.lock);
	memcpy(f, seen.data, seen.data_bytes);
	len = seen.data_bytes;
	pthread_mutex_unlock(&seen.lock);
	CU_ASSERT_FATAL(len != 0);
	expect(f, len, "rx_duplicate");
	gw_ip_put(f + 22, &stranger);
	expect(f, len, "rx_bad_source");
	gw_ip_put(f + 22, &v4);
	expect(f, len, "rx_invalid_frame");
	gw_ip_put(f + 38, &stranger);
	expect(f, len, "rx_not_ours");
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"neighbours", test_neighbours},
		{"solicitations without end", test_flood},
		{"strangers", test_strangers},
		CU_TEST_INFO_NULL,
	};

	if (argc > 1 && !gw_integrity_find(argv[1], &conf.integrity))
		return 2;
	b_ip = rig_ip(&conf, 0, 'b');
	stranger = (struct gw_ip){b_ip.high, 0x1234};
	rig_tap(look, NULL);
	return suite_run(&rig, &conf, "IPv6", tests);
}
