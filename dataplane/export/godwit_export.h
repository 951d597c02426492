/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The export contract: how a hypervisor process hands its guest's memory and dirty pages to godwit.
 * Plain C11, host byte order (both ends are on one machine), no dependency. Stable within one
 * GW_EXPORT_ABI; a client refuses any other.
 *
 * The exporter listens on a SOCK_SEQPACKET unix socket, NAME.export for the VM called NAME (not
 * reached through a symbolic link), and serves one client at a time. The process that calls
 * listen() is the one that runs the guest: it is what may be slowed, and killed where QUIT does not
 * end it, and once it has ended the socket is not used any more. Each message is one packet: a
 * fixed-size struct that begins with struct gw_export_msg. Descriptors travel with HELLO, UFFD,
 * SAVED and LOAD by SCM_RIGHTS. When the socket closes, tracking ends and a native guest that the
 * client paused is resumed, except after SAVED or QUIT: from SAVED on the guest may already run
 * elsewhere, so it stays paused until someone says RESUME or QUIT (the next HELLO has CAP_PAUSED).
 *
 * client                        exporter
 *   connect                  ->
 *                            <-  HELLO (+ ring memfd, region fds in order)
 *   START                    ->  STARTED            write tracking is on
 *   SYNC(epoch[, flags])     ->  SYNCED(epoch, heads)  all dirtied before SYNC is in the rings
 *   STOP                     ->  STOPPED            tracking is off
 * native guests (caps & GW_EXPORT_CAP_LIFECYCLE) also
 *   PAUSE / RESUME[(flags)]  ->  PAUSED / RESUMED[(at_ns)]
 *   SAVE                     ->  SAVED(size, fd)    device state; may dirty RAM
 *   LOAD(size, fd)           ->  LOADED             guest stays paused; only one that waits for a
 *                                                   migration (CAP_INCOMING) is ever loaded
 *   QUIT                     ->  (closes)           the process ends
 * exporters that can slow their guest (caps & GW_EXPORT_CAP_THROTTLE) also
 *   THROTTLE(percent)        ->  THROTTLED          so much of its time the guest does not run; the
 *                                                   end of the connection lifts it
 * exporters that know where their process maps the guest (caps & GW_EXPORT_CAP_TOUCH) also
 *   TOUCH                    ->  TOUCHED            what the files hold is mapped as far as that is
 *                                                   quick, and the process's own memory: the guest
 *                                                   is soon to run here
 * exporters that may not open /dev/userfaultfd themselves (caps & GW_EXPORT_CAP_WANTS_UFFD), at
 * most once and before any other request, where the client can open it and is willing to lend it
 *   UFFD(+ fd)               ->  HELLO              anew, instead of the first: that one is void
 * A client that does not know that capability goes on with the first HELLO; an exporter that does
 * not know it never sees UFFD. Any request may be answered by ERROR(request, code, text). Instead
 * of HELLO, ERROR(HELLO, ...) says why the connection is refused and the exporter closes. Requests
 * are answered in the order in which they came. A second client waits in the backlog and gets its
 * HELLO when the first has gone.
 *
 * The ring memfd is new for each connection, its cursors start at 0 and go on over STOP and START;
 * entries left over from before a START name pages too many, never too few. A client that will not
 * drain any more says STOP (which ends a SYNC that waits for room) or closes.
 */
#pragma once

#include <stdint.h>

#define GW_EXPORT_ABI 1u
#define GW_EXPORT_MAGIC 0x676f6477u /* "godw" */
#define GW_EXPORT_MAX_REGIONS 16u
#define GW_EXPORT_MAX_RINGS 16u
#define GW_EXPORT_PAGE_SHIFT 12u
#define GW_EXPORT_NAME_MAX 64u  /* with the terminating NUL */
#define GW_EXPORT_TEXT_MAX 256u /* with the terminating NUL */

/* Ring memory: one header page, then n_rings rings of ring_stride bytes each:
 * producer cursor, consumer cursor (a cache line each), then the entries. */
#define GW_EXPORT_RING_HEADER 4096u
#define GW_EXPORT_RING_MIN_ENTRIES 64u
#define GW_EXPORT_RING_MAX_ENTRIES (1u << 20)

struct gw_export_ring_header {
	uint32_t magic;        /* GW_EXPORT_MAGIC */
	uint32_t abi;          /* GW_EXPORT_ABI */
	uint32_t n_rings;      /* 1..GW_EXPORT_MAX_RINGS */
	uint32_t ring_entries; /* per ring, a power of two */
	uint64_t ring_stride;  /* bytes from one ring to the next, a multiple of 4096 */
};

struct gw_export_ring {
	_Alignas(64) uint64_t head; /* entries ever pushed; the exporter alone writes it */
	_Alignas(64) uint64_t tail; /* entries ever popped; the client alone writes it */
	_Alignas(64) uint64_t entry[];
};
_Static_assert(sizeof(struct gw_export_ring) == 128, "ring cursors take two cache lines");

/* An entry is a run of dirty pages: page index 40 bits, count - 1 12 bits, region 8, flags 4.
 * A run never leaves its region. Flags are reserved: the exporter writes 0. */
#define GW_EXPORT_RUN_MAX 4096u

static inline uint64_t gw_export_entry(uint64_t page_idx, uint32_t count, uint8_t region)
{
	return (page_idx & 0xffffffffffull) | (uint64_t)(count - 1) << 40 | (uint64_t)region << 52;
}

static inline uint64_t gw_export_entry_page(uint64_t entry)
{
	return entry & 0xffffffffffull;
}

static inline uint32_t gw_export_entry_count(uint64_t entry)
{
	return (uint32_t)(entry >> 40 & 0xfff) + 1;
}

static inline uint8_t gw_export_entry_region(uint64_t entry)
{
	return (uint8_t)(entry >> 52 & 0xff);
}

static inline uint8_t gw_export_entry_flags(uint64_t entry)
{
	return (uint8_t)(entry >> 60);
}

enum gw_export_type {
	GW_EXPORT_HELLO = 1,
	GW_EXPORT_START,
	GW_EXPORT_STARTED,
	GW_EXPORT_STOP,
	GW_EXPORT_STOPPED,
	GW_EXPORT_SYNC,
	GW_EXPORT_SYNCED,
	GW_EXPORT_PAUSE,
	GW_EXPORT_PAUSED,
	GW_EXPORT_RESUME,
	GW_EXPORT_RESUMED,
	GW_EXPORT_SAVE,
	GW_EXPORT_SAVED,
	GW_EXPORT_LOAD,
	GW_EXPORT_LOADED,
	GW_EXPORT_QUIT,
	GW_EXPORT_ERROR,
	GW_EXPORT_UFFD,
	GW_EXPORT_THROTTLE,
	GW_EXPORT_THROTTLED,
	GW_EXPORT_TOUCH,
	GW_EXPORT_TOUCHED,
};

struct gw_export_msg {
	uint32_t type;   /* enum gw_export_type */
	uint32_t length; /* of the whole packet, this header included */
};

/* What the exporter can do. */
#define GW_EXPORT_CAP_TRACK 0x1u     /* START/SYNC/STOP work */
#define GW_EXPORT_CAP_LIFECYCLE 0x2u /* PAUSE/RESUME/SAVE/LOAD/QUIT work ("native" hypervisor) */
#define GW_EXPORT_CAP_PAUSED 0x4u    /* the guest was paused when HELLO was sent (native only) */
#define GW_EXPORT_CAP_WANTS_UFFD \
	0x8u /* a lent /dev/userfaultfd would make tracking possible, or better */
#define GW_EXPORT_CAP_THROTTLE 0x10u   /* THROTTLE works */
#define GW_EXPORT_CAP_SYNC_FLAGS 0x20u /* SYNC may carry flags; without, it ends with its epoch */
#define GW_EXPORT_CAP_TOUCH 0x40u      /* TOUCH works */
/* The guest waited for a migration when HELLO was sent: it was started to receive one, nothing has
 * been loaded, and its memory may be overwritten (native only, beside CAP_PAUSED). A guest that is
 * paused without it is somebody's, and no destination. */
#define GW_EXPORT_CAP_INCOMING 0x80u
#define GW_EXPORT_CAP_RESUME_FLAGS 0x100u /* RESUME may carry flags; without, it is plain */
#define GW_EXPORT_THROTTLE_MAX 99u /* percent */

/* Region flags. */
#define GW_EXPORT_REGION_HUGETLB 0x1u /* backed by hugetlbfs: tracking is page_size coarse */
#define GW_EXPORT_REGION_TMPFS 0x2u   /* memfd or tmpfs file */

struct gw_export_region {
	uint64_t size; /* bytes, a multiple of 4096; page i of the region is at file_offset + i *
			  4096 */
	uint64_t file_offset; /* where the region starts in its descriptor, a multiple of 4096 */
	uint32_t page_size;   /* of the backing, bytes: 4096, or 2 MiB / 1 GiB for hugetlbfs */
	int32_t numa_node;    /* -1: unknown */
	uint32_t flags;
	uint8_t id; /* the entry's region field; distinct within a HELLO, below 255 */
	uint8_t reserved[3];
	char name[GW_EXPORT_NAME_MAX]; /* what the hypervisor calls it; NUL-terminated */
};

struct gw_export_hello {
	struct gw_export_msg msg;
	uint32_t abi;
	uint32_t caps;
	uint8_t uuid[16]; /* all zero: unknown; where the VM has a QMP socket too: as query-uuid */
	char vm_name[GW_EXPORT_NAME_MAX]; /* NAME of the socket NAME.export; others are refused */
	int32_t pid; /* as the hypervisor sees it; informative (a pid namespace): SO_PEERCRED counts
		      */
	uint32_t n_regions;
	uint32_t n_rings; /* 0 without GW_EXPORT_CAP_TRACK: then no ring descriptor is sent */
	uint32_t ring_entries;
	char track_error[GW_EXPORT_TEXT_MAX]; /* why GW_EXPORT_CAP_TRACK is absent; "" otherwise */
	struct gw_export_region region[GW_EXPORT_MAX_REGIONS];
};

/* Nobody writes any more: pages that are named need not be tracked again, until the next START. */
#define GW_EXPORT_SYNC_LAST 0x1u

struct gw_export_sync {
	struct gw_export_msg msg;
	uint64_t epoch;
	uint32_t flags; /* only with GW_EXPORT_CAP_SYNC_FLAGS; unknown ones are ignored */
	uint32_t reserved;
};
#define GW_EXPORT_SYNC_PLAIN_BYTES 16u /* without flags */

struct gw_export_synced {
	struct gw_export_msg msg;
	uint64_t epoch;
	uint64_t pages; /* pushed since the previous SYNCED; informative */
	uint64_t head[GW_EXPORT_MAX_RINGS];
};

/* RESUMED is to say when: the answer may wait for a CPU that the guest has. */
#define GW_EXPORT_RESUME_AT 0x1u

struct gw_export_resume {
	struct gw_export_msg msg;
	uint32_t flags; /* only with GW_EXPORT_CAP_RESUME_FLAGS; unknown ones are ignored */
	uint32_t reserved;
};

struct gw_export_resumed { /* the answer to one with GW_EXPORT_RESUME_AT; else RESUMED is plain */
	struct gw_export_msg msg;
	uint64_t at_ns; /* CLOCK_MONOTONIC; the guest did not run before; informative */
};

struct gw_export_throttle {
	struct gw_export_msg msg;
	uint32_t percent; /* 0 (lifted) to GW_EXPORT_THROTTLE_MAX */
	uint32_t reserved;
};

struct gw_export_state { /* SAVED (exporter, + memfd) and LOAD (client, + memfd) */
	struct gw_export_msg msg;
	uint64_t size; /* bytes of device state at offset 0 of the descriptor */
};

struct gw_export_error {
	struct gw_export_msg msg;
	uint32_t request; /* enum gw_export_type that failed */
	int32_t code;     /* negative errno */
	char text[GW_EXPORT_TEXT_MAX];
};
