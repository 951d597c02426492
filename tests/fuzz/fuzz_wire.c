/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dataplane/wire/decode.c and what stands behind it: any bytes as a packet, with and without the
 * trailer. What decodes as DATA goes into a sink whose memory has canaries around it, an ACK into a
 * path with packets out. dataplane/port/frame.c, arp.c and ndp.c: any bytes as a frame, of either
 * family. The first byte says how; the trailer is made right, since no fuzzer finds
 * it.
 */
#include "../../dataplane/path/tx_books.c"
#include "../../dataplane/path/tx_loss.c"
#include "../../dataplane/path/tx_path.c"
#include "../../dataplane/port/arp.c"
#include "../../dataplane/port/frame.c"
#include "../../dataplane/port/ndp.c"
#include "../../dataplane/stream/sink.c"
#include "../../dataplane/wire/decode.c"

#include <stdlib.h>
#include <string.h>

#define PAGES 1030u
#define CANARY 4096u
#define CORES 2u
#define SENT 300u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gw_sink sink;
static uint8_t *memory;

static void create(void)
{
	struct gw_space space = {0};

	memory = calloc(1, 2 * CANARY + PAGES * GW_WIRE_PAGE_BYTES);
	if (memory == NULL)
		abort();
	memset(memory, 0xc5, CANARY);
	memset(memory + CANARY + PAGES * GW_WIRE_PAGE_BYTES, 0xc5, CANARY);
	gw_space_add(&space, 0, memory + CANARY, PAGES);
	if (gw_sink_init(&sink, &space, 4, CORES) != 0)
		abort();
}

static void check_canaries(void)
{
	for (size_t i = 0; i < CANARY; i++)
		if (memory[i] != 0xc5 || memory[CANARY + PAGES * GW_WIRE_PAGE_BYTES + i] != 0xc5)
			abort();
}

struct settled {
	uint32_t times[SENT];
};

static void settle(void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost)
{
	struct settled *s = ctx;

	(void)p;
	(void)lost;
	if (r->page >= SENT || ++s->times[r->page] != 1)
		abort();
}

/* Each of the packets out is settled once, whatever the ACK says. */
static void take_ack(const struct gw_wire_packet *p, uint8_t how)
{
	struct settled s = {{0}};
	struct gw_tx_path tx;

	if (gw_tx_path_init(&tx, 1000000000, 1 << 20) != 0)
		abort();
	for (uint32_t i = 0; i < SENT; i++) {
		struct gw_tx_record r = {.sent_ns = 1000 * i,
			.page = i,
			.count = 1,
			.wire_bytes = 1500,
			.kind = GW_TX_PAGES};

		gw_tx_path_sent(&tx, &r);
	}
	for (uint64_t k = 1; k < 3; k++) {
		/* The second time it is a repeat. */
		if (gw_tx_path_acked(&tx, p, k * 20000000 * (how & 7), settle, &s) !=
			(p->ack.largest < SENT && k == 1))
			abort();
		gw_tx_path_timer(&tx, k * 20000000 * (how & 7), settle, &s);
	}
	if (tx.una > tx.next_psn || tx.reorder == 0)
		abort();
	gw_tx_path_fail(&tx, settle, &s);
	for (uint32_t i = 0; i < SENT; i++)
		if (s.times[i] != 1)
			abort();
	if (tx.inflight_bytes != 0 || tx.inflight_packets != 0)
		abort();
	gw_tx_path_release(&tx);
}

/* An encrypted packet is taken as if its tag had been right. */
static bool decode(const uint8_t *bytes, size_t len, uint8_t flags, struct gw_wire_packet *p)
{
	if (flags != GW_WIRE_AEAD)
		return gw_wire_decode(bytes, len, flags, p) == GW_WIRE_OK;
	return gw_wire_decode_head(bytes, len, flags, p, &len) == GW_WIRE_OK &&
	       gw_wire_clear_bytes(p->type) <= len && gw_wire_decode_body(bytes, p) == GW_WIRE_OK;
}

static void take(const uint8_t *bytes, size_t len, uint8_t flags, uint8_t how)
{
	struct gw_wire_packet p;

	if (!decode(bytes, len, flags, &p))
		return;
	if (p.psn > GW_WIRE_PSN_MAX)
		abort();
	switch (p.type) {
	case GW_WIRE_DATA:
		if (p.data.payload < bytes || p.data.payload + p.data.length > bytes + len)
			abort();
		for (uint32_t core = 0; core < CORES; core++)
			gw_sink_apply(&sink, core, &p);
		check_canaries();
		break;
	case GW_WIRE_ACK:
		take_ack(&p, how);
		break;
	default:
		break;
	}
}

/* What comes from the wire, as a port of this address sees it. A neighbour's message is looked at
 * again with its checksum made right. */
static void take_frame(uint8_t *frame, size_t len, const struct gw_ip *ip)
{
	uint8_t answer[GW_NDP_BYTES], turned[9000];
	struct gw_frame_in in;
	struct gw_ndp_in ndp;
	uint8_t *message = frame + GW_FRAME_ETHERNET + GW_FRAME_IPV6;
	uint32_t bytes;

	switch (gw_frame_parse(frame, len, ip, &in)) {
	case GW_FRAME_UDP:
		if (in.payload != frame + in.header || in.payload + in.len > frame + len)
			abort();
		if (len > sizeof(turned))
			return;
		memcpy(turned, frame, len);
		gw_frame_turn(turned, frame, in.len);
		if (gw_frame_parse(turned, len, &in.from_ip, &in) == GW_FRAME_INVALID)
			abort();
		return;
	case GW_FRAME_ARP_IN:
		if (gw_arp_wants(frame, ip))
			gw_arp_answer(frame, frame, ip);
		return;
	case GW_FRAME_NDP_IN:
		break;
	default:
		return;
	}
	bytes = gw_get16(frame + GW_FRAME_ETHERNET + 4);
	if (bytes >= MESSAGE_BYTES && message + bytes <= frame + len && bytes % 2 == 0) {
		gw_put16(message + 2, 0);
		gw_put16(message + 2,
			(uint16_t)~gw_sum_fold(ndp_sum(frame + GW_FRAME_ETHERNET, bytes)));
	}
	if (gw_ndp_parse(frame, len, ip, &ndp) != GW_FRAME_NDP_IN)
		return;
	if (ndp.mac != NULL && (ndp.mac < message + MESSAGE_BYTES || ndp.mac + 6 > frame + len))
		abort();
	if (ndp.asks)
		gw_ndp_answer(answer, frame, ip, &ndp, frame + 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gw_ip ipv4 = {0, 0xffff0a000001}, ipv6 = {UINT64_C(0xfd00) << 48, 1};
	uint8_t *copy, how;
	size_t len;

	if (memory == NULL)
		create();
	if (size == 0)
		return 0;
	how = data[0];
	len = size - 1;
	/* The copy ends where its memory ends. */
	copy = malloc(len + GW_WIRE_CRC_BYTES);
	if (copy == NULL)
		abort();
	memcpy(copy, data + 1, len);
	if ((how & 0xc0) == 0xc0) {
		take_frame(copy, len, how & 1 ? &ipv6 : &ipv4);
	} else if (how & 0x80) {
		/* Seeds shall not die of the next version. */
		if (len > 0)
			copy[0] = (uint8_t)(GW_WIRE_VERSION << 4 | (copy[0] & 0xf));
		gw_put32(copy + len, gw_crc32c(copy, len));
		take(copy, len + GW_WIRE_CRC_BYTES, GW_WIRE_CRC32C, how);
	} else {
		take(copy, len, how & 0x40 ? GW_WIRE_CRC32C : how & 0x20 ? GW_WIRE_AEAD : 0, how);
	}
	free(copy);
	return 0;
}
