/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page rules end to end in made-up time: two workers take pages from a source whose guest
 * writes, send them over paths that lose, repeat, reorder and damage, and a sink applies them. At
 * the end both memories are equal. All random choices follow from one seed per run. The same with
 * one rule broken by the test must find a stale page, which shows that the test can fail.
 */
#include "../../dataplane/path/rx_path.h"
#include "../../dataplane/path/tx_path.h"
#include "../../dataplane/stream/sink.h"
#include "../../dataplane/stream/take.h"
#include "../../dataplane/wire/encode.h"

#include "random.h"
#include "run.h"

#include <string.h>
#include <sys/mman.h>

#define WORKERS 2u
#define CORES 4u
#define PAGE 4096u
#define A_ID 3u
#define A_PAGES 1100u
#define B_ID 8u
#define B_PAGES 40u
#define B_FIRST 1536u /* flat: behind three chunks of A */
#define STATE_PAGES 8u
#define HOT 26u
#define FLIGHTS 256u
#define RING_ENTRIES 64u
#define STEPS_MAX 400000u
#define US 1000u
#define MS 1000000u

/* Rule number broken. */
enum breach {
	NONE,
	ONE_BITMAP,         /* 1: rings drain into open */
	LABEL_AFTER_MERGE,  /* 1 */
	LABEL_BEFORE_CLAIM, /* 2 */
	SETTLED_FIRST,      /* 3: settled, then put back */
	OLDER_WINS,         /* stamps forgotten */
	LATE_ARM,           /* 5: writes tracked again only after the harvest is out */
	NO_RESEND_MARK,     /* a zero page after a loss is not sent again */
	COPY_RUNNING,       /* duplicates while the guest runs */
	COPY_IS_SETTLED,    /* a duplicate settles the original when it is sent */
	DEFER_EARLY,        /* left to the next epoch by a look at next from before the claim */
	NO_HOLE_PASS,       /* what was punched after it was sent is not looked for */
	BREACHES
};

/* Pages of interest, flat: around borders of words, chunks and regions. */
static const uint32_t hot[HOT] = {0, 1, 2, 3, 62, 63, 64, 65, 127, 128, 300, 510, 511, 512, 513,
	514, 700, 1023, 1024, 1099, 1536, 1537, 1538, 1540, 1574, 1575};

struct flight {
	uint64_t at_ns;
	uint32_t len;
	bool used, back;
	uint8_t w, c;
	uint8_t bytes[32 + 2 * PAGE + 4];
};

struct link {
	struct gw_tx_path tx;
	struct gw_rx_path rx;
	bool down;
	uint64_t black_ns; /* nothing passes before */
};

struct world {
	struct random r;
	enum breach breach;
	uint64_t now_ns;
	struct gw_source src;
	struct gw_sink sink;
	uint8_t *from, *to;
	struct link link[WORKERS][CORES];
	struct gw_take take[WORKERS][CORES];
	uint32_t max_pages[WORKERS]; /* 0: fragments */
	bool quarters[WORKERS];      /* of which four make a page */
	uint32_t n_cores, loss, write_weight;
	bool deaths;
	struct flight *flight; /* FLIGHTS */

	/* The guest and its tracker. */
	bool dirty[HOT], late[HOT], punched[HOT];
	bool paused;
	_Alignas(64) uint8_t ring_memory[sizeof(struct gw_export_ring) + RING_ENTRIES * 8];

	/* Control. */
	uint32_t epochs, stage;
	bool done;
	uint16_t late_label;
	uint16_t seen_label[WORKERS];
	uint64_t looked[(B_FIRST + 1024) / 64]; /* next as it once was */
	uint32_t put_back[4096];
	uint32_t n_put_back;

	const char *bad; /* what must never happen */
	uint64_t lost, zero_runs, packets, copies, covered;
};

struct owner {
	struct world *world;
	uint32_t worker;
};

static uint8_t *memory_of(uint8_t *base, uint32_t flat)
{
	return base + (uint64_t)(flat < B_FIRST ? flat : flat - B_FIRST + A_PAGES) * PAGE;
}

static uint32_t owner_of(const struct world *w, uint32_t flat)
{
	return flat < B_FIRST ? gw_space_owner(A_ID, flat, w->n_cores)
			      : gw_space_owner(B_ID, flat - B_FIRST, w->n_cores);
}

static bool in_hand(const struct gw_take *t, uint32_t flat)
{
	return t->hand != 0 && t->hand_word == flat / 64 && (t->hand >> (flat % 64) & 1);
}

static bool waits(const struct world *w, uint32_t flat)
{
	uint32_t c = owner_of(w, flat);

	return gw_bitmap_get(w->src.open, flat) || in_hand(&w->take[0][c], flat) ||
	       in_hand(&w->take[1][c], flat);
}

/* -- the guest -- */

static void guest_write(struct world *w)
{
	uint32_t i = random_below(&w->r, HOT), kind = random_below(&w->r, 100);
	uint8_t *page = memory_of(w->from, hot[i]);

	/* What this breach takes is rare: more is given back. */
	if (w->breach == NO_RESEND_MARK)
		kind = 67 + kind / 3;
	/* Saving the device state gives nothing back. */
	if (w->paused)
		kind %= 85;
	if (kind < 75) {
		uint64_t v = random_next(&w->r);

		memcpy(page + random_below(&w->r, PAGE / 8) * 8, &v, 8);
		w->dirty[i] = true;
		w->punched[i] = false;
	} else if (kind < 85) {
		memset(page, 0, PAGE);
		w->dirty[i] = true;
		w->punched[i] = false;
	} else {
		/* Given back: reads as zero, and the tracker does not say so. */
		memset(page, 0, PAGE);
		w->punched[i] = true;
	}
}

/* Dirty pages into the ring; tracking of a page is armed again before its entry is out. */
static void harvest(struct world *w)
{
	struct gw_export_ring *ring = w->src.ring[0].ring;

	for (uint32_t i = 0; i < HOT; i++) {
		uint32_t page = hot[i] < B_FIRST ? hot[i] : hot[i] - B_FIRST;

		if (!w->dirty[i] || ring->head - ring->tail == RING_ENTRIES)
			continue;
		if (w->breach == LATE_ARM)
			w->late[i] = true;
		w->dirty[i] = false;
		ring->entry[ring->head % RING_ENTRIES] =
			gw_export_entry(page, 1, hot[i] < B_FIRST ? A_ID : B_ID);
		__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
	}
}

static void arm_late(struct world *w)
{
	for (uint32_t i = 0; i < HOT; i++) {
		if (w->late[i])
			w->dirty[i] = false;
		w->late[i] = false;
	}
}

static void drain(struct world *w)
{
	if (gw_source_drain(&w->src) == GW_DRAIN_BROKEN)
		w->bad = "ring broken";
	if (w->breach == ONE_BITMAP && !w->src.merging) {
		w->src.merging = true;
		w->src.merge_word = 0;
		gw_source_merge(&w->src);
	}
}

/* -- control -- */

static void sync_rings(struct world *w)
{
	enum gw_drain_result result = GW_DRAIN_IDLE;
	bool more;

	do {
		harvest(w);
		more = false;
		for (uint32_t i = 0; i < HOT; i++)
			more |= w->dirty[i];
		if (more)
			drain(w);
	} while (more);
	w->src.drain_head[0] = w->src.ring[0].ring->head;
	w->src.draining = true;
	for (uint32_t i = 0; i < 4 && result == GW_DRAIN_IDLE; i++)
		result = gw_source_drain(&w->src);
	if (result != GW_DRAIN_REACHED)
		w->bad = "drain";
}

static void find_holes(struct world *w)
{
	for (uint32_t i = 0; i < HOT; i++) {
		if (!w->punched[i] || gw_bitmap_get(w->src.hole, hot[i]))
			continue;
		gw_bitmap_set(w->src.hole, hot[i]);
		gw_bitmap_set(w->src.next, hot[i]);
	}
}

static void open_epoch(struct world *w)
{
	uint16_t label = (uint16_t)(w->src.label + 1);

	if (w->breach == LABEL_AFTER_MERGE && label > 1) {
		w->src.merging = true;
		w->src.merge_word = 0;
		w->late_label = label;
		return;
	}
	gw_source_open(&w->src, label);
}

static bool control(struct world *w)
{
	if (w->src.merging) {
		gw_source_merge(&w->src);
		return true;
	}
	if (w->late_label != 0) {
		w->src.label = w->late_label;
		w->late_label = 0;
		return true;
	}
	if (!gw_source_idle(&w->src))
		return false;
	if (w->src.label >= w->epochs && !w->paused)
		w->paused = true;
	switch (w->paused ? w->stage++ : 0) {
	case 1: /* saving the device state writes guest memory */
		guest_write(w);
		guest_write(w);
		break;
	case 0:
		break;
	default:
		if (gw_bitmap_empty(w->src.next, w->src.space.words)) {
			w->done = true;
			return true;
		}
	}
	sync_rings(w);
	if (w->paused && w->breach != NO_HOLE_PASS)
		find_holes(w);
	w->src.still = w->paused;
	open_epoch(w);
	return true;
}

/* -- the links -- */

static void fly(
	struct world *w, uint32_t worker, uint32_t c, bool back, const uint8_t *bytes, uint32_t len)
{
	uint32_t copies = random_chance(&w->r, w->loss) ? 0 : 1 + random_chance(&w->r, 4);

	w->packets++;
	if (w->now_ns < w->link[worker][c].black_ns)
		return;
	for (uint32_t i = random_below(&w->r, FLIGHTS), n = 0; copies != 0 && n < FLIGHTS;
		i = (i + 1) % FLIGHTS, n++) {
		struct flight *f = &w->flight[i];
		uint32_t fate = random_below(&w->r, 100);

		if (f->used)
			continue;
		f->used = true;
		f->back = back;
		f->w = (uint8_t)worker;
		f->c = (uint8_t)c;
		f->len = len;
		f->at_ns = w->now_ns + random_below(&w->r, 100 * US) +
			   (fate < 3 ? 5 * MS : (fate < 4 ? 40 * MS : 0));
		memcpy(f->bytes, bytes, len);
		if (random_chance(&w->r, 1))
			f->bytes[random_below(&w->r, len)] ^= (uint8_t)(1u << (fate % 8));
		copies--;
	}
}

static void settle(void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost)
{
	const struct owner *o = ctx;
	struct world *w = o->world;
	uint32_t first = r->region == 0 ? 0 : B_FIRST, n = 0;

	w->lost += lost;
	if (r->kind == GW_TX_COPY) {
		struct owner of = {w, r->count / CORES};

		if (!lost)
			w->covered += gw_tx_path_covered(
				&w->link[of.worker][r->count % CORES].tx, r->page, settle, &of);
		return;
	}
	if (r->source == GW_TX_NO_SOURCE)
		return;
	if (!lost || (w->breach != SETTLED_FIRST && w->breach != NO_RESEND_MARK)) {
		gw_source_settle(&w->src, o->worker, p, r, lost);
		return;
	}
	if (w->breach == NO_RESEND_MARK) {
		gw_source_settle(&w->src, o->worker, p, r, lost);
		memset(w->src.resend, 0, w->src.space.words * 8);
		return;
	}
	if (r->kind == GW_TX_RUN_LIST) {
		for (uint32_t i = 0; i < r->count; i++) {
			const struct gw_tx_run *run = gw_tx_path_run(p, r->page + i);

			for (n = 0; n < run->count && w->n_put_back < 4096; n++)
				w->put_back[w->n_put_back++] = first + run->page + n;
		}
	} else {
		for (n = 0; n < (r->kind == GW_TX_PAGES ? r->count : 1u) && w->n_put_back < 4096;
			n++)
			w->put_back[w->n_put_back++] = first + r->page + n;
	}
	gw_source_settle(&w->src, o->worker, p, r, false);
}

static void put_back_late(struct world *w)
{
	while (w->n_put_back != 0)
		gw_bitmap_set(w->src.open, w->put_back[--w->n_put_back]);
}

static void look_at_next(struct world *w)
{
	if (w->breach == DEFER_EARLY)
		memcpy(w->looked, w->src.next, w->src.space.words * 8);
}

static void defer_early(struct world *w)
{
	for (uint32_t i = 0; i < w->src.space.words; i++) {
		w->src.open[i] &= ~w->looked[i];
		w->looked[i] = 0;
	}
}

static struct gw_wire_head next_head(const struct gw_tx_path *p)
{
	return (struct gw_wire_head){
		.path = 1, .key_id = 2, .psn = p->next_psn, .flags = GW_WIRE_CRC32C};
}

static void emit(struct world *w, uint32_t worker, uint32_t c, const struct gw_wire_data_head *d,
	struct gw_tx_record *r, uint8_t *bytes)
{
	struct gw_tx_path *p = &w->link[worker][c].tx;
	struct gw_wire_head h = next_head(p);
	size_t len;

	gw_wire_put_data(bytes, &h, d);
	len = gw_wire_seal(bytes, sizeof(struct gw_wire_data) + d->length, &h);
	r->sent_ns = w->now_ns;
	r->wire_bytes = (uint16_t)(42 + len);
	r->label = d->epoch;
	r->fragment = r->kind == GW_TX_RUN_LIST ? d->encoding : d->fragment;
	gw_tx_path_sent(p, r);
	fly(w, worker, c, false, bytes, (uint32_t)len);
}

static void send_pages(
	struct world *w, uint32_t worker, uint32_t c, const struct gw_taken *t, uint8_t region_id)
{
	struct gw_tx_record r = {.page = t->page,
		.count = (uint16_t)t->count,
		.kind = GW_TX_PAGES,
		.region = (uint8_t)t->region};
	struct gw_wire_data_head d = {.epoch = t->label,
		.region = region_id,
		.fragment = GW_WIRE_WHOLE,
		.page = t->page,
		.length = (uint16_t)(t->count * PAGE),
		.timestamp = (uint32_t)(w->now_ns >> GW_WIRE_TS_SHIFT)};
	uint8_t bytes[32 + 2 * PAGE + 4], first, n;

	if (w->max_pages[worker] != 0) {
		memcpy(bytes + 32, t->data, d.length);
		emit(w, worker, c, &d, &r, bytes);
		return;
	}
	first = w->quarters[worker] ? GW_WIRE_QUARTER_FIRST : 0;
	n = w->quarters[worker] ? GW_WIRE_QUARTERS : GW_WIRE_FRAGMENTS;
	gw_tally_add(&w->src.tally[worker].taken, n - 1u);
	r.kind = GW_TX_FRAGMENT;
	for (uint8_t i = 0; i < n; i++) {
		d.fragment = (uint8_t)(first + i);
		d.offset = (uint16_t)(i * (first != 0 ? 1024 : 1376));
		d.length = first != 0 ? 1024 : (i < 2 ? 1376 : 1344);
		memcpy(bytes + 32, t->data + d.offset, d.length);
		emit(w, worker, c, &d, &r, bytes);
	}
}

static void send_runs(struct world *w, uint32_t worker, uint32_t c, const struct gw_taken *t)
{
	struct gw_take *take = &w->take[worker][c];
	struct gw_tx_path *p = &w->link[worker][c].tx;
	struct gw_tx_record r = {.page = p->run_head,
		.count = (uint16_t)take->n_runs,
		.kind = GW_TX_RUN_LIST,
		.region = (uint8_t)t->region};
	struct gw_wire_data_head d = {.epoch = t->label,
		.region = w->src.space.region[t->region].id,
		.encoding = take->run_encoding,
		.fragment = GW_WIRE_WHOLE,
		.length = (uint16_t)(take->n_runs * sizeof(struct gw_wire_run)),
		.timestamp = (uint32_t)(w->now_ns >> GW_WIRE_TS_SHIFT)};
	uint8_t bytes[32 + 2 * PAGE + 4];

	for (uint32_t i = 0; i < take->n_runs; i++) {
		gw_wire_put_run(bytes + 32 + 8 * i, take->run[i].page, take->run[i].count);
		gw_tx_path_push_run(p, take->run[i].page, take->run[i].count);
	}
	w->zero_runs += take->run_encoding == GW_WIRE_ZERO_RUNS;
	emit(w, worker, c, &d, &r, bytes);
	gw_take_runs_done(&w->src, take, worker);
}

/* Reading a punched page makes it a page of zeros that no hole pass finds. */
static void note_reads(struct world *w, const struct gw_take *take, const bool *waited)
{
	for (uint32_t i = 0; i < HOT; i++) {
		bool looked_at = in_hand(take, hot[i]) &&
				 (take->hand & ((UINT64_C(1) << (hot[i] % 64)) - 1)) == 0;

		if (((waited[i] && !waits(w, hot[i])) || looked_at) &&
			!gw_bitmap_get(w->src.hole, hot[i]))
			w->punched[i] = false;
	}
}

static bool fits(const struct world *w, uint32_t worker, const struct gw_tx_record *r)
{
	if (r->kind == GW_TX_PAGES)
		return r->count <= w->max_pages[worker];
	return r->kind != GW_TX_FRAGMENT || !w->quarters[worker] ||
	       r->fragment >= GW_WIRE_QUARTER_FIRST;
}

/* A duplicate of what is outstanding longest on either worker's path to the core. */
static bool copy(struct world *w, uint32_t worker, uint32_t c)
{
	struct gw_tx_path *p = &w->link[worker][c].tx, *path = NULL;
	struct gw_tx_record *of = NULL, r = {.kind = GW_TX_COPY};
	struct gw_wire_data_head d = {
		.fragment = GW_WIRE_WHOLE, .timestamp = (uint32_t)(w->now_ns >> GW_WIRE_TS_SHIFT)};
	uint8_t bytes[32 + 2 * PAGE + 4];
	const struct gw_space_region *region;
	uint64_t psn = 0;
	uint32_t of_worker = 0;

	if ((!w->src.still && w->breach != COPY_RUNNING) || w->link[worker][c].down ||
		!gw_tx_path_open(p, w->now_ns))
		return false;
	for (uint32_t i = 0; i < WORKERS; i++) {
		uint64_t n;
		struct gw_tx_record *candidate =
			gw_tx_path_next_copy(&w->link[i][c].tx, w->now_ns, &n);

		if (candidate == NULL || (of != NULL && candidate->sent_ns >= of->sent_ns))
			continue;
		of = candidate;
		of_worker = i;
		psn = n;
	}
	if (of == NULL)
		return false;
	path = &w->link[of_worker][c].tx;
	of->copied = 1;
	if (!fits(w, worker, of) || of->label != w->src.label)
		return true;
	region = &w->src.space.region[of->region];
	d.epoch = of->label;
	d.region = region->id;
	if (of->kind == GW_TX_RUN_LIST) {
		d.encoding = of->fragment;
		d.length = (uint16_t)(of->count * sizeof(struct gw_wire_run));
		for (uint32_t i = 0; i < of->count; i++) {
			const struct gw_tx_run *run = gw_tx_path_run(path, of->page + i);

			gw_wire_put_run(bytes + 32 + 8 * i, run->page, run->count);
		}
	} else {
		uint32_t count = of->kind == GW_TX_PAGES ? of->count : 1u;

		d.page = of->page;
		d.length = (uint16_t)(count * PAGE);
		if (of->kind == GW_TX_FRAGMENT) {
			d.fragment = of->fragment;
			d.offset = gw_wire_fragment_offset(of->fragment);
			d.length = gw_wire_fragment_length(of->fragment);
		}
		memcpy(bytes + 32, region->base + (uint64_t)of->page * PAGE + d.offset, d.length);
		/* Reading makes a page that was given back one of zeros that no hole pass finds. */
		for (uint32_t i = 0; i < HOT; i++)
			if (hot[i] >= region->first + of->page &&
				hot[i] < region->first + of->page + count)
				w->punched[i] = false;
	}
	r.page = (uint32_t)psn;
	r.count = (uint16_t)(of_worker * CORES + c);
	r.region = of->region;
	emit(w, worker, c, &d, &r, bytes);
	p->copy_bytes += r.wire_bytes;
	w->copies++;
	if (w->breach == COPY_IS_SETTLED) {
		struct owner o = {w, of_worker};

		gw_tx_path_covered(path, r.page, settle, &o);
	}
	return true;
}

static bool work(struct world *w, uint32_t worker, uint32_t c)
{
	struct gw_take *take = &w->take[worker][c];
	struct link *l = &w->link[worker][c];
	struct gw_taken t;
	bool waited[HOT], fresh = take->hand == 0;

	if (l->down || !gw_tx_path_open(&l->tx, w->now_ns))
		return false;
	for (uint32_t i = 0; i < HOT; i++)
		waited[i] = waits(w, hot[i]);
	gw_take_next(
		&w->src, take, worker, c, w->max_pages[worker] != 0 ? w->max_pages[worker] : 1, &t);
	note_reads(w, take, waited);
	if (w->breach == LABEL_BEFORE_CLAIM && fresh && w->seen_label[worker] != 0) {
		t.label = take->hand_label = take->run_label = w->seen_label[worker];
	}
	w->seen_label[worker] = (uint16_t)w->src.label;
	if (t.kind == GW_TAKE_PAGES)
		send_pages(w, worker, c, &t, w->src.space.region[t.region].id);
	else if (t.kind == GW_TAKE_RUNS && gw_tx_path_run_room(&l->tx) >= take->n_runs)
		send_runs(w, worker, c, &t);
	else
		return false;
	return true;
}

static void probe(struct world *w, uint32_t worker, uint32_t c)
{
	struct gw_tx_path *p = &w->link[worker][c].tx;
	struct gw_wire_head h = next_head(p);
	struct gw_tx_record r = {.sent_ns = w->now_ns, .wire_bytes = 66, .kind = GW_TX_PROBE};
	uint8_t bytes[64];
	size_t len = gw_wire_put_probe(
		bytes, &h, GW_WIRE_PROBE, 0, (uint32_t)(w->now_ns >> GW_WIRE_TS_SHIFT));

	gw_tx_path_sent(p, &r);
	fly(w, worker, c, false, bytes, (uint32_t)gw_wire_seal(bytes, len, &h));
}

static bool timer(struct world *w, uint32_t worker, uint32_t c)
{
	struct owner o = {w, worker};
	struct link *l = &w->link[worker][c];

	if (l->down) {
		l->down = w->now_ns < l->black_ns;
		return !l->down;
	}
	if (w->deaths && random_below(&w->r, 3000) == 0)
		l->black_ns = w->now_ns + 100 * MS;
	switch (gw_tx_path_timer(&l->tx, w->now_ns, settle, &o)) {
	case GW_TX_SEND_PROBE:
		probe(w, worker, c);
		return true;
	case GW_TX_DEAD:
		l->down = true;
		gw_tx_path_fail(&l->tx, settle, &o);
		gw_take_return(&w->src, &w->take[worker][c], worker);
		return true;
	default:
		return false;
	}
}

static bool acks(struct world *w, uint32_t worker, uint32_t c)
{
	struct gw_rx_path *rx = &w->link[worker][c].rx;
	struct gw_wire_head h = {.path = 1, .key_id = 2, .flags = GW_WIRE_CRC32C};
	struct gw_wire_ack_body a;
	uint8_t bytes[256];
	size_t len;

	if (!gw_rx_path_ack_due(rx, w->now_ns))
		return false;
	h.psn = gw_rx_path_ack(rx, w->now_ns, &a);
	len = gw_wire_put_ack(bytes, &h, &a);
	fly(w, worker, c, true, bytes, (uint32_t)gw_wire_seal(bytes, len, &h));
	return true;
}

static void apply(struct world *w, const struct flight *f, const struct gw_wire_packet *p)
{
	struct gw_rx_path *rx = &w->link[f->w][f->c].rx;

	if (gw_rx_path_check(rx, p->psn) != GW_RX_NEW) {
		rx->ack_now = true;
		return;
	}
	if (p->type == GW_WIRE_DATA) {
		if (w->breach == OLDER_WINS && p->data.encoding == GW_WIRE_RAW)
			w->sink.stamp[(p->data.region == A_ID ? 0 : B_FIRST) + p->data.page] &=
				0x8000;
		if (gw_sink_apply(&w->sink, f->c, p) != GW_APPLY_DONE)
			w->bad = "a packet of the right core was refused";
	}
	gw_rx_path_applied(rx, p->psn,
		p->type == GW_WIRE_DATA ? p->data.timestamp : p->probe.timestamp, f->len + 42,
		w->now_ns);
	if (p->type == GW_WIRE_PROBE)
		gw_rx_path_probed(rx);
}

/* Copies of an ACK are refused, and nothing else. */
static void take_ack(
	struct world *w, struct gw_tx_path *p, const struct gw_wire_packet *ack, struct owner *o)
{
	uint64_t repeats = p->fault[GW_TX_ACK_REPEAT];

	if (!gw_tx_path_acked(p, ack, w->now_ns, settle, o) &&
		p->fault[GW_TX_ACK_REPEAT] == repeats)
		w->bad = "an ACK was refused";
}

static bool deliver(struct world *w, bool at_once)
{
	uint32_t i = random_below(&w->r, FLIGHTS), n;
	struct owner o = {w, 0};
	struct gw_wire_packet p;
	struct flight *f = NULL;

	for (n = 0; n < FLIGHTS; n++, i = (i + 1) % FLIGHTS) {
		f = &w->flight[i];
		if (f->used && (at_once || f->at_ns <= w->now_ns))
			break;
	}
	if (n == FLIGHTS)
		return false;
	f->used = false;
	o.worker = f->w;
	if (gw_wire_decode(f->bytes, f->len, true, &p) != GW_WIRE_OK)
		return true; /* damaged */
	if (!f->back)
		apply(w, f, &p);
	else
		take_ack(w, &w->link[f->w][f->c].tx, &p, &o);
	return true;
}

/* -- one run -- */

static void setup(struct world *w, uint64_t seed, enum breach breach)
{
	struct gw_space regions[2] = {0};
	struct flight *flight = w->flight;
	uint8_t *from = w->from, *to = w->to;

	memset(w, 0, sizeof(*w));
	w->flight = flight;
	for (uint32_t i = 0; i < FLIGHTS; i++)
		flight[i].used = false;
	w->r.state = seed;
	w->breach = breach;
	w->from = from;
	w->to = to;
	w->now_ns = 1000 * (uint64_t)MS;
	w->n_cores = 1 + random_below(&w->r, CORES);
	w->loss = random_below(&w->r, 3) * 8;
	if (breach == NO_RESEND_MARK)
		w->loss = 16;
	w->deaths = random_chance(&w->r, 25);
	w->write_weight = random_below(&w->r, 25);
	w->epochs = 2 + random_below(&w->r, 5);
	for (uint32_t i = 0; i < WORKERS; i++) {
		w->max_pages[i] = random_below(&w->r, 3);
		w->quarters[i] = random_chance(&w->r, 50);
	}
	for (uint32_t k = 0; k < 2; k++) {
		uint8_t *base = k == 0 ? from : to;

		gw_space_add(&regions[k], A_ID, base, A_PAGES);
		gw_space_add(&regions[k], B_ID, base + A_PAGES * PAGE, B_PAGES);
	}
	if (gw_source_init(&w->src, &regions[0], STATE_PAGES, w->n_cores) != 0 ||
		gw_sink_init(&w->sink, &regions[1], STATE_PAGES, w->n_cores) != 0)
		abort();
	w->src.ring[0] = (struct gw_ring_reader){
		.ring = (struct gw_export_ring *)w->ring_memory, .mask = RING_ENTRIES - 1};
	w->src.n_rings = 1;
	for (uint32_t i = 0; i < WORKERS; i++) {
		for (uint32_t c = 0; c < w->n_cores; c++) {
			uint64_t room = 20000 + random_below(&w->r, 400000);

			if (gw_tx_path_init(&w->link[i][c].tx, 0, room) != 0)
				abort();
			gw_rx_path_init(&w->link[i][c].rx, room);
		}
	}
	for (uint32_t i = 0; i < HOT; i++) {
		uint8_t *page = memory_of(w->from, hot[i]);

		memset(memory_of(w->to, hot[i]), 0, PAGE);
		memset(page, 0, PAGE);
		if (random_chance(&w->r, 30))
			continue; /* a hole */
		gw_bitmap_clear(w->src.hole, hot[i]);
		for (uint32_t at = 0; at < PAGE && i % 5 != 0; at += 1000)
			random_fill(&w->r, page + at, 16);
	}
	gw_bitmap_set_range(w->src.next, 0, A_PAGES);
	gw_bitmap_set_range(w->src.next, B_FIRST, B_PAGES);
	open_epoch(w);
}

static void step(struct world *w, uint32_t *quiet)
{
	uint32_t worker = random_below(&w->r, WORKERS), c = random_below(&w->r, w->n_cores);
	uint32_t what = random_below(&w->r, 100 + w->write_weight);
	bool busy = false;

	w->now_ns += random_below(&w->r, 2 * US);
	if (what < 35)
		busy = work(w, worker, c) || copy(w, worker, c);
	else if (what < 70)
		busy = deliver(w, false);
	else if (what < 82)
		busy = acks(w, worker, c);
	else if (what < 88)
		busy = timer(w, worker, c);
	else if (what < 91)
		harvest(w);
	else if (what < 94)
		drain(w);
	else if (what < 96)
		arm_late(w);
	else if (what < 100)
		busy = control(w);
	else if (!w->paused)
		guest_write(w);
	if (what == 95)
		put_back_late(w);
	if (what == 96)
		look_at_next(w);
	if (what == 98)
		defer_early(w);
	*quiet = busy ? 0 : *quiet + 1;
	/* Nothing happens any more: on to the next timeout. */
	if (*quiet > 60)
		w->now_ns += (uint64_t)US << (*quiet / 60 < 12 ? *quiet / 60 : 12);
}

static bool untouched(const struct world *w)
{
	uint32_t next = 0;

	for (uint32_t page = 0; page < A_PAGES + B_PAGES; page++) {
		uint32_t flat = page < A_PAGES ? page : page - A_PAGES + B_FIRST;

		if (next < HOT && hot[next] == flat) {
			next++;
			continue;
		}
		for (uint32_t i = 0; i < PAGE; i += 8)
			if (*(const uint64_t *)(const void *)(w->to + (uint64_t)page * PAGE + i) !=
				0)
				return false;
	}
	return true;
}

/* Returns whether a page is stale at the end; NULL in w->bad: all else was as it must be. */
static bool run(struct world *w, uint64_t seed, enum breach breach)
{
	uint32_t quiet = 0, steps = 0;
	bool stale = false;

	setup(w, seed, breach);
	while (!w->done && w->bad == NULL) {
		step(w, &quiet);
		if (++steps > STEPS_MAX)
			w->bad = "stuck";
	}
	/* Copies that are still under way change nothing, or are fenced off. */
	if (random_chance(&w->r, 50))
		while (deliver(w, true))
			;
	for (uint32_t i = 0; i < HOT && w->done; i++)
		stale |= memcmp(memory_of(w->from, hot[i]), memory_of(w->to, hot[i]), PAGE) != 0;
	if (breach == NONE && seed % 32 == 0 && !untouched(w))
		w->bad = "a page that nobody wrote was touched";
	for (uint32_t i = 0; i < WORKERS; i++)
		for (uint32_t c = 0; c < w->n_cores; c++)
			gw_tx_path_release(&w->link[i][c].tx);
	gw_source_release(&w->src);
	gw_sink_release(&w->sink);
	return stale;
}

static struct world *create(void)
{
	struct world *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	size_t bytes = (size_t)2 * (A_PAGES + B_PAGES) * PAGE;

	memset(w, 0, sizeof(*w));
	w->from = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->from == MAP_FAILED)
		abort();
	w->to = w->from + bytes / 2;
	w->flight = calloc(FLIGHTS, sizeof(*w->flight));
	if (w->flight == NULL)
		abort();
	return w;
}

static void destroy(struct world *w)
{
	munmap(w->from, (size_t)2 * (A_PAGES + B_PAGES) * PAGE);
	free(w->flight);
	free(w);
}

static uint32_t runs(void)
{
	const char *text = getenv("GW_RUNS");

	return text != NULL ? (uint32_t)strtoul(text, NULL, 0) : 2000;
}

static void test_rules(void)
{
	uint64_t seed = random_seed("page rules"), lost = 0, zero_runs = 0, packets = 0;
	uint64_t copies = 0, covered = 0, deferred = 0;
	struct world *w = create();

	for (uint32_t i = 0; i < runs(); i++) {
		bool stale = run(w, seed + i, NONE);

		lost += w->lost;
		zero_runs += w->zero_runs;
		packets += w->packets;
		copies += w->copies;
		covered += w->covered;
		deferred += w->src.tally[0].deferred_pages + w->src.tally[1].deferred_pages;
		if (!stale && w->bad == NULL)
			continue;
		printf("\n    GW_SEED=%llu GW_RUNS=1: %s", (unsigned long long)(seed + i),
			w->bad != NULL ? w->bad : "a page is stale");
		CU_FAIL("page rules");
		break;
	}
	printf("\n    %llu packets, %llu lost, %llu duplicated, %llu of these settled the "
	       "original, %llu pages left to the next epoch ",
		(unsigned long long)packets, (unsigned long long)lost, (unsigned long long)copies,
		(unsigned long long)covered, (unsigned long long)deferred);
	CU_ASSERT(deferred > runs() / 100);
	CU_ASSERT(covered > runs() / 100);
	CU_ASSERT(lost > runs());
	CU_ASSERT(zero_runs > 0);
	destroy(w);
}

/* Each breach leaves a stale page within so many runs. */
static void test_breaches(void)
{
	static const char *const name[BREACHES] = {
		[ONE_BITMAP] = "one bitmap for both",
		[LABEL_AFTER_MERGE] = "label published after the merge",
		[LABEL_BEFORE_CLAIM] = "label read before the claim",
		[SETTLED_FIRST] = "settled before put back",
		[OLDER_WINS] = "older wins",
		[LATE_ARM] = "armed after the harvest",
		[NO_RESEND_MARK] = "zero page after a loss not sent again",
		[DEFER_EARLY] = "left to the next epoch before the claim",
		[NO_HOLE_PASS] = "no hole pass",
		[COPY_RUNNING] = "duplicates while the guest runs",
		[COPY_IS_SETTLED] = "a duplicate settles when it is sent",
	};
	struct world *w = create();

	for (int breach = NONE + 1; breach < BREACHES; breach++) {
		uint32_t i = 0;

		while (i < 3000 && !run(w, 1 + i, (enum breach)breach))
			i++;
		printf("\n    %s: stale in run %u ", name[breach], i);
		if (i == 3000)
			CU_FAIL("a breach was not found");
	}
	destroy(w);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"rules", test_rules},
		{"breaches", test_breaches},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"page rules", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
