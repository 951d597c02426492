/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dataplane/streams.c, worker_command.c, worker_rx.c: the fence at the destination. Frames for the
 * stream come in on every worker at every moment, over ports and packets of the test. Whichever
 * order the workers are in, a worker that let go stores nothing, FENCED is said once, and when it
 * is said no worker is left that would store.
 */
#include "../../dataplane/base/spsc.h"

#include <stdbool.h>
#include <stdint.h>

static bool watched_push(struct gw_spsc *q, uint32_t type, void *object, uint64_t value);
#define gw_spsc_push watched_push
#include "../../dataplane/events.c"
#include "../../dataplane/streams.c"
#include "../../dataplane/worker_command.c"
#include "../../dataplane/worker_rx.c"
#undef gw_spsc_push

#include "../../dataplane/wire/encode.h"

#include "run.h"

#define WORKERS 4u
#define ORDERS 24u /* of four workers */
#define PAGE GW_WIRE_PAGE_BYTES
#define REGION 3u
#define CHUNKS WORKERS /* each worker owns one */
#define PAGES (CHUNKS * GW_CHUNK_PAGES)
#define STATE_MIB 1u
#define KEY_ID 0x5eed0000u

/* One VM's memory at the destination. */
struct gw_ram {
	_Alignas(PAGE) uint8_t bytes[PAGES * PAGE];
};

static struct gw_ram ram_a, ram_b;
static const struct gw_ip peer_ip = {0, UINT64_C(0xffff0a4d0001)};
static struct gw_port port = {.mac = {2, 0, 0, 0, 0, 2}, .ip = {0, UINT64_C(0xffff0a4d0002)}};
static struct gw_dp dp;
static struct gw_dp_link link_in = {.dp = &dp};
static struct gw_worker worker[WORKERS];
static struct gw_path_in path[WORKERS]; /* in the slot of its worker's index */
static uint64_t next_psn[WORKERS];
static gw_packet *arriving; /* what the port has for the next receive */
static uint8_t value;       /* of the bytes of the next page */
static uint32_t told;       /* FENCED was said so often */
static bool told_early;     /* while a worker still had that sink */
static bool eager;          /* workers take a command before control has given the next one */

/* ---- what the tested files call ---- */

/* Looks at the very moment at which FENCED is said: control may load at once. */
static void watch_fenced(const struct gw_dp_sink *sink)
{
	told++;
	for (uint32_t i = 0; i < WORKERS; i++)
		told_early |= worker[i].sink[sink->slot] == sink;
}

static bool watched_push(struct gw_spsc *q, uint32_t type, void *object, uint64_t v)
{
	bool pushed;

	for (uint32_t i = 0; i < WORKERS; i++)
		if (q == &worker[i].events && type == GW_DP_FENCED)
			watch_fenced(object);
	pushed = gw_spsc_push(q, type, object, v);
	for (uint32_t i = 0; i < WORKERS && eager; i++)
		if (q == &worker[i].commands)
			gw_worker_commands(&worker[i]);
	return pushed;
}

uint32_t gw_ram_regions(const struct gw_ram *ram)
{
	(void)ram;
	return 1;
}

void *gw_ram_region(const struct gw_ram *ram, uint32_t index, uint8_t *id, uint64_t *pages)
{
	(void)index;
	*id = REGION;
	*pages = PAGES;
	return (void *)(uintptr_t)ram->bytes;
}

int gw_ram_punch(struct gw_ram *ram, uint32_t region_index, uint64_t page, uint64_t count)
{
	(void)ram;
	(void)region_index;
	(void)page;
	(void)count;
	return 0;
}

uint16_t sim_port_receive(uint16_t ethdev, uint16_t queue, gw_packet **p, uint16_t n)
{
	(void)ethdev;
	(void)queue;
	(void)n;
	*p = arriving;
	arriving = NULL;
	return *p != NULL;
}

gw_packet *sim_packet_alloc(void)
{
	gw_packet *p = calloc(1, sizeof(*p) + SIM_PACKET_ROOM);

	if (p == NULL)
		abort();
	p->start = GW_PACKET_HEADROOM;
	return p;
}

void sim_packet_free(gw_packet *p)
{
	free(p);
}

bool sim_packet_real_bytes(void)
{
	return true;
}

/* Never reached: no links, sources, keys, probes, or sends here. */
void gw_worker_drop_held(struct gw_worker *w)
{
	(void)w;
	abort();
}

void gw_worker_bound_end(struct gw_worker *w)
{
	(void)w;
	abort();
}

void gw_worker_take_keys(struct gw_worker *w, struct gw_generation *g, uint64_t v)
{
	(void)w;
	(void)g;
	(void)v;
	abort();
}

gw_packet *gw_worker_small_packet(struct gw_worker *w)
{
	(void)w;
	abort();
}

size_t gw_worker_seal(struct gw_worker *w, gw_packet *m, uint32_t header, size_t len,
	const struct gw_wire_head *h, const struct gw_aead_key *key)
{
	(void)w;
	(void)m;
	(void)header;
	(void)len;
	(void)h;
	(void)key;
	abort();
}

void gw_worker_send_now(struct gw_worker *w, struct gw_queue *q, gw_packet *m, uint64_t now_ns)
{
	(void)w;
	(void)q;
	(void)m;
	(void)now_ns;
	abort();
}

void gw_worker_rx_out(struct gw_worker *w, struct gw_arrival *a, uint64_t now_ns)
{
	(void)w;
	(void)a;
	(void)now_ns;
	abort();
}

void gw_worker_rx_arp(
	struct gw_worker *w, struct gw_queue *q, const uint8_t *frame, uint64_t now_ns)
{
	(void)w;
	(void)q;
	(void)frame;
	(void)now_ns;
	abort();
}

void gw_worker_rx_ndp(struct gw_worker *w, struct gw_queue *q, const uint8_t *frame, uint32_t bytes,
	uint64_t now_ns)
{
	(void)w;
	(void)q;
	(void)frame;
	(void)bytes;
	(void)now_ns;
	abort();
}

void gw_link_release(struct gw_dp_link *link)
{
	(void)link;
	abort();
}

void gw_link_mtu_changed(struct gw_dp *d, const struct gw_path_out *p, uint32_t slot)
{
	(void)d;
	(void)p;
	(void)slot;
	abort();
}

void gw_keys_short(struct gw_dp *d, const void *p, uint64_t v)
{
	(void)d;
	(void)p;
	(void)v;
	abort();
}

void gw_books_short(struct gw_dp *d, const struct gw_path_out *p, uint32_t slot)
{
	(void)d;
	(void)p;
	(void)slot;
	abort();
}

void gw_books_back(struct gw_dp *d, struct gw_tx_books *b)
{
	(void)d;
	(void)b;
	abort();
}

/* ---- the world ---- */

static void setup(void)
{
	memset(&dp, 0, sizeof(dp));
	memset(worker, 0, sizeof(worker));
	memset(path, 0, sizeof(path));
	memset(next_psn, 0, sizeof(next_psn));
	memset(&ram_a, 0, sizeof(ram_a));
	memset(&ram_b, 0, sizeof(ram_b));
	told = 0;
	told_early = eager = false;
	dp.n_workers = dp.n_cores = WORKERS;
	dp.flags = GW_WIRE_CRC32C;
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct gw_worker *w = &worker[i];

		dp.worker[i] = w;
		w->dp = &dp;
		w->index = i;
		w->n_queues = 1;
		w->queue[0].port = &port;
		gw_rx_path_init(&path[i].rx, 1 << 20);
		path[i].link = &link_in;
		path[i].peer_ip = peer_ip;
		path[i].key_id = KEY_ID + i;
		w->in[i] = &path[i];
	}
}

static struct gw_dp_sink *sink_create(struct gw_ram *ram)
{
	const struct gw_dp_sink_conf conf = {
		.link = &link_in, .ram = ram, .state_limit_mib = STATE_MIB, .ctx = ram};
	struct gw_dp_sink *s = NULL;
	struct gw_err err;

	CU_ASSERT_EQUAL_FATAL(gw_dp_sink_create(&dp, &conf, &s, &err), 0);
	return s;
}

static void all_take_commands(void)
{
	for (uint32_t i = 0; i < WORKERS; i++)
		gw_worker_commands(&worker[i]);
}

/* The first page of worker i's chunk. */
static uint32_t page_of(uint32_t i)
{
	uint32_t page = 0;

	while (gw_space_owner(REGION, page, WORKERS) != i)
		page += GW_CHUNK_PAGES;
	return page;
}

/* A page of new bytes for a stream comes in at worker i's port. Whether any of it is in ram. */
static bool stores(uint32_t i, uint16_t stream, struct gw_ram *ram)
{
	const struct gw_wire_head h = {
		.path = (uint16_t)i, .key_id = KEY_ID + i, .psn = next_psn[i]++, .flags = dp.flags};
	const struct gw_wire_data_head d = {.epoch = (uint16_t)(next_psn[i]),
		.stream = stream,
		.region = REGION,
		.encoding = GW_WIRE_RAW,
		.fragment = GW_WIRE_WHOLE,
		.page = page_of(i),
		.length = PAGE};
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	struct gw_frame_template t;
	uint64_t received = worker[i].queue[0].rx_packets;
	uint8_t *frame, *stored = ram->bytes + (size_t)page_of(i) * PAGE;
	size_t len;

	arriving = sim_packet_alloc();
	frame = gw_packet_data(arriving);
	gw_wire_put_data(frame + GW_FRAME_HEADER_V4, &h, &d);
	value = value == UINT8_MAX ? 1 : (uint8_t)(value + 1);
	memset(frame + GW_FRAME_HEADER_V4 + sizeof(struct gw_wire_data), value, PAGE);
	len = gw_wire_seal(frame + GW_FRAME_HEADER_V4, sizeof(struct gw_wire_data) + PAGE, &h);
	gw_frame_template(
		&t, mac, port.mac, &peer_ip, &port.ip, GW_WIRE_PATH_PORT_BASE, GW_WIRE_UDP_PORT);
	gw_frame_put(frame, &t, (uint32_t)len);
	gw_packet_set_bytes(arriving, (uint32_t)(GW_FRAME_HEADER_V4 + len));
	gw_worker_rx(&worker[i], &worker[i].queue[0], 0);
	CU_ASSERT_EQUAL(worker[i].queue[0].rx_packets, received + 1);
	for (uint32_t k = 0; k < PAGE; k++)
		if (stored[k] == value)
			return true;
	return false;
}

/* Like stores(); what was not stored was counted as such, and is not acknowledged. */
static bool refused(uint32_t i, uint16_t stream, struct gw_ram *ram)
{
	uint64_t drops = worker[i].drop[GW_DROP_rx_no_stream];

	return !stores(i, stream, ram) && worker[i].drop[GW_DROP_rx_no_stream] == drops + 1 &&
	       gw_rx_path_check(&path[i].rx, next_psn[i] - 1) == GW_RX_NEW;
}

/* Order number n of the workers. */
static void order(uint32_t n, uint32_t out[WORKERS])
{
	uint32_t left[WORKERS] = {0, 1, 2, 3};

	for (uint32_t k = WORKERS; k > 0; n /= k, k--) {
		*out++ = left[n % k];
		memmove(&left[n % k], &left[n % k + 1], (WORKERS - 1 - n % k) * sizeof(left[0]));
	}
}

/* Whose FENCED control finds now; NULL: nobody's. */
static void *fenced(void)
{
	struct gw_dp_event ev;

	if (gw_dp_poll_event(&dp, &ev) == 0)
		return NULL;
	CU_ASSERT_EQUAL(ev.type, GW_DP_FENCED);
	return ev.ctx;
}

/* ---- tests ---- */

static void test_every_order(void)
{
	for (uint32_t n = 0; n < ORDERS; n++) {
		struct gw_dp_sink *s;
		uint32_t at[WORKERS];
		uint16_t stream;

		setup();
		order(n, at);
		s = sink_create(&ram_a);
		stream = gw_dp_sink_stream(s);
		all_take_commands();
		gw_dp_sink_fence(s);
		for (uint32_t k = 0; k < WORKERS; k++) {
			for (uint32_t i = 0; i < WORKERS; i++)
				CU_ASSERT(i < k ? refused(at[i], stream, &ram_a)
						: stores(at[i], stream, &ram_a));
			CU_ASSERT_PTR_NULL(fenced());
			gw_worker_commands(&worker[at[k]]);
			CU_ASSERT_PTR_NULL(worker[at[k]].sink[s->slot]);
		}
		CU_ASSERT_PTR_EQUAL(fenced(), &ram_a);
		for (uint32_t i = 0; i < WORKERS; i++)
			CU_ASSERT_TRUE(refused(i, stream, &ram_a));
		all_take_commands();
		CU_ASSERT_PTR_NULL(fenced());
		CU_ASSERT_EQUAL(told, 1);
		CU_ASSERT_FALSE(told_early);
		gw_dp_sink_free(&s);
	}
}

/* One worker of several sleeps for long: nothing is said for it, however often others look. */
static void test_last_worker_sleeps(void)
{
	struct gw_dp_sink *s;

	setup();
	s = sink_create(&ram_a);
	all_take_commands();
	gw_dp_sink_fence(s);
	for (uint32_t n = 0; n < 10; n++)
		for (uint32_t i = 1; i < WORKERS; i++)
			gw_worker_commands(&worker[i]);
	CU_ASSERT_PTR_NULL(fenced());
	CU_ASSERT_EQUAL(told, 0);
	CU_ASSERT_TRUE(stores(0, gw_dp_sink_stream(s), &ram_a));
	gw_worker_commands(&worker[0]);
	CU_ASSERT_PTR_EQUAL(fenced(), &ram_a);
	CU_ASSERT_FALSE(told_early);
	gw_dp_sink_free(&s);
}

/* Another VM that comes in over the same paths goes on, and gets its own word. */
static void test_other_sinks_stay(void)
{
	for (uint32_t n = 0; n < ORDERS; n++) {
		struct gw_dp_sink *a, *b;
		uint32_t at[WORKERS];

		setup();
		order(n, at);
		a = sink_create(&ram_a);
		b = sink_create(&ram_b);
		all_take_commands();
		gw_dp_sink_fence(a);
		for (uint32_t k = 0; k < WORKERS; k++) {
			gw_worker_commands(&worker[at[k]]);
			CU_ASSERT_PTR_EQUAL(worker[at[k]].sink[b->slot], b);
			CU_ASSERT_TRUE(stores(at[k], gw_dp_sink_stream(b), &ram_b));
			CU_ASSERT_TRUE(refused(at[k], gw_dp_sink_stream(a), &ram_a));
		}
		CU_ASSERT_PTR_EQUAL(fenced(), &ram_a);
		CU_ASSERT_PTR_NULL(fenced());
		gw_dp_sink_fence(b);
		CU_ASSERT_PTR_NULL(fenced());
		all_take_commands();
		CU_ASSERT_PTR_EQUAL(fenced(), &ram_b);
		CU_ASSERT_PTR_NULL(fenced());
		CU_ASSERT_EQUAL(told, 2);
		CU_ASSERT_FALSE(told_early);
		gw_dp_sink_free(&a);
		gw_dp_sink_free(&b);
	}
}

/* Two sessions end at once: workers that are behind have the commands of both. */
static void test_two_at_once(void)
{
	struct gw_dp_sink *a, *b;

	setup();
	a = sink_create(&ram_a);
	b = sink_create(&ram_b);
	all_take_commands();
	gw_dp_sink_fence(b);
	for (uint32_t i = 1; i < WORKERS; i++)
		gw_worker_commands(&worker[i]);
	gw_dp_sink_fence(a);
	gw_worker_commands(&worker[0]);
	CU_ASSERT_PTR_EQUAL(fenced(), &ram_b);
	CU_ASSERT_PTR_NULL(fenced());
	CU_ASSERT_TRUE(stores(1, gw_dp_sink_stream(a), &ram_a));
	all_take_commands();
	CU_ASSERT_PTR_EQUAL(fenced(), &ram_a);
	CU_ASSERT_PTR_NULL(fenced());
	CU_ASSERT_FALSE(told_early);
	gw_dp_sink_free(&a);
	gw_dp_sink_free(&b);
}

/* The slot's next session: control hears of the first late and makes the second at once, while no
 * worker has looked at its commands again. */
static void test_next_in_the_slot(void)
{
	for (uint32_t n = 0; n < ORDERS; n++) {
		struct gw_dp_sink *a, *b;
		uint32_t at[WORKERS];
		uint16_t before;

		setup();
		order(n, at);
		a = sink_create(&ram_a);
		before = gw_dp_sink_stream(a);
		all_take_commands();
		gw_dp_sink_fence(a);
		for (uint32_t k = 0; k < WORKERS; k++)
			gw_worker_commands(&worker[at[k]]);
		CU_ASSERT_PTR_EQUAL(fenced(), &ram_a);
		gw_dp_sink_free(&a);

		b = sink_create(&ram_b);
		CU_ASSERT_EQUAL(b->slot, 0);
		CU_ASSERT_NOT_EQUAL(gw_dp_sink_stream(b), before);
		for (uint32_t k = 0; k < WORKERS; k++) {
			CU_ASSERT_TRUE(refused(at[k], before, &ram_a));
			gw_worker_commands(&worker[at[k]]);
			CU_ASSERT_PTR_NULL(fenced());
			CU_ASSERT_PTR_EQUAL(worker[at[k]].sink[0], b);
			/* A late copy of the first session's page finds a sink, but not its own. */
			CU_ASSERT_TRUE(refused(at[k], before, &ram_b));
			CU_ASSERT_TRUE(stores(at[k], gw_dp_sink_stream(b), &ram_b));
		}
		gw_dp_sink_fence(b);
		for (uint32_t k = 0; k < WORKERS; k++) {
			CU_ASSERT_PTR_NULL(fenced());
			gw_worker_commands(&worker[at[k]]);
		}
		CU_ASSERT_PTR_EQUAL(fenced(), &ram_b);
		CU_ASSERT_PTR_NULL(fenced());
		CU_ASSERT_EQUAL(told, 2);
		CU_ASSERT_FALSE(told_early);
		gw_dp_sink_free(&b);
	}
}

/* Fenced before any worker heard of it: an abort right after the beginning. */
static void test_fenced_unseen(void)
{
	struct gw_dp_sink *s;

	setup();
	s = sink_create(&ram_a);
	gw_dp_sink_fence(s);
	CU_ASSERT_PTR_NULL(fenced());
	all_take_commands();
	CU_ASSERT_PTR_EQUAL(fenced(), &ram_a);
	for (uint32_t i = 0; i < WORKERS; i++)
		CU_ASSERT_TRUE(refused(i, gw_dp_sink_stream(s), &ram_a));
	CU_ASSERT_PTR_NULL(fenced());
	CU_ASSERT_FALSE(told_early);
	gw_dp_sink_free(&s);
}

/* Workers that are faster than control: some let go before the others have their command. */
static void test_eager_workers(void)
{
	struct gw_dp_sink *s;

	setup();
	eager = true;
	s = sink_create(&ram_a);
	for (uint32_t i = 0; i < WORKERS; i++)
		CU_ASSERT_TRUE(stores(i, gw_dp_sink_stream(s), &ram_a));
	gw_dp_sink_fence(s);
	CU_ASSERT_PTR_EQUAL(fenced(), &ram_a);
	CU_ASSERT_PTR_NULL(fenced());
	CU_ASSERT_FALSE(told_early);
	for (uint32_t i = 0; i < WORKERS; i++)
		CU_ASSERT_TRUE(refused(i, gw_dp_sink_stream(s), &ram_a));
	gw_dp_sink_free(&s);
}

int main(void)
{
	CU_TestInfo tests[] = {{"every order of workers", test_every_order},
		{"the last worker sleeps", test_last_worker_sleeps},
		{"other sinks stay", test_other_sinks_stay}, {"two at once", test_two_at_once},
		{"the next in the slot", test_next_in_the_slot},
		{"fenced before it was seen", test_fenced_unseen},
		{"eager workers", test_eager_workers}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"fence", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
