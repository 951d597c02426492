/* SPDX-License-Identifier: BSD-3-Clause */
/* An encrypted link, and somebody on its wire who reads, repeats, changes and makes up packets:
 * each is counted by its reason, nothing of it is applied or answered. Usage: test_forged MTU
 * WORKERS INTEGRITY */
#include "suite.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/wire/bytes.h"
#include "../../dataplane/wire/wire.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <pthread.h>
#include <rte_mempool.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 600u
#define UDP (GW_WIRE_L2_TO_UDP)
#define ROOM 9700u
#define A_IP(port) (0x0a000001u + (port)*256) /* as rig.c has it */

static struct rig rig;
static struct rig_conf conf = {
	.ports = 1, .mtu = 1500, .workers = 1, .integrity = GW_DP_AES_128_GCM};

struct frame {
	uint32_t port, queue, len;
	uint8_t bytes[ROOM];
};

/* What was seen on the wire. */
static struct {
	pthread_mutex_t lock;
	struct frame newest[5]; /* by type */
	uint64_t from_b, with_pattern, to_strangers, arp_answers;
	struct frame reply[2], probe; /* the last two to that probe */
	uint64_t replies;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* No page of these tests is without it. */
static const uint8_t pattern[16] = "guest plaintext";

static void keep(struct frame *to, const struct rig_frame *f)
{
	to->port = f->port;
	to->queue = f->queue;
	to->len = f->len;
	memcpy(to->bytes, f->bytes, f->len);
}

static void look(void *ctx, const struct rig_frame *f)
{
	const uint8_t *packet = f->bytes + UDP;
	uint8_t type = f->len > UDP ? packet[0] & 15 : 0;

	(void)ctx;
	pthread_mutex_lock(&seen.lock);
	seen.from_b += !f->to_b;
	/* Who sends with an address of neither end is never answered. */
	seen.to_strangers += !f->to_b && gw_get16(f->bytes + 12) == 0x0800 &&
			     gw_get32(f->bytes + 30) != A_IP(f->port);
	seen.arp_answers += !f->to_b && gw_get16(f->bytes + 12) == 0x0806 && f->bytes[21] == 2;
	seen.with_pattern += memmem(f->bytes, f->len, pattern, sizeof(pattern)) != NULL;
	if (gw_get16(f->bytes + 12) == 0x0800 && type >= GW_WIRE_DATA && type <= GW_WIRE_REPLY)
		keep(&seen.newest[type], f);
	/* Key id and number. */
	if (type == GW_WIRE_REPLY && memcmp(packet + 4, seen.probe.bytes + UDP + 4, 10) == 0)
		keep(&seen.reply[seen.replies++ % 2], f);
	pthread_mutex_unlock(&seen.lock);
}

static struct frame newest(enum gw_wire_type type)
{
	struct frame f;

	pthread_mutex_lock(&seen.lock);
	f = seen.newest[type];
	pthread_mutex_unlock(&seen.lock);
	CU_ASSERT_FATAL(f.len > UDP);
	return f;
}

static uint64_t from_b(void)
{
	uint64_t n;

	pthread_mutex_lock(&seen.lock);
	n = seen.from_b;
	pthread_mutex_unlock(&seen.lock);
	return n;
}

static void fix_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	gw_put16(ip + 10, 0);
	for (unsigned int i = 0; i < 20; i += 2)
		sum += gw_get16(ip + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	gw_put16(ip + 10, (uint16_t)~sum);
}

static void set_length(struct frame *f, uint32_t len)
{
	f->len = len;
	gw_put16(f->bytes + 16, (uint16_t)(len - 14));
	gw_put16(f->bytes + 38, (uint16_t)(len - 34));
	fix_checksum(f->bytes + 14);
}

static uint64_t psn_of(const struct frame *f)
{
	return gw_get48(f->bytes + UDP + 8);
}

/* A number that was not used yet: what was seen is a repeat otherwise. */
static void renumber(struct frame *f, uint64_t ahead)
{
	struct frame data = newest(GW_WIRE_DATA);
	bool to_b = (f->bytes[UDP] & 15) == GW_WIRE_DATA || (f->bytes[UDP] & 15) == GW_WIRE_PROBE;

	gw_put48(f->bytes + UDP + 8, psn_of(to_b ? &data : f) + ahead);
}

struct counter {
	const struct gw_dp *dp;
	const char *name;
	uint64_t want;
};

static bool reached(void *ctx)
{
	const struct counter *c = ctx;

	return rig_drops(c->dp, c->name) >= c->want;
}

static void inject(bool to_b, const struct frame *f)
{
	CU_ASSERT_TRUE(rig_inject(&(struct rig_frame){.to_b = to_b,
		.port = f->port,
		.queue = f->queue,
		.len = f->len,
		.bytes = f->bytes}));
}

/* The frame is dropped by that name, and by it alone counted once. */
static void expect(bool to_b, const struct frame *f, const char *name)
{
	struct counter c = {to_b ? rig.b : rig.a, name, 0};

	c.want = rig_drops(c.dp, name) + 1;
	inject(to_b, f);
	CU_ASSERT_TRUE(rig_wait(&rig, reached, &c));
	CU_ASSERT_EQUAL(rig_drops(c.dp, name), c.want);
}

static struct rig_vm vm;

/* Every page has the pattern in it, and is in flight once more. */
static void write_pages(uint64_t value)
{
	for (uint64_t page = 0; page < PAGES; page++) {
		rig_vm_write(&vm, page, value + page);
		memcpy(vm.mem_a + page * 4096 + 1000, pattern, sizeof(pattern));
		memcpy(vm.mem_a + page * 4096 + 3000, pattern, sizeof(pattern));
	}
}

static void move_pages(uint64_t value)
{
	write_pages(value);
	CU_ASSERT_TRUE_FATAL(rig_vm_harvest(&rig, &vm));
	CU_ASSERT_TRUE_FATAL(rig_vm_epoch(&rig, &vm));
}

static void begin(void)
{
	CU_ASSERT_FATAL(rig_vm_create(&rig, &vm, PAGES, 1024) == 0);
	move_pages(1);
}

/* What the wire saw had no effect: b has a's memory. */
static void end(void)
{
	CU_ASSERT_EQUAL(rig_vm_finish(&rig, &vm), 0);
	rig_vm_free(&rig, &vm);
}

/* Buffers of packets. */
static struct {
	uint64_t objects, with_pattern;
} buffers;

static void look_into(struct rte_mempool *pool, void *arg, void *object, unsigned int index)
{
	(void)arg;
	(void)index;
	buffers.objects++;
	buffers.with_pattern += memmem(object, pool->elt_size, pattern, sizeof(pattern)) != NULL;
}

static void look_into_pool(struct rte_mempool *pool, void *arg)
{
	rte_mempool_obj_iter(pool, look_into, arg);
}

/* A driver may share them with the process at its other end. */
static void test_buffers(void)
{
	begin();
	rte_mempool_walk(look_into_pool, NULL);
	CU_ASSERT(buffers.objects > PAGES);
	CU_ASSERT_EQUAL(buffers.with_pattern, 0);
	end();
}

static void test_reads(void)
{
	begin();
	/* The search would find it. */
	CU_ASSERT_PTR_NOT_NULL(memmem(vm.mem_b, 4096, pattern, sizeof(pattern)));
	CU_ASSERT_EQUAL(seen.with_pattern, 0);
	CU_ASSERT_EQUAL(newest(GW_WIRE_DATA).bytes[UDP + 1], GW_WIRE_AEAD);
	CU_ASSERT_EQUAL(newest(GW_WIRE_ACK).bytes[UDP + 1], GW_WIRE_AEAD);
	CU_ASSERT_EQUAL(newest(GW_WIRE_PROBE).bytes[UDP + 1], GW_WIRE_AEAD);
	CU_ASSERT_EQUAL(newest(GW_WIRE_REPLY).bytes[UDP + 1], GW_WIRE_AEAD);
	end();
}

static void test_repeats(void)
{
	struct frame data, ack;
	uint64_t sent;

	begin();
	data = newest(GW_WIRE_DATA);
	ack = newest(GW_WIRE_ACK);
	expect(true, &data, "rx_duplicate");
	expect(false, &ack, "rx_ack_repeat");
	/* Once its number is out of memory. */
	for (uint64_t n = 1; n < 60; n++) {
		struct frame now = newest(GW_WIRE_DATA);

		if (psn_of(&now) >= psn_of(&data) + 8192)
			break;
		move_pages(n * 1000);
	}
	if (conf.workers == 1) {
		expect(true, &data, "rx_old_psn");
		/* Nobody is answered. */
		sent = from_b();
		for (unsigned int i = 0; i < 100; i++)
			expect(true, &data, "rx_old_psn");
		CU_ASSERT_EQUAL(from_b(), sent);
	}
	end();
}

/* Of DATA: any change of a byte, wherever it is. */
static void test_changes(void)
{
	static const uint32_t at[] = {18, 19, 20, 23, 29, 31, 32, 33, 500, 900};
	uint64_t old;
	struct frame f;

	begin();
	old = rig_drops(rig.b, "rx_old_psn");
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		f = newest(GW_WIRE_DATA);
		renumber(&f, 1000 + i);
		f.bytes[UDP + at[i]] ^= 4;
		expect(true, &f, "rx_forged");
	}
	/* Its number alone, near and far: no window moves. Not the very next: probes take those,
	 * ten a second. */
	for (uint64_t ahead = 256; ahead < 1u << 21; ahead *= 2) {
		f = newest(GW_WIRE_DATA);
		renumber(&f, ahead);
		expect(true, &f, "rx_forged");
	}
	f = newest(GW_WIRE_DATA);
	renumber(&f, 1000);
	f.bytes[f.len - 1] ^= 1;
	expect(true, &f, "rx_forged");
	/* One that was sent as something else. */
	f = newest(GW_WIRE_DATA);
	renumber(&f, 1000);
	f.bytes[UDP] = (uint8_t)(GW_WIRE_VERSION << 4 | GW_WIRE_PROBE);
	expect(true, &f, "rx_forged");
	move_pages(99999);
	CU_ASSERT_EQUAL(rig_drops(rig.b, "rx_old_psn"), old);
	end();
}

static void test_small_changes(void)
{
	struct frame f;

	begin();
	for (unsigned int byte = 14; byte < 14 + 158 + 16; byte += 9) {
		f = newest(GW_WIRE_ACK);
		f.bytes[UDP + byte] ^= 0x40;
		expect(false, &f, "rx_forged");
	}
	for (unsigned int byte = 14; byte < 36; byte++) {
		f = newest(GW_WIRE_PROBE);
		renumber(&f, 5000);
		f.bytes[UDP + byte] ^= 0x40;
		expect(true, &f, "rx_forged");
		f = newest(GW_WIRE_REPLY);
		f.bytes[UDP + byte] ^= 0x40;
		expect(false, &f, "rx_forged");
	}
	f = newest(GW_WIRE_ACK);
	renumber(&f, 1);
	expect(false, &f, "rx_forged");
	end();
}

static void test_cut(void)
{
	struct frame f;

	begin();
	for (uint32_t len = newest(GW_WIRE_DATA).len - 1; len > UDP; len -= len > 200 ? 97 : 1) {
		f = newest(GW_WIRE_DATA);
		renumber(&f, 1000);
		set_length(&f, len);
		expect(true, &f, len < UDP + 32 + 16 ? "wire_short" : "wire_bad_length");
		/* With a header that fits. */
		if (len < UDP + 32 + 16)
			continue;
		gw_put16(f.bytes + UDP + 26, (uint16_t)(len - UDP - 32 - 16));
		expect(true, &f, "rx_forged");
	}
	/* The frame is shorter than it says. */
	f = newest(GW_WIRE_DATA);
	f.len -= 20;
	expect(true, &f, "rx_invalid_frame");
	f = newest(GW_WIRE_ACK);
	set_length(&f, f.len - 1);
	expect(false, &f, "wire_short");
	f = newest(GW_WIRE_ACK);
	set_length(&f, f.len + 1);
	expect(false, &f, "wire_bad_length");
	end();
}

/* Nothing of this costs any cryptography, and nothing is answered. */
static void test_made_up(void)
{
	uint64_t forged, rng = rig.seed | 1;
	struct frame f;

	begin();
	forged = rig_drops(rig.b, "rx_forged");
	for (unsigned int i = 0; i < 32; i++) {
		f = newest(GW_WIRE_DATA);
		renumber(&f, 1000);
		f.bytes[UDP + 4 + i / 8] ^= (uint8_t)(1u << i % 8);
		expect(true, &f, "rx_bad_key");
	}
	f = newest(GW_WIRE_DATA);
	gw_put16(f.bytes + UDP + 2, 0x1ff);
	expect(true, &f, "rx_no_path");
	gw_put16(f.bytes + UDP + 2, 0xffff);
	expect(true, &f, "rx_no_path");
	f = newest(GW_WIRE_DATA);
	renumber(&f, 1000);
	f.bytes[29] ^= 64; /* somebody else's address */
	fix_checksum(f.bytes + 14);
	expect(true, &f, "rx_bad_source");
	f = newest(GW_WIRE_PROBE);
	renumber(&f, 5000);
	f.bytes[29] ^= 64;
	fix_checksum(f.bytes + 14);
	expect(true, &f, "rx_bad_source");
	/* Of keys that nobody has yet, or any more. */
	f = newest(GW_WIRE_DATA);
	renumber(&f, UINT64_C(2) << GW_WIRE_GENERATION_SHIFT);
	expect(true, &f, "rx_stale_key");
	f = newest(GW_WIRE_ACK);
	renumber(&f, UINT64_C(2) << GW_WIRE_GENERATION_SHIFT);
	expect(false, &f, "rx_stale_key");
	/* Asking for less protection. */
	for (uint8_t flags = 0; flags < 8; flags++) {
		f = newest(GW_WIRE_DATA);
		renumber(&f, 1000);
		f.bytes[UDP + 1] = flags;
		if (flags != GW_WIRE_AEAD)
			expect(true, &f, "wire_bad_flags");
	}
	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t sent = from_b();

		f = newest(i % 2 != 0 ? GW_WIRE_PROBE : GW_WIRE_DATA);
		for (uint32_t k = UDP; k < f.len; k++)
			f.bytes[k] = (uint8_t)rig_random(&rng);
		f.bytes[UDP] = (uint8_t)(GW_WIRE_VERSION << 4 |
					 (i % 2 != 0 ? GW_WIRE_PROBE : GW_WIRE_DATA));
		f.bytes[UDP + 1] = GW_WIRE_AEAD;
		gw_put16(f.bytes + UDP + 2, 0);
		gw_put16(f.bytes + UDP + 26, (uint16_t)(f.len - UDP - 48));
		expect(true, &f, f.queue == 0 ? "rx_bad_key" : "rx_no_path");
		if (conf.workers == 1)
			CU_ASSERT_EQUAL(from_b(), sent);
	}
	CU_ASSERT_EQUAL(rig_drops(rig.b, "rx_forged"), forged);
	end();
}

static bool two_replies(void *ctx)
{
	bool two;

	(void)ctx;
	pthread_mutex_lock(&seen.lock);
	two = seen.replies >= 2;
	pthread_mutex_unlock(&seen.lock);
	return two;
}

/* A core that does not own the path cannot know that a probe is a repeat: it says the same again,
 * byte for byte, and only to who sent it. */
static void test_probes_elsewhere(void)
{
	struct frame f;

	if (conf.workers == 1)
		return;
	begin();
	f = newest(GW_WIRE_PROBE);
	pthread_mutex_lock(&seen.lock);
	seen.probe = f;
	seen.replies = 0;
	pthread_mutex_unlock(&seen.lock);
	/* Paths to other cores than the queue's probe for ever: what is probed last is theirs. */
	inject(true, &f);
	inject(true, &f);
	CU_ASSERT_TRUE(rig_wait(&rig, two_replies, NULL));
	pthread_mutex_lock(&seen.lock);
	CU_ASSERT_EQUAL(seen.reply[0].len, seen.reply[1].len);
	CU_ASSERT_EQUAL(memcmp(seen.reply[0].bytes, seen.reply[1].bytes, seen.reply[0].len), 0);
	pthread_mutex_unlock(&seen.lock);
	end();
}

/* The address of what was captured is made another's: that one would be hit. Of every type, at
 * every core. */
static void test_reflection(void)
{
	static const enum gw_wire_type types[] = {GW_WIRE_DATA, GW_WIRE_PROBE};
	struct counter c = {rig.b, "rx_bad_source", rig_drops(rig.b, "rx_bad_source")};

	begin();
	for (unsigned int i = 0; i < 400 * conf.workers; i++) {
		struct frame f = newest(types[i % 2]);

		if (i % 4 >= 2)
			renumber(&f, 1000 + i);
		f.queue = i / 400;
		gw_put32(f.bytes + 26, 0xc6336400u + i);
		fix_checksum(f.bytes + 14);
		inject(true, &f);
		/* A probe is judged where it comes; pages for another core go no further. */
		c.want += types[i % 2] == GW_WIRE_PROBE;
		if (i % 32 == 31)
			CU_ASSERT_TRUE_FATAL(rig_wait(&rig, reached, &c));
	}
	CU_ASSERT_TRUE_FATAL(rig_wait(&rig, reached, &c));
	pthread_mutex_lock(&seen.lock);
	CU_ASSERT_EQUAL(seen.to_strangers, 0);
	/* An answer is never larger than the question, of the smallest probe too. */
	CU_ASSERT_FATAL(seen.newest[GW_WIRE_REPLY].len != 0);
	pthread_mutex_unlock(&seen.lock);
	CU_ASSERT(newest(GW_WIRE_REPLY).len <=
		  UDP + sizeof(struct gw_wire_probe) + GW_WIRE_TAG_BYTES);
	end();
}

static bool arp_told(void *ctx)
{
	uint64_t n;

	pthread_mutex_lock(&seen.lock);
	n = seen.arp_answers;
	pthread_mutex_unlock(&seen.lock);
	return n + rig_drops(rig.b, "rx_arp_flood") >= *(const uint64_t *)ctx;
}

/* Anybody may ask where b is; b does not spend its port on answers. */
static void test_arp_flood(void)
{
	uint8_t ask[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 99, 8, 6, 0, 1, 8, 0,
		6, 4, 0, 1, 2, 0, 0, 0, 0, 99};
	const struct rig_frame f = {.to_b = true, .len = sizeof(ask), .bytes = ask};
	uint64_t answered, dropped, want, begin_ns, asked = 0;

	begin();
	gw_put32(ask + 28, 0xc6336401u);
	gw_put32(ask + 38, A_IP(0) + 1);
	pthread_mutex_lock(&seen.lock);
	answered = seen.arp_answers;
	pthread_mutex_unlock(&seen.lock);
	dropped = rig_drops(rig.b, "rx_arp_flood");
	begin_ns = gw_now_ns();
	while (asked < 20000) {
		if (rig_inject(&f))
			asked++;
		else
			sched_yield();
	}
	want = answered + dropped + asked;
	CU_ASSERT_TRUE(rig_wait(&rig, arp_told, &want));
	pthread_mutex_lock(&seen.lock);
	answered = seen.arp_answers - answered;
	pthread_mutex_unlock(&seen.lock);
	CU_ASSERT(answered > 0);
	/* 64 at once, then 10,000 a second: whatever the test's speed was. */
	CU_ASSERT(answered <= 64 + (gw_now_ns() - begin_ns) / 100000 + 2);
	move_pages(4242);
	end();
}

static bool refused(void *ctx)
{
	return rig_drops(rig.b, "rx_forged") >= *(const uint64_t *)ctx;
}

/* Ends whose secrets differ never reach each other, and none at all is an error. */
static void test_other_secret(void)
{
	static const uint8_t ours[GW_DP_SECRET_BYTES] = "ours",
			     theirs[GW_DP_SECRET_BYTES] = "theirs";
	uint64_t want = rig_drops(rig.b, "rx_forged") + 20;
	struct gw_dp_link *out = NULL, *in = NULL;
	struct gw_dp_link_status status;
	const struct gw_dp_path *path;
	struct gw_dp_host host;
	struct gw_err err;
	uint32_t n;

	gw_dp_host(rig.b, &host);
	CU_ASSERT_EQUAL(gw_dp_link_plan(rig.a, &host, NULL, &out, &err), -EINVAL);
	CU_ASSERT_PTR_NULL(out);
	CU_ASSERT_EQUAL_FATAL(gw_dp_link_plan(rig.a, &host, ours, &out, &err), 0);
	path = gw_dp_link_paths(out, &n);
	CU_ASSERT_EQUAL(gw_dp_link_accept(rig.b, path, n, NULL, &in, &err), -EINVAL);
	CU_ASSERT_PTR_NULL(in);
	CU_ASSERT_EQUAL_FATAL(gw_dp_link_accept(rig.b, path, n, theirs, &in, &err), 0);
	path = gw_dp_link_paths(in, &n);
	CU_ASSERT_EQUAL_FATAL(gw_dp_link_start(out, path, n, &err), 0);
	CU_ASSERT_TRUE(rig_wait(&rig, refused, &want));
	gw_dp_link_status(out, &status);
	CU_ASSERT_EQUAL(status.paths_up, 0);
	CU_ASSERT_EQUAL(status.last_ack_ns, 0);
	gw_dp_link_free(&out);
	gw_dp_link_free(&in);
	/* More or less protection than ours is no link either. */
	host.integrity = GW_DP_CRC32C;
	CU_ASSERT_EQUAL(gw_dp_link_plan(rig.a, &host, ours, &out, &err), -ENOTUNIQ);
	host.integrity =
		conf.integrity == GW_DP_AES_128_GCM ? GW_DP_AES_256_GCM : GW_DP_AES_128_GCM;
	CU_ASSERT_EQUAL(gw_dp_link_plan(rig.a, &host, ours, &out, &err), -ENOTUNIQ);
}

static bool all_down(void *ctx)
{
	struct gw_dp_link_status status;

	(void)ctx;
	gw_dp_link_status(rig.out, &status);
	return status.paths_up == 0;
}

static bool ready(void *ctx)
{
	struct gw_dp_link_status status;

	(void)ctx;
	gw_dp_link_status(rig.out, &status);
	return status.ready;
}

/* An answer from before does not bring a dead path up. */
static void test_old_reply(void)
{
	struct frame reply;

	if (conf.workers > 1)
		return;
	begin();
	reply = newest(GW_WIRE_REPLY);
	for (uint32_t p = 0; p < conf.ports; p++)
		rig.faults.cut[p] = 1;
	write_pages(777);
	CU_ASSERT_TRUE_FATAL(rig_vm_harvest(&rig, &vm));
	CU_ASSERT_EQUAL(gw_dp_source_open(vm.source, ++vm.label), 0);
	CU_ASSERT_TRUE(rig_wait(&rig, all_down, NULL));
	for (unsigned int i = 0; i < 20; i++)
		expect(false, &reply, "rx_late_reply");
	CU_ASSERT_TRUE(all_down(NULL));
	for (uint32_t p = 0; p < conf.ports; p++)
		rig.faults.cut[p] = 0;
	CU_ASSERT_TRUE(rig_wait(&rig, ready, NULL));
	move_pages(888);
	end();
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"reads", test_reads},
		{"buffers", test_buffers},
		{"repeats", test_repeats},
		{"changes a page", test_changes},
		{"changes ACKs and probes", test_small_changes},
		{"cuts", test_cut},
		{"makes up", test_made_up},
		{"probes another core", test_probes_elsewhere},
		{"asks in another's name", test_reflection},
		{"floods with ARP", test_arp_flood},
		{"repeats an old answer", test_old_reply},
		{"secrets that differ", test_other_secret},
		CU_TEST_INFO_NULL,
	};

	if (argc > 3) {
		conf.mtu = (uint32_t)atoi(argv[1]);
		conf.workers = (uint32_t)atoi(argv[2]);
		if (!gw_integrity_find(argv[3], &conf.integrity))
			return 2;
	}
	rig_tap(look, NULL);
	return suite_run(&rig, &conf, "forged", tests);
}
