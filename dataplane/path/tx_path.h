/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sending half of a path: packet numbers, what is outstanding, ACKs, loss detection, window and
 * credit. Pure: time comes in, settled packets go out through a callback. A poll worker alone owns
 * it.
 *
 * Loss: a packet is lost when one sent `reorder` packets later was acknowledged and it is older
 * than a smoothed RTT and `reorder_time` quarters of it (RFC 9002 section 6.1). Both thresholds
 * grow with each loss that was none, and shrink again when there was none for a while (as in RFC
 * 8985). The tail is covered by a probe timeout (RFC 9002 section 6.2): the probe's ACK shows what
 * is missing.
 *
 * Lost ACKs: each repeats the last 1024 packets. Where more than that passed between two that came,
 * what lies between counts as unknown, not as lost, for two timeouts, and a probe asks the
 * receiver for its older bits.
 */
#pragma once

#include "../wire/decode.h"
#include "rate.h"

#include <stdbool.h>
#include <stdint.h>

/* Books begin small and grow, see gw_tx_path_short(). Powers of two; as many runs as records. At
 * most 25 MiB of records: two bandwidth-delay products of 40 Gb/s and 150 ms at MTU 1500. */
#define GW_TX_RECORDS 4096u
#define GW_TX_RECORDS_MAX (1u << 20)
#define GW_TX_RUNS GW_TX_RECORDS
#define GW_TX_REORDER_MIN 3u
#define GW_TX_REORDER_MAX 512u
#define GW_TX_REORDER_TIME_MAX 8u
#define GW_TX_RTT_UNKNOWN_NS 333000000u /* before the first sample (RFC 9002 section 6.2.2) */
#define GW_TX_PTO_MIN_NS 10000000u
#define GW_TX_DEAD_MIN_NS 50000000u
#define GW_TX_NO_SOURCE 255u
/* Duplicates: of what is older than an eighth of the smoothed RTT, and this. */
#define GW_TX_COPY_AGE_NS 250000u
#define GW_TX_LOST_KEPT 64u /* losses that may still turn out to be spurious */

enum gw_tx_kind {
	GW_TX_PROBE,    /* carries no page */
	GW_TX_PAGES,    /* `count` neighbouring whole pages from `page` */
	GW_TX_FRAGMENT, /* one fragment of `page` */
	GW_TX_RUN_LIST, /* `count` runs from run ring position `page` */
	GW_TX_COPY, /* what number `page` (its low 32 bits) of the path in slot `count` carries */
};

enum gw_tx_state { GW_TX_FREE, GW_TX_OUT, GW_TX_ACKED, GW_TX_LOST };

/* What an ACK may do that it should not. */
enum gw_tx_fault {
	GW_TX_ACK_UNSENT,      /* acknowledges what was never sent: ignored */
	GW_TX_ACK_REPEAT,      /* came before: ignored */
	GW_TX_ACK_OLD,         /* overtaken by a newer one; its bits still count */
	GW_TX_ACK_CREDIT_BACK, /* takes credit back: it does not move */
	GW_TX_ACK_ECN_BACK,    /* takes CE marks back */
	GW_TX_SPURIOUS,        /* a packet that was declared lost arrived */
	GW_TX_FAULTS
};

struct gw_tx_run {
	uint32_t page, count;
};

/* What a packet carried: enough to put its pages back, since there is no retransmit buffer. */
struct gw_tx_record {
	uint64_t sent_ns;
	uint32_t page;
	uint16_t count;
	uint16_t wire_bytes; /* layer 2 */
	uint8_t kind;        /* enum gw_tx_kind */
	uint8_t state;       /* enum gw_tx_state; the path alone sets it */
	uint8_t source;      /* worker's source slot */
	uint8_t region;      /* index in the source's space */
	uint16_t label;      /* page rule 2 */
	uint8_t fragment;    /* its number on the wire; of a run list: the encoding */
	uint8_t copied;      /* a duplicate was sent, or will not be */
};
_Static_assert(sizeof(struct gw_tx_record) == 24, "records are walked in bursts");

/* The memory of a path's books: populated, made and freed by control, never by a poll core. */
struct gw_tx_books {
	uint32_t records;  /* and runs */
	size_t bytes;      /* of all */
	const void *owner; /* whom control made them for */
	struct gw_tx_record *record;
	struct gw_tx_run *run;
	struct gw_rate_mark *mark; /* one per GW_RATE_MARK_PACKETS records */
};

struct gw_tx_path {
	uint64_t next_psn;
	uint64_t psn_end;       /* from here on the keys are not made yet */
	uint64_t una;           /* oldest PSN that may be outstanding */
	uint64_t largest_acked; /* valid once any_acked */
	bool any_acked;
	uint32_t mask;               /* records, and runs, minus one */
	struct gw_tx_record *record; /* ring by PSN */
	struct gw_tx_run *run;       /* ring */
	struct gw_rate_mark *mark;   /* ring by PSN / GW_RATE_MARK_PACKETS */
	struct gw_tx_books *books;   /* what these three lie in */
	uint32_t run_head, run_tail; /* taken at head, released in PSN order at tail */
	uint64_t inflight_bytes;
	uint32_t inflight_packets;
	uint64_t spent_bytes; /* sent minus lost: compared with the receiver's absolute credit */
	uint64_t credit;      /* newest absolute credit */
	uint64_t copy_next;   /* packets before it were copied, or need not be */
	uint64_t copy_bytes;  /* of the duplicates in flight */
	struct gw_rate rate;
	uint64_t lost_unseen; /* bytes declared lost that the model has not heard of */
	uint32_t lost_unseen_packets;
	uint64_t srtt_ns;     /* 0: no sample yet */
	uint64_t last_ack_ns; /* newest progress; also set when the first packet goes out after
				 silence */
	uint64_t pto_sent_ns; /* when the last probe timeout fired */
	uint32_t pto_count;
	uint32_t reorder;               /* packets */
	uint32_t reorder_time;          /* in quarters of the smoothed RTT */
	uint64_t reorder_since_ns;      /* last change of both */
	uint64_t gap_first, gap_end;    /* packets that no ACK's bitmap covered: others were lost */
	bool ask;                       /* a probe shall bring the receiver's older bits */
	uint64_t ack_largest, ack_seen; /* newest ACK's own PSN, and bits of it and 63 older */
	uint32_t ecn_ce;                /* newest count of CE marks */
	uint64_t lost_psn[GW_TX_LOST_KEPT]; /* newest losses, a ring by lost_packets; UINT64_MAX:
					       done with */
	/* counters */
	uint64_t acked_bytes, lost_packets;
	uint64_t fault[GW_TX_FAULTS],
		told[GW_TX_FAULTS]; /* told: what the worker counted already */
	bool fault_news;
};

/* A packet left the books. lost: its pages must be set in *open* again before this returns (page
 * rule 3). */
typedef void (*gw_tx_settle)(
	void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost);

/* Empty books for `records` packets, a power of two of at most GW_TX_RECORDS_MAX. NULL: no memory.
 */
struct gw_tx_books *gw_tx_books_create(uint32_t records);
void gw_tx_books_free(struct gw_tx_books *b);

/* rate_bps: the port's cap, layer 1; 0: none. */
int gw_tx_path_init(struct gw_tx_path *p, uint64_t rate_bps, uint64_t initial_credit);
void gw_tx_path_release(struct gw_tx_path *p);

/* Moves what is booked into larger books, in one step of at most the old books' size; returns the
 * old ones. Where b is not larger, b itself comes back. */
struct gw_tx_books *gw_tx_path_grow(struct gw_tx_path *p, struct gw_tx_books *b);

/* Whether more than half of the books is in use: larger ones should be on their way. */
static inline bool gw_tx_path_short(const struct gw_tx_path *p)
{
	return (p->next_psn - p->una > p->mask / 2 || p->run_head - p->run_tail > p->mask / 2) &&
	       p->mask + 1 < GW_TX_RECORDS_MAX;
}

/* The numbers are used up, but for a few probes: the path must be made again, with a new key. */
static inline bool gw_tx_path_spent(const struct gw_tx_path *p)
{
	return p->next_psn >= GW_WIRE_PSN_MAX - 8;
}

/* Whether `more` further packets have room in the books. */
static inline bool gw_tx_path_room(const struct gw_tx_path *p, uint32_t more)
{
	return p->next_psn - p->una + more <= p->mask + 1;
}

/* Whether another packet may be sent: credit, room in the books, PSNs and keys left, window and
 * pacing. */
static inline bool gw_tx_path_open(struct gw_tx_path *p, uint64_t now_ns)
{
	return p->spent_bytes < p->credit && gw_tx_path_room(p, 9) && !gw_tx_path_spent(p) &&
	       p->next_psn + 9 <= p->psn_end && gw_rate_open(&p->rate, p->inflight_bytes, now_ns);
}

/* Runs that still fit; a run list takes them with gw_tx_path_push_run() just before
 * gw_tx_path_sent(). */
static inline uint32_t gw_tx_path_run_room(const struct gw_tx_path *p)
{
	return p->mask + 1 - (p->run_head - p->run_tail);
}

static inline void gw_tx_path_push_run(struct gw_tx_path *p, uint32_t page, uint32_t count)
{
	p->run[p->run_head++ & p->mask] = (struct gw_tx_run){page, count};
}

static inline const struct gw_tx_run *gw_tx_path_run(const struct gw_tx_path *p, uint32_t position)
{
	return &p->run[position & p->mask];
}

/* Books a packet with number next_psn; returns that number. r->sent_ns must be set. */
uint64_t gw_tx_path_sent(struct gw_tx_path *p, const struct gw_tx_record *r);

/* Uses up a number for a packet that is not booked. */
void gw_tx_path_skip(struct gw_tx_path *p);

/* Applies an ACK. False where it is ignored, see enum gw_tx_fault. */
bool gw_tx_path_acked(struct gw_tx_path *p, const struct gw_wire_packet *ack, uint64_t now_ns,
	gw_tx_settle settle, void *ctx);

/* A probe's REPLY came: its echo is a sample of the RTT, the first one of a new path. */
void gw_tx_path_replied(struct gw_tx_path *p, uint32_t echo, uint64_t now_ns);

/* What the clock asks for. */
enum gw_tx_due { GW_TX_NOTHING, GW_TX_SEND_PROBE, GW_TX_DEAD };
enum gw_tx_due gw_tx_path_timer(
	struct gw_tx_path *p, uint64_t now_ns, gw_tx_settle settle, void *ctx);

/*
 * Duplicates at an epoch's tail: a path that has nothing to do repeats, once, what has been
 * outstanding longest on any path of the same worker to the same core. The duplicate is a packet of
 * its own path, GW_TX_COPY in its books; pages are counted by the original alone. Settled first,
 * the original makes the duplicate nothing; acknowledged first, the duplicate settles the original.
 */
/* The oldest packet with pages that is old enough and was not copied; NULL: none, or not within a
 * bounded look. The caller sets ->copied when it has dealt with it. */
struct gw_tx_record *gw_tx_path_next_copy(struct gw_tx_path *p, uint64_t now_ns, uint64_t *psn);
/* The duplicate of the packet with these low bits of its number was acknowledged: settles it, if it
 * is still outstanding; it goes on as a packet without pages. */
bool gw_tx_path_covered(struct gw_tx_path *p, uint32_t psn_low, gw_tx_settle settle, void *ctx);

/* Everything outstanding is lost: the path died. */
void gw_tx_path_fail(struct gw_tx_path *p, gw_tx_settle settle, void *ctx);

/* Probe timeout: 2 srtt + the ACK delay, at least GW_TX_PTO_MIN_NS, doubled with each probe
 * unanswered. */
uint64_t gw_tx_path_pto_ns(const struct gw_tx_path *p);
