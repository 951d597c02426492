/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A poll worker: one lcore that owns its (port, queue) pairs for both directions, the paths on
 * them, and its share of every stream. Only the worker touches what is here, except where a field
 * says otherwise.
 */
#pragma once

#include "base/histogram.h"
#include "base/spsc.h"
#include "crypto/path_keys.h"
#include "dataplane.h"
#include "path/mtu.h"
#include "path/rx_path.h"
#include "path/tx_path.h"
#include "port/frame.h"
#include "port/port.h"
#include "stream/share.h"
#include "stream/sink.h"
#include "stream/source.h"
#include "stream/take.h"

/* Over DPDK, or the simulator's: the include path chooses. */
#include "packet.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_BURST 32u
#define GW_QUEUES (GW_DP_MAX_PORTS * 4u) /* (port, queue) pairs of one worker */

struct gw_worker;
struct gw_dp_link;
struct rte_rcu_qsbr;

/* A (port, queue) pair. Counters: the worker writes, control reads. */
struct gw_queue {
	struct gw_port *port;
	uint16_t port_index, queue;
	uint16_t n_held;  /* packets that the driver did not take; while there are any, no new work
			     is pulled */
	uint16_t n_paths; /* outgoing paths on this queue */
	uint16_t next_path;
	struct gw_path_out *path[GW_DP_MAX_PATHS];
	struct gw_share share; /* of this worker's sources, by slot */
	gw_packet *held[GW_BURST];
	uint64_t report_ns; /* the next report of the port's group falls due, there too */
	uint64_t answer_ns; /* the next answer to a neighbour falls due, see worker_neighbor.c */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, payload_bytes, lost_packets,
		resent_pages;
	struct gw_histogram
		rtt; /* of its paths, one sample per ACK, in units of 1 << GW_WIRE_TS_SHIFT ns */
};

enum gw_path_state {
	GW_PATH_RESOLVE, /* the next hop's MAC is not known */
	GW_PATH_PROBE,   /* looking for a UDP port that reaches the wanted core */
	GW_PATH_UP,
	GW_PATH_SPENT, /* its packet numbers are used up: it is never used again */
};

/* The sending end of a path. */
struct gw_path_out {
	struct gw_tx_path tx;
	struct gw_queue *queue;
	struct gw_neighbor *hop;
	struct gw_dp_link *link;
	struct gw_frame_template frame;
	struct gw_path_keys *keys; /* NULL: in the clear */
	struct gw_ip peer_ip;
	uint32_t key_id, mtu;
	uint16_t core, slot, peer_slot, worker;
	uint16_t udp_port;
	uint16_t wrong_core;    /* candidates that reached another core */
	uint64_t port_since_ns; /* when udp_port became the candidate */
	uint64_t port_psn;   /* the first number sent with it: earlier probes say nothing of it */
	uint64_t astray_psn; /* a worker that does not own the path got the reply to the probe
				before this number; it writes */
	uint8_t max_pages;   /* per packet; 0: a page takes fragments: */
	uint8_t first_fragment, n_fragments;
	bool books_asked; /* larger books are on their way */
	uint64_t empty;   /* a bit per source slot: the last look found no page for this path */
	uint64_t next_probe_ns;
	uint64_t n_down;
	struct gw_mtu mtu_test;
	uint64_t mtu_lost; /* lost packets when a size was suspected last */
	/* control reads these */
	_Alignas(64) uint32_t state;
	uint64_t pub_srtt_ns, pub_last_ack_ns, pub_acked_bytes, pub_changed_ns;
	uint32_t pub_mtu; /* what the path carries, as far as is known */
};

/* The receiving end. */
struct gw_path_in {
	struct gw_rx_path rx;
	struct gw_queue *queue;
	struct gw_dp_link *link;
	struct gw_frame_template frame; /* back to the sender, as its last probe said */
	struct gw_path_keys *keys;      /* NULL: in the clear */
	bool known;                     /* a probe told where the sender is */
	struct gw_ip peer_ip;
	uint32_t key_id;
	uint16_t core, slot, peer_slot, worker;
};

/* Named drops and defects; packets in minus packets used is their sum. From rx_ack_unsent to
 * loss_spurious in the order of enum gw_tx_fault. */
#define GW_DROPS(X)           \
	X(rx_not_ours)        \
	X(rx_invalid_frame)   \
	X(rx_chained)         \
	X(rx_no_path)         \
	X(rx_wrong_core)      \
	X(rx_bad_key)         \
	X(rx_bad_source)      \
	X(rx_stale_key)       \
	X(rx_forged)          \
	X(rx_late_reply)      \
	X(rx_duplicate)       \
	X(rx_old_psn)         \
	X(rx_no_stream)       \
	X(rx_bad_region)      \
	X(rx_bad_page)        \
	X(rx_wrong_owner)     \
	X(rx_unexpected_type) \
	X(rx_arp_flood)       \
	X(rx_ndp_flood)       \
	X(rx_ack_unsent)      \
	X(rx_ack_repeat)      \
	X(rx_ack_old)         \
	X(rx_ack_credit_back) \
	X(rx_ack_ecn_back)    \
	X(loss_spurious) X(tail_copy) X(tx_no_mbuf) X(tx_ack_dropped) X(path_down)
enum gw_drop {
#define X(name) GW_DROP_##name,
	GW_DROPS(X)
#undef X
		GW_DROP_WIRE, /* then one per enum gw_wire_error */
	GW_DROP_COUNT = GW_DROP_WIRE + GW_WIRE_ERRORS
};
_Static_assert(
	(int)GW_DROP_loss_spurious == (int)GW_DROP_rx_ack_unsent + (int)GW_TX_SPURIOUS, "faults");
const char *gw_drop_name(unsigned int drop);

enum gw_command {
	GW_CMD_ADD_LINK = 1,
	GW_CMD_DEL_LINK,
	GW_CMD_ADD_SOURCE,
	GW_CMD_WEIGH_SOURCE, /* value: weight */
	GW_CMD_DEL_SOURCE,
	GW_CMD_DRAIN_TO,
	GW_CMD_OPEN,
	GW_CMD_ADD_SINK,
	GW_CMD_DEL_SINK,
	GW_CMD_ADD_BOUND,
	GW_CMD_DEL_BOUND,
	GW_CMD_KEYS,  /* object: struct gw_generation, NULL: ask again; value: gw_keys_value() */
	GW_CMD_BOOKS, /* larger books for the path in slot `value`; object: struct gw_tx_books */
	GW_CMD_STOP,
};

/* Events that stay inside the data plane, beside enum gw_dp_event_type. */
enum {
	GW_EVENT_LINK_GONE = 100,
	GW_EVENT_SOURCE_HALF_CLOSED,
	GW_EVENT_BOOKS_SHORT, /* object: the path, which may be gone by now; value: its slot */
	GW_EVENT_PATH_MTU,    /* object: the path, which may be gone; value: its slot */
	GW_EVENT_BOOKS_BACK,  /* object: books that are no longer used */
	GW_EVENT_KEYS_SHORT,  /* object: the path, which may be gone; value: gw_keys_value() */
	GW_EVENT_KEYS_BACK,   /* object: struct gw_generation that is no longer used */
};

/* Which keys are meant: of the path in a slot, outgoing or incoming, and which generation. */
static inline uint64_t gw_keys_value(uint16_t slot, bool incoming, uint64_t number)
{
	return number << 17 | (uint64_t)incoming << 16 | slot;
}

static inline uint32_t gw_keys_slot(uint64_t value)
{
	return value & UINT16_MAX;
}

static inline bool gw_keys_incoming(uint64_t value)
{
	return value >> 16 & 1;
}

static inline uint64_t gw_keys_number(uint64_t value)
{
	return value >> 17;
}

struct gw_worker_source {
	struct gw_dp_source *source;
	struct gw_take *take; /* one per destination core, made by control */
};

/* Where a worker's time goes, in TSC cycles. The worker writes, control reads. */
struct gw_worker_meter {
	uint64_t pass_tsc; /* when the pass under way began */
	uint32_t pass_work;
	uint64_t passes, busy_passes; /* busy: work was found */
	uint64_t busy_cycles;         /* of busy passes, without those counted as away */
	uint64_t away_cycles; /* of busy passes too long for any work: something else had the CPU */
};

struct gw_worker {
	struct gw_dp *dp;
	uint32_t index, lcore;
	uint32_t n_queues;
	struct gw_queue queue[GW_QUEUES];
	gw_packet_pool *rx_pool, *tx_pool;
	gw_packet_pool *ram_pool; /* buffers without room of their own, for zero copy; NULL: no
					 port does it */
	/* Of all guest RAM that this worker has in packets. Its count starts at 1 and so never
	 * reaches 0: nothing is freed by a packet, the RAM stays mapped until its source was closed
	 * on every worker. */
	gw_packet_ram ram_shinfo;
	gw_packet *stash[GW_BURST]; /* allocated ahead, so that no page is taken without a buffer */
	uint32_t n_stash;
	struct gw_path_out *out[GW_DP_MAX_PATHS]; /* by slot; only this worker's */
	struct gw_path_in *in[GW_DP_MAX_PATHS];
	uint16_t out_slots[GW_DP_MAX_PATHS], in_slots[GW_DP_MAX_PATHS];
	uint32_t n_out, n_in;
	struct gw_worker_source source[GW_DP_MAX_STREAMS]; /* by slot */
	uint8_t source_slots[GW_DP_MAX_STREAMS];
	uint32_t n_sources;
	struct gw_dp_sink *sink[GW_DP_MAX_STREAMS];
	struct gw_dp_bound *bound; /* while set, the worker moves bytes without the protocol */
	uint8_t *scratch;          /* GW_WORKER_ROOM: a chained frame made whole */
	uint8_t *opened;           /* the same: a sealed frame that came in, opened */
	uint8_t *composed;         /* the same: a packet that is to be sealed */
	uint64_t next_timer_ns;
	uint64_t idle_since_ns;
	struct rte_rcu_qsbr *grace; /* port/grace.h */
	bool stop;
	int tid;                                   /* control reads it */
	_Alignas(64) uint64_t drop[GW_DROP_COUNT]; /* control reads */
	_Alignas(64) struct gw_worker_meter meter;
	_Alignas(64) uint32_t napping; /* a futex: 1 while the worker sleeps; control wakes it */
	_Alignas(64) struct gw_spsc commands; /* control -> worker */
	struct gw_spsc events;                /* worker -> control */
};

/* The worker's memory for one packet each, in one piece of so many bytes, at a cache line. */
#define GW_WORKER_ROOM 16384u
#define GW_WORKER_MEMORY (3 * GW_WORKER_ROOM)
static inline void gw_worker_use_memory(struct gw_worker *w, uint8_t *memory)
{
	w->scratch = memory;
	w->opened = memory + GW_WORKER_ROOM;
	w->composed = memory + 2 * GW_WORKER_ROOM;
}

/* worker_loop.c: the lcore's main function; arg is the worker. */
int gw_worker_main(void *arg);
/* worker.c: one round of everything that a worker does. Work done; 0: nothing. */
uint32_t gw_worker_step(struct gw_worker *w, uint64_t now_ns);

/* The port carries nothing now: its link is down, or it was taken out of service. */
static inline uint32_t gw_queue_down(const struct gw_queue *q)
{
	return __atomic_load_n(&q->port->down, __ATOMIC_ACQUIRE);
}

static inline void gw_drop(struct gw_worker *w, unsigned int drop)
{
	__atomic_store_n(&w->drop[drop], w->drop[drop] + 1, __ATOMIC_RELAXED);
}

static inline void gw_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* worker_rx.c: takes a burst from a queue; packets received. */
uint32_t gw_worker_rx(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns);
/* worker_tx.c: pulls pages into a queue's packets; packets sent. gw_worker_send() gives whole
 * frames to the driver and holds what it does not take; gw_worker_send_now() is for small control
 * packets that may be dropped instead. */
uint32_t gw_worker_tx(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns);
/* worker_copy.c: duplicates at the tail, see tx_path.h. */
struct gw_copy {
	struct gw_path_out *of; /* the path that carries the original */
	const struct gw_tx_record *record;
	uint64_t psn;
	struct gw_dp_source *source;
};
/* Whether a source is in its last epochs: only then something is copied. */
bool gw_copy_wanted(const struct gw_worker *w);
/* The next packet that p may repeat; it is marked as copied. */
bool gw_copy_pick(struct gw_worker *w, struct gw_path_out *p, struct gw_copy *c, uint64_t now_ns);
/* Drops what the drivers have not taken: it may point into guest RAM that is about to go. Loss
 * detection does the rest. */
void gw_worker_drop_held(struct gw_worker *w);
void gw_queue_drop_held(struct gw_queue *q);
void gw_worker_send_now(struct gw_worker *w, struct gw_queue *q, gw_packet *m, uint64_t now_ns);
/* worker_path.c: ACKs that are due, path timers, probes, failover. */
void gw_worker_acks(struct gw_worker *w, uint64_t now_ns);
void gw_worker_timers(struct gw_worker *w, uint64_t now_ns);
/* Packets of the path take what `mtu` bytes of IP carry. */
void gw_path_use_mtu(struct gw_path_out *p, uint32_t mtu, uint8_t flags);
void gw_path_settle(void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost);
void gw_path_reply(struct gw_worker *w, struct gw_path_out *p, const struct gw_wire_packet *reply,
	uint64_t now_ns);
/* Before packet i of n that came in over the queue is looked at. Of the next one as much is fetched
 * as a core waits for at a time. */
#define GW_REACH_BYTES 1536u
static inline void gw_queue_reach(
	const struct gw_queue *q, gw_packet *const *m, uint16_t i, uint16_t n)
{
	if (q->port->owns_lines)
		gw_packet_own(m[i], m[i + 1 < n ? i + 1 : i]);
	else if (i + 1 < n)
		gw_packet_prefetch(m[i + 1], GW_REACH_BYTES);
}
/* Where a packet for this buffer is composed: in it, behind the frame's header, unless it is to be
 * sealed (crypto/sealed.h). */
static inline uint8_t *gw_worker_compose(
	struct gw_worker *w, gw_packet *m, uint32_t header, bool sealed)
{
	return sealed ? w->composed : gw_packet_data(m) + header;
}
/* Ends a small packet whose len bytes were composed: encrypts it where there is a key, or appends
 * what h asks for. Its length. */
size_t gw_worker_seal(struct gw_worker *w, gw_packet *m, uint32_t header, size_t len,
	const struct gw_wire_head *h, const struct gw_aead_key *key);
/* An empty packet of the transmit pool, or NULL (counted). */
gw_packet *gw_worker_small_packet(struct gw_worker *w);
/* worker_neighbor.c: tells switches what an IPv6 port listens to, asks who has the next hop's address,
 * hears the answer, and answers others. */
void gw_worker_report(struct gw_worker *w, struct gw_queue *q, uint64_t now_ns);
void gw_worker_ask(struct gw_worker *w, struct gw_path_out *p, uint64_t now_ns);
void gw_worker_rx_arp(
	struct gw_worker *w, struct gw_queue *q, const uint8_t *frame, uint64_t now_ns);
/* frame: as it was received, whoever may still write to it. */
void gw_worker_rx_ndp(struct gw_worker *w, struct gw_queue *q, const uint8_t *frame,
	uint32_t bytes, uint64_t now_ns);
/* worker_keys.c: asks control for the paths' next keys, and takes them. */
void gw_worker_keys(struct gw_worker *w);
void gw_worker_take_keys(struct gw_worker *w, struct gw_generation *g, uint64_t value);
/* worker_bound.c: a round without the protocol, while w->bound is set. Packets moved. */
uint32_t gw_worker_bound(struct gw_worker *w, uint64_t now_ns);
void gw_worker_bound_end(struct gw_worker *w);
/* worker_command.c: what control asked for. */
void gw_worker_commands(struct gw_worker *w);
void gw_worker_event(struct gw_worker *w, uint32_t type, void *object, uint64_t value);
/* The same for what may also be said later: false where control is behind. */
bool gw_worker_tell(struct gw_worker *w, uint32_t type, void *object, uint64_t value);
