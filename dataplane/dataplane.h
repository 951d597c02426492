/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane's door: all that control may call. Poll workers run on their own lcores; calls
 * here only post commands and read counters, from the control thread, and never block. What a
 * worker did comes back as an event from gw_dp_poll_event(), which control calls on its timer (1 ms
 * in a session, 50 us while a guest waits for it).
 *
 * link    all paths from this host to one peer, shared by all sessions between them
 * stream  one VM's pages over a link: a source stream sends, a sink stream receives
 * label   the 16-bit epoch number on the wire: 1, 2, ... (0 is "nothing applied")
 */
#pragma once

#include "base/error.h"
#include "base/histogram.h"
#include "base/ip.h"
#include "export/ring.h"
#include "integrity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_DP_MAX_PORTS 16u
#define GW_DP_MAX_WORKERS 16u
#define GW_DP_DEVICE_BYTES 512u /* of a device string, its end included */
#define GW_DP_MAX_REGIONS 16u
#define GW_DP_MAX_PATHS 512u  /* per direction, whole process */
#define GW_DP_MAX_STREAMS 64u /* per direction, whole process */
#define GW_DP_STATE_REGION 255u
#define GW_DP_LABEL_MAX 65000u
#define GW_DP_WEIGHT_MAX 1000u
#define GW_DP_SECRET_BYTES 32u /* of a link that encrypts */

struct gw_dp_port_conf {
	const char *name;
	const char *device; /* PCI address or vdev devargs */
	struct gw_ip ip;
	uint8_t prefix;
	struct gw_ip gateway; /* of ip's family, or none */
	uint32_t mtu;
	uint64_t rate_bps; /* layer 1; 0: no cap */
	uint32_t queues;   /* 0: as many as workers */
	uint32_t rx_descriptors, tx_descriptors;
	bool standby; /* carries pages only to cores that no other port reaches */
};

struct gw_dp_conf {
	uint32_t control_cpu;
	uint32_t worker_cpu[GW_DP_MAX_WORKERS];
	uint32_t n_workers;
	uint32_t priority; /* of their threads and the one that creates: nice minus this, 0 to 20 */
	enum gw_dp_integrity integrity;
	bool zero_copy; /* transmit from guest RAM where the driver is safe for it and integrity is
			   none */
	uint32_t memory_mib;
	bool huge_pages;
	uint32_t idle_sleep_us; /* of a worker while there are no sessions */
	bool loop_back; /* ports send to themselves: by the driver's own loopback where it has one
			 */
	struct gw_dp_port_conf port[GW_DP_MAX_PORTS];
	uint32_t n_ports;
};

struct gw_dp;

/* Starts EAL, ports and workers (once per process). The calling thread becomes the main lcore,
 * pinned to control_cpu. */
int gw_dp_create(const struct gw_dp_conf *conf, struct gw_dp **out, struct gw_err *err);
void gw_dp_free(struct gw_dp **dp);
/* Capabilities (capabilities(7), a bit for each CAP_...) that the ports need as long as they run.
 */
uint64_t gw_dp_capabilities(const struct gw_dp *dp);

/* ---- ports ---- */
struct gw_dp_port_info {
	char name[32], driver[32], device[GW_DP_DEVICE_BYTES];
	uint8_t mac[6];
	struct gw_ip ip;
	uint8_t prefix;
	uint32_t mtu;
	bool link_up;
	bool stopped; /* by gw_dp_port_enable() */
	bool standby;
	uint64_t rate_bps;      /* the cap; 0: none */
	uint64_t line_rate_bps; /* what the link says, or the cap where that is lower */
	uint32_t queues;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* frames without FCS */
	uint64_t payload_bytes; /* guest bytes (raw pages) sent, re-sends included */
	uint64_t lost_packets,
		resent_pages; /* declared lost on this port's paths; pages put back by that */
};
uint32_t gw_dp_port_count(const struct gw_dp *dp);
void gw_dp_port_info(const struct gw_dp *dp, uint32_t port, struct gw_dp_port_info *info);
/* Takes a port out of service and back: stopped, it neither sends nor receives; what it has not had
 * acknowledged goes over the others at once. To the peer it is a port that fell silent. */
void gw_dp_port_enable(struct gw_dp *dp, uint32_t port, bool enabled);
/* Looks at the links of all ports and tells the workers: pages of a port whose link is down go back
 * to work at once. Call it every few milliseconds while there is a session. */
void gw_dp_watch_ports(struct gw_dp *dp);

/* Named drop counters of all workers: calls fn(ctx, name, count) for each that is not zero. */
void gw_dp_drops(
	const struct gw_dp *dp, void (*fn)(void *ctx, const char *name, uint64_t count), void *ctx);

/* Page faults taken on poll cores since start (a defect where it grows during a session). */
uint64_t gw_dp_worker_faults(const struct gw_dp *dp);

/* ---- links ---- */
/* One path as both control ends see it. The initiator (source of migrations) plans, the acceptor
 * fills its half. */
struct gw_dp_path {
	struct gw_ip source_ip, peer_ip; /* of the initiator's port, of the acceptor's port; of one
					    family */
	uint16_t core;           /* acceptor's worker that receives on it */
	uint16_t initiator_slot; /* goes into packets acceptor -> initiator */
	uint16_t acceptor_slot;  /* goes into packets initiator -> acceptor */
	uint32_t key_id;         /* random, both directions */
	uint32_t mtu;            /* smaller of both ports */
};

/* What a host tells a peer about itself. */
struct gw_dp_host {
	uint32_t n_ports;
	struct {
		struct gw_ip ip;
		uint8_t prefix;
		uint32_t mtu;
	} port[GW_DP_MAX_PORTS];
	uint32_t n_cores; /* workers that own chunks: reachable over every port */
	enum gw_dp_integrity integrity;
};
void gw_dp_host(const struct gw_dp *dp, struct gw_dp_host *host);

struct gw_dp_link;

/* Initiator: plans the paths to a peer and reserves slots. secret: GW_DP_SECRET_BYTES that both
 * ends and nobody else know, of this link alone; copied, wiped with the link; NULL where integrity
 * does not encrypt. -ENOTUNIQ (integrity differs), -ENETUNREACH (no port of ours reaches a port of
 * theirs), -EINVAL (no secret), -ENOSPC. The plan is read with gw_dp_link_paths() and sent to the
 * acceptor. */
int gw_dp_link_plan(struct gw_dp *dp, const struct gw_dp_host *peer, const uint8_t *secret,
	struct gw_dp_link **out, struct gw_err *err);
/* Acceptor: checks the proposed paths (untrusted), reserves slots and key ids, gives the paths to
 * the workers. secret: as above. */
int gw_dp_link_accept(struct gw_dp *dp, const struct gw_dp_path *proposed, uint32_t n,
	const uint8_t *secret, struct gw_dp_link **out, struct gw_err *err);
const struct gw_dp_path *gw_dp_link_paths(const struct gw_dp_link *link, uint32_t *n);
/* Initiator: the acceptor's answer (same order, its slots and key ids filled in; untrusted). Starts
 * probing. */
int gw_dp_link_start(
	struct gw_dp_link *link, const struct gw_dp_path *answer, uint32_t n, struct gw_err *err);

struct gw_dp_link_status {
	uint32_t paths, paths_up;
	bool ready;           /* every destination core is reached by a path that is up */
	uint64_t rtt_ns;      /* smallest smoothed RTT of the paths that are up; 0: unknown */
	uint64_t rate_bps;    /* sum of the caps of the ports that carry; 0 where one has no cap */
	uint64_t acked_bytes; /* cumulative layer-1 bytes acknowledged, all paths */
	uint64_t
		last_ack_ns; /* gw_now_ns() time of the newest acknowledgement, any path; 0: none */
};
void gw_dp_link_status(const struct gw_dp_link *link, struct gw_dp_link_status *status);
/* The initiator's paths by port. */
struct gw_dp_link_port {
	uint32_t paths, paths_up;
	uint64_t changed_ns; /* gw_now_ns() time when one of them last came up or went down; 0:
				never */
};
void gw_dp_link_ports(const struct gw_dp_link *link, struct gw_dp_link_port port[GW_DP_MAX_PORTS]);
/* A way on which packets of the MTU of both its ends do not arrive: something between them is set
 * to less. */
struct gw_dp_mtu_finding {
	char port[32];    /* ours */
	struct gw_ip peer_ip;
	uint32_t mtu;     /* of both ends */
	uint32_t carried; /* largest tested size that arrives */
};
/* At most max of them, one per way; how many. Outgoing paths only. */
uint32_t gw_dp_link_mtu_findings(
	const struct gw_dp_link *link, struct gw_dp_mtu_finding *out, uint32_t max);
#define GW_DP_MTU_TEXT 192
/* For people: the way, what does not arrive, and what to do. */
void gw_dp_mtu_finding_text(const struct gw_dp_mtu_finding *f, char text[GW_DP_MTU_TEXT]);
/* Takes the paths from the workers and frees the link when they let go. Its streams must be closed
 * before. */
void gw_dp_link_free(struct gw_dp_link **link);

/* ---- guest memory ---- */
struct gw_ram; /* mapped regions of one VM, page faults on vanished files survived (the stream is
		  then broken) */
struct gw_ram_region {
	uint8_t id;
	uint64_t size, file_offset; /* bytes */
	int fd;                     /* borrowed; duplicated */
};
int gw_ram_map(const struct gw_ram_region *region, uint32_t n, bool writable, struct gw_ram **out,
	struct gw_err *err);
void gw_ram_free(struct gw_ram **ram);
bool gw_ram_broken(const struct gw_ram *ram); /* a file shrank under the mapping */
uint32_t gw_ram_regions(const struct gw_ram *ram);
/* Base address and pages of the n-th region. */
void *gw_ram_region(const struct gw_ram *ram, uint32_t n, uint8_t *id, uint64_t *pages);

/* Walks the data extents of pages [first, first + count) of region n (count is cut to the region)
 * by SEEK_DATA/SEEK_HOLE. For helper threads. fn returns non-zero to stop; that value is returned.
 * 0, or a negative errno. */
int gw_ram_extents(const struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count,
	int (*fn)(void *ctx, uint64_t first, uint64_t count), void *ctx);
/* The same for pages that this process has not in its page tables: never touched here, or given
 * back to the file since, or swapped out. A tenth of what looking for holes costs (PAGEMAP_SCAN;
 * where the kernel has none, before 6.7, all pages). */
int gw_ram_unmapped(const struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count,
	int (*fn)(void *ctx, uint64_t first, uint64_t count), void *ctx);
/* Whether no file holds any data: all memory reads as zero. */
bool gw_ram_empty(const struct gw_ram *ram);
/* Gives pages back to the file (they read as zero and are holes). */
int gw_ram_punch(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count);
/* All of them; what cannot be given back does not keep the rest from it. */
int gw_ram_punch_all(struct gw_ram *ram);
/* Faults pages in, writable where the mapping is, on the calling (helper) thread. Where it is
 * writable, 512 pages that are populated together become a huge page if the kernel has one
 * (MADV_COLLAPSE, Linux 6.1): whoever maps the file has fewer faults and TLB misses from then on.
 */
int gw_ram_populate(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count);
/* The same where the files have most of the pages already: a third of the time. */
int gw_ram_populate_data(struct gw_ram *ram, uint32_t n, uint64_t first, uint64_t count);
/* From now on pages are left as small as they are. */
void gw_ram_small_pages(struct gw_ram *ram);

/* ---- streams ---- */
struct gw_dp_source; /* sends one VM */
struct gw_dp_sink;   /* receives one VM */

struct gw_dp_source_conf {
	struct gw_dp_link *link;
	struct gw_ram *ram; /* borrowed until the stream is freed */
	uint16_t stream;    /* the acceptor's number for it */
	const struct gw_ring_reader *ring;
	uint32_t n_rings;
	uint32_t state_limit_mib; /* size of the device-state pseudo-region */
	uint32_t weight;   /* 1..GW_DP_WEIGHT_MAX: its share of a port that others want too */
	uint64_t rate_bps; /* cap at layer 1 over all ports together; 0: none */
	void *ctx;         /* comes back with events */
};
/* Starts draining rings at once. Nothing is sent until a label is opened. */
int gw_dp_source_create(struct gw_dp *dp, const struct gw_dp_source_conf *conf,
	struct gw_dp_source **out, struct gw_err *err);
/* Weight and cap, changed in flight. */
void gw_dp_source_weigh(struct gw_dp_source *s, uint32_t weight);
void gw_dp_source_rate(struct gw_dp_source *s, uint64_t rate_bps);
/* Epoch 0's work: all pages, with the extents that are data (gw_ram_extents after tracking
 * started). Calls: first mark data extents (helper thread allowed, before the first
 * gw_dp_source_open), the rest counts as holes. Poll cores do not fault where pages are populated
 * before gw_dp_source_limit() lets them out. */
void gw_dp_source_mark_data(
	struct gw_dp_source *s, uint32_t region_index, uint64_t first, uint64_t count);
void gw_dp_source_mark_all(struct gw_dp_source *s); /* every page of every region into *next* */
/* After pause, helper threads, before the final open: pages that were data and are holes now go
 * into *next* as holes; so do pages that may have been holes in between, as data. The threads of a
 * search share *slice, 0 at its begin: each takes slices until there are none. Returns the number
 * of pages that the caller found, or a negative errno. */
int64_t gw_dp_source_find_holes(struct gw_dp_source *s, uint64_t *slice);
#define GW_DP_HOLE_SLICE_BYTES (128u << 20) /* at most; some 0.1 ms where its pages are small */
uint64_t gw_dp_source_hole_slices(const struct gw_dp_source *s); /* that a search has */
/* The search is over: nothing is given back any more, and a page that was read may be read again.
 */
void gw_dp_source_still(struct gw_dp_source *s);
/* Drain every ring to heads[], then event DRAINED. */
int gw_dp_source_drain_to(struct gw_dp_source *s, const uint64_t *heads, uint32_t n);
/* Publishes label, merges *next* into *open*; event OPENED with the pages that are open. Page
 * rule 1. */
int gw_dp_source_open(struct gw_dp_source *s, uint16_t label);
/* Epoch 0 takes pages of region_index below `pages` only (ascending marks; starts at 0 where
 * limited is set). */
void gw_dp_source_limit(struct gw_dp_source *s, uint32_t region_index, uint64_t pages);
/* Device state, memory of gw_secret_alloc(): taken over (*state is then NULL); its pages join the
 * current label. */
int gw_dp_source_state(struct gw_dp_source *s, uint8_t **state, uint64_t size, struct gw_err *err);
/* Page rule 3's test: no bit set in open, none in hand, none outstanding. Cheap enough for each
 * event. */
bool gw_dp_source_idle(const struct gw_dp_source *s);

struct gw_dp_source_stats {
	uint64_t open_pages; /* bits set in open and not in next (counted by this call) */
	uint64_t next_pages; /* bits set in next */
	uint64_t pages, zero_pages, hole_pages,
		resent_pages;                /* sent, cumulative; pages counts data pages */
	uint64_t deferred_pages;             /* taken and left to the next epoch, cumulative */
	uint64_t wire_bytes;                 /* layer 2 bytes of packets that carried them */
	uint64_t dirty_entries, bad_entries; /* from the rings */
	uint64_t dirty_pages;                /* run pages popped from the rings, cumulative */
};
void gw_dp_source_stats(const struct gw_dp_source *s, struct gw_dp_source_stats *stats);
/* Takes the stream from the workers; event SOURCE_CLOSED, then gw_dp_source_free(). */
void gw_dp_source_close(struct gw_dp_source *s);
void gw_dp_source_free(struct gw_dp_source **s);

struct gw_dp_sink_conf {
	struct gw_dp_link *link; /* accepted */
	struct gw_ram *ram;      /* writable; zero but for what gw_dp_sink_keep() tells; borrowed
				    until the stream is freed */
	uint32_t state_limit_mib;
	void *ctx;
};
/* Chooses the stream number. */
int gw_dp_sink_create(struct gw_dp *dp, const struct gw_dp_sink_conf *conf, struct gw_dp_sink **out,
	struct gw_err *err);
uint16_t gw_dp_sink_stream(const struct gw_dp_sink *s);
/* Nobody knows what these pages hold: zeros that the source has there are to be written. Helper
 * thread, before the source may send any of them. */
void gw_dp_sink_keep(struct gw_dp_sink *s, uint32_t region_index, uint64_t first, uint64_t count);
/* Helper thread: poll cores then do not fault at the device state's first pages. */
void gw_dp_sink_populate_state(struct gw_dp_sink *s);
/* Every worker drops the stream; event FENCED when all confirmed: from then on no store into that
 * RAM. */
void gw_dp_sink_fence(struct gw_dp_sink *s);
/* After FENCED: whether gw_dp_sink_punch() has anything to do. */
bool gw_dp_sink_must_punch(const struct gw_dp_sink *s);
/* After FENCED, helper thread: gives back the pages that were stored to and whose newest word is
 * "hole" (they read as zero already). 0 or a negative errno. */
int gw_dp_sink_punch(struct gw_dp_sink *s);
/* After FENCED: the device state's first `size` bytes, valid until gw_dp_sink_free(). -ERANGE over
 * the limit. */
int gw_dp_sink_state(
	struct gw_dp_sink *s, uint64_t size, const uint8_t **state, struct gw_err *err);
struct gw_dp_sink_stats {
	uint64_t applied_pages, superseded_packets, zero_pages, hole_pages, bytes;
};
void gw_dp_sink_stats(const struct gw_dp_sink *s, struct gw_dp_sink_stats *stats);
void gw_dp_sink_free(struct gw_dp_sink **s); /* after FENCED */

/* ---- events ---- */
enum gw_dp_event_type {
	GW_DP_DRAINED = 1, /* source: rings drained to the heads */
	GW_DP_OPENED,      /* source: label is open, value = pages in it */
	GW_DP_SOURCE_CLOSED,
	GW_DP_RING_BROKEN, /* source: the exporter's cursor or an entry is impossible; value = bad
			      entry */
	GW_DP_FENCED,      /* sink */
};
struct gw_dp_event {
	enum gw_dp_event_type type;
	void *ctx; /* of the stream's conf */
	uint64_t value;
};
/* 1: *ev is filled; 0: nothing. */
int gw_dp_poll_event(struct gw_dp *dp, struct gw_dp_event *ev);
/* Active: workers poll without sleeping, and one that sleeps is woken. Counted: every true needs its
 * false. */
void gw_dp_active(struct gw_dp *dp, bool active);

/* ---- measuring ---- */
struct gw_dp_worker_stats {
	uint32_t cpu;
	int socket;                   /* NUMA node of that CPU */
	uint64_t tsc;                 /* now */
	uint64_t passes, busy_passes; /* looks at everything; those that found work */
	uint64_t busy_cycles;         /* TSC, of passes that found work */
	uint64_t away_cycles; /* TSC, of those so long that something else had the CPU; not in
				 busy_cycles */
};
uint32_t gw_dp_worker_count(const struct gw_dp *dp);
void gw_dp_worker_stats(const struct gw_dp *dp, uint32_t worker, struct gw_dp_worker_stats *stats);
double gw_dp_tsc_hz(const struct gw_dp *dp);

#define GW_DP_RTT_UNIT_NS 64u
/* One queue pair of a port; as gw_dp_port_info, but by itself. */
struct gw_dp_queue_stats {
	uint32_t worker;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, payload_bytes, lost_packets,
		resent_pages;
	struct gw_histogram rtt; /* of the paths that send on it, one sample per ACK, in units of
				    GW_DP_RTT_UNIT_NS */
};
/* -ENOENT where there is no such queue. */
int gw_dp_queue_stats(
	const struct gw_dp *dp, uint32_t port, uint32_t queue, struct gw_dp_queue_stats *stats);

/* What a port's driver and hardware say, for people who tune. */
struct gw_dp_port_setup {
	int socket; /* NUMA node, -1: none or unknown */
	uint32_t rx_descriptors, tx_descriptors;
	uint32_t memif_rsize; /* log2 of a memif's rings, which are its own; 0: no memif */
	bool zero_copy;       /* transmits from guest RAM */
	bool fast_free, fast_free_known; /* in use; the driver has it */
	bool rss;                        /* spreads UDP flows over queues */
	uint32_t link_mbps;              /* 0: unknown */
	uint32_t device_mtu;             /* as the driver has it now; 0: unknown */
	uint64_t missed, rx_errors, tx_errors, no_buffers; /* the driver's own counters */
};
void gw_dp_port_setup(const struct gw_dp *dp, uint32_t port, struct gw_dp_port_setup *setup);

/* The port's cap, also while traffic flows; 0: none. */
void gw_dp_port_set_rate(struct gw_dp *dp, uint32_t port, uint64_t rate_bps);

/*
 * The upper bound: the workers move bytes from RAM over the link's ports into RAM as they would
 * move pages, but without the protocol: nothing is checked, acknowledged or entered into books. The
 * receiving end starts first and stops last. While it runs, the workers do nothing else; the
 * streams on this data plane stand still.
 */
struct gw_dp_bound;
/* send: from ram, over the paths of an initiator's link that are up. Otherwise into ram, from
 * whatever comes in; link is not used. ram is borrowed until gw_dp_bound_free(). */
int gw_dp_bound_start(struct gw_dp *dp, struct gw_dp_link *link, struct gw_ram *ram, bool send,
	struct gw_dp_bound **out, struct gw_err *err);
void gw_dp_bound_stop(struct gw_dp_bound *b);
bool gw_dp_bound_stopped(const struct gw_dp_bound *b); /* every worker let go */
void gw_dp_bound_stats(const struct gw_dp_bound *b, uint64_t *bytes, uint64_t *packets);
void gw_dp_bound_free(struct gw_dp_bound **b); /* once it has stopped */
