/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wire format above UDP. All integers are big-endian; every packet begins with struct
 * gw_wire_common. With GW_WIRE_CRC32C four bytes follow the packet: CRC32C (RFC 3720) of everything
 * before them, from the version byte on. With GW_WIRE_AEAD sixteen: AES-GCM's tag; the header (see
 * gw_wire_clear_bytes()) can be read and is authenticated, the rest is encrypted.
 *
 * DATA    a page, a fragment of one, several neighbouring pages, or a list of runs
 * ACK     what the receiver applied, its clock echo and its credit
 * PROBE   "who receives this?"; may be padded, to test what the path carries. Answered at once by
 *         REPLY, also by a core that does not own the path
 * REPLY   which core received the probe; not numbered: it repeats the probe's PSN
 */
#pragma once

#include <stdint.h>

#define GW_WIRE_VERSION 1u
#define GW_WIRE_UDP_PORT 7412u
/* A path's own UDP port lies in [BASE, BASE + COUNT): it steers RSS on both hosts. */
#define GW_WIRE_PATH_PORT_BASE 49152u
#define GW_WIRE_PATH_PORT_COUNT 1024u

#define GW_WIRE_PAGE_SHIFT 12u
#define GW_WIRE_PAGE_BYTES 4096u
/* Below this IP MTU a page travels as three fragments; 1376 leaves room for IPv6 and a tag at 1500.
 */
#define GW_WIRE_FRAGMENT_BYTES 1376u
#define GW_WIRE_FRAGMENTS 3u
/* Where not even that passes, four quarters, which are numbered behind the thirds. */
#define GW_WIRE_QUARTER_BYTES 1024u
#define GW_WIRE_QUARTERS 4u
#define GW_WIRE_QUARTER_FIRST GW_WIRE_FRAGMENTS
#define GW_WIRE_WHOLE 15u /* fragment field of a packet that carries whole pages */
#define GW_WIRE_ACK_BITS 1024u
/* All runs of one packet together: bounds what one packet makes a poll core do. */
#define GW_WIRE_RUN_PAGES_MAX 512u
#define GW_WIRE_RUNS_MAX 150u /* in one packet */
/* So many are sent: they fit MTU 1280 over IPv6, with a tag. */
#define GW_WIRE_RUNS_SENT 148u
#define GW_WIRE_PSN_MAX ((UINT64_C(1) << 48) - 1)
#define GW_WIRE_CRC_BYTES 4u
#define GW_WIRE_TAG_BYTES 16u
#define GW_WIRE_TRAILER_MAX GW_WIRE_TAG_BYTES
/* So many numbers have one key: 2^22. */
#define GW_WIRE_GENERATION_SHIFT 22u
/* Time stamps count 64 ns: they wrap after 274 s, far above any RTT. */
#define GW_WIRE_TS_SHIFT 6u

enum gw_wire_type { GW_WIRE_DATA = 1, GW_WIRE_ACK = 2, GW_WIRE_PROBE = 3, GW_WIRE_REPLY = 4 };
enum gw_wire_flag { GW_WIRE_CRC32C = 0x01, GW_WIRE_AEAD = 0x02 }; /* one of them, or none */
enum gw_wire_encoding { GW_WIRE_RAW = 0, GW_WIRE_ZERO_RUNS = 1, GW_WIRE_HOLE_RUNS = 2 };

struct gw_wire_common {
	uint8_t version_type; /* version in the high nibble */
	uint8_t flags;
	uint8_t path[2];   /* the receiver's slot */
	uint8_t key_id[4]; /* of the path; random */
	uint8_t psn[6];
};

struct gw_wire_data {
	struct gw_wire_common c;
	uint8_t epoch[2]; /* label, 1.. */
	uint8_t stream[2];
	uint8_t region;
	uint8_t encoding_fragment; /* encoding in the high nibble */
	uint8_t page[4];
	uint8_t offset[2]; /* of the fragment in its page */
	uint8_t length[2]; /* of the payload that follows */
	uint8_t timestamp[4];
};

/* One run in the payload of ZERO_RUNS and HOLE_RUNS. */
struct gw_wire_run {
	uint8_t page[4];
	uint8_t count[4];
};

struct gw_wire_ack {
	struct gw_wire_common c;
	uint8_t reserved[2];
	uint8_t largest[6]; /* newest PSN received */
	uint8_t reserved2[2];
	uint8_t echo[4];   /* timestamp of that packet */
	uint8_t hold[4];   /* how long it waited for this ACK, 64 ns units */
	uint8_t ecn_ce[4]; /* packets that came with CE, cumulative */
	uint8_t credit[8]; /* bytes, absolute */
	uint8_t bitmap[GW_WIRE_ACK_BITS /
		       8]; /* bit i of 64-bit word w: PSN largest - (64 w + i) was applied */
};

struct gw_wire_probe { /* PROBE and REPLY */
	struct gw_wire_common c;
	uint8_t core[2];      /* REPLY: who received the probe; PROBE: 0 */
	uint8_t timestamp[4]; /* PROBE: sender's clock; REPLY: repeated */
};

_Static_assert(sizeof(struct gw_wire_common) == 14, "common header");
_Static_assert(sizeof(struct gw_wire_data) == 32, "DATA header as designed");
_Static_assert(sizeof(struct gw_wire_ack) == 172, "ACK fits any MTU");
_Static_assert(sizeof(struct gw_wire_probe) == 20, "PROBE");
_Static_assert(
	GW_WIRE_FRAGMENTS *GW_WIRE_FRAGMENT_BYTES >= GW_WIRE_PAGE_BYTES, "fragments cover a page");
_Static_assert(
	GW_WIRE_QUARTERS *GW_WIRE_QUARTER_BYTES == GW_WIRE_PAGE_BYTES, "quarters are a page");

/* What follows a packet. */
static inline uint32_t gw_wire_trailer_bytes(uint8_t flags)
{
	if (flags == GW_WIRE_AEAD)
		return GW_WIRE_TAG_BYTES;
	return flags == GW_WIRE_CRC32C ? GW_WIRE_CRC_BYTES : 0;
}

/* The first bytes of an encrypted packet that stay readable: whose it is, and all of a DATA header.
 * Of a REPLY also the core, which is part of its nonce. */
static inline uint32_t gw_wire_clear_bytes(enum gw_wire_type type)
{
	switch (type) {
	case GW_WIRE_DATA:
		return sizeof(struct gw_wire_data);
	case GW_WIRE_REPLY:
		return sizeof(struct gw_wire_common) + 2;
	default:
		return sizeof(struct gw_wire_common);
	}
}

/* Where a fragment lies in its page, and its length: thirds, the last one shorter, or quarters. */
static inline uint16_t gw_wire_fragment_offset(uint32_t fragment)
{
	return (uint16_t)(fragment < GW_WIRE_QUARTER_FIRST
				  ? fragment * GW_WIRE_FRAGMENT_BYTES
				  : (fragment - GW_WIRE_QUARTER_FIRST) * GW_WIRE_QUARTER_BYTES);
}

static inline uint16_t gw_wire_fragment_length(uint32_t fragment)
{
	uint32_t rest = GW_WIRE_PAGE_BYTES - gw_wire_fragment_offset(fragment);
	uint32_t most =
		fragment < GW_WIRE_QUARTER_FIRST ? GW_WIRE_FRAGMENT_BYTES : GW_WIRE_QUARTER_BYTES;

	return (uint16_t)(rest < most ? rest : most);
}

/* Layer-1 cost of a frame beyond its layer-2 bytes: FCS 4, preamble 8, gap 12 (IEEE 802.3). */
#define GW_WIRE_L1_BYTES 24u
/* Ethernet 14 + IPv4 20 + UDP 8; IPv6 has 40. */
#define GW_WIRE_L2_TO_UDP 42u
#define GW_WIRE_L2_TO_UDP_V6 62u
