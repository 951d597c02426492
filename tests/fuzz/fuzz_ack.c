/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dataplane/path: a sending path whose peer says what it likes, over time. The input is a row of
 * steps: an operation byte, two argument bytes, and for ACKs what stands in them. Whatever comes,
 * each packet is settled once, and nothing is in flight in the end.
 */
#include "../../dataplane/path/tx_path.h"
#include "../../dataplane/wire/decode.h"

#include <stdlib.h>
#include <string.h>

#define SENT 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	const uint8_t *data;
	size_t left;
	struct gw_tx_path p;
	uint64_t now_ns, ack_psn;
	uint32_t sent;
	uint8_t settled[SENT];
};

static uint64_t take(struct fuzz *f, uint32_t bytes)
{
	uint64_t v = 0;

	for (; bytes > 0 && f->left > 0; bytes--, f->left--)
		v = v << 8 | *f->data++;
	return v;
}

static void settle(void *ctx, const struct gw_tx_path *p, const struct gw_tx_record *r, bool lost)
{
	struct fuzz *f = ctx;

	(void)p;
	(void)lost;
	if (r->page >= f->sent || f->settled[r->page]++ != 0)
		abort();
}

static void send_some(struct fuzz *f, uint32_t n, uint16_t wire_bytes)
{
	for (; n > 0 && f->sent < SENT && gw_tx_path_room(&f->p, 9); n--) {
		struct gw_tx_record r = {.sent_ns = f->now_ns,
			.page = f->sent++,
			.count = 1,
			.wire_bytes = wire_bytes,
			.kind = GW_TX_PAGES};

		gw_tx_path_sent(&f->p, &r);
	}
}

/* Near what was sent, mostly: far off everything is ignored. */
static void take_ack(struct fuzz *f, uint8_t how, uint8_t near)
{
	struct gw_wire_packet ack = {.type = GW_WIRE_ACK};

	f->ack_psn += (how & 7) == 7 ? take(f, 6) : (uint64_t)(how & 7) - 2;
	ack.psn = f->ack_psn & GW_WIRE_PSN_MAX;
	ack.ack.largest = (how & 8 ? take(f, 6) : f->p.una + near) & GW_WIRE_PSN_MAX;
	ack.ack.echo = how & 16 ? (uint32_t)take(f, 4) : (uint32_t)(f->now_ns >> GW_WIRE_TS_SHIFT);
	ack.ack.hold = how & 32 ? (uint32_t)take(f, 4) : 0;
	ack.ack.ecn_ce = how & 64 ? (uint32_t)take(f, 4) : 0;
	ack.ack.credit = how & 128 ? take(f, 8) : f->p.credit + 100000;
	memset(ack.ack.bitmap, (int)take(f, 1), sizeof(ack.ack.bitmap));
	for (uint64_t n = take(f, 1) % 8; n > 0; n--)
		ack.ack.bitmap[take(f, 1) % (GW_WIRE_ACK_BITS / 64)] ^= take(f, 8);
	gw_tx_path_acked(&f->p, &ack, f->now_ns, settle, f);
}

static void step(struct fuzz *f)
{
	uint8_t op = (uint8_t)take(f, 1), a = (uint8_t)take(f, 1), b = (uint8_t)take(f, 1);
	struct gw_tx_record *copy;
	uint64_t psn;

	switch (op % 8) {
	case 0:
	case 1:
		send_some(f, a, (uint16_t)(64 + b * 36));
		break;
	case 2:
	case 3:
		take_ack(f, a, b);
		break;
	case 4:
		f->now_ns += ((uint64_t)a << 8 | b) << (op >> 3) % 16;
		break;
	case 5:
		gw_tx_path_timer(&f->p, f->now_ns, settle, f);
		break;
	case 6:
		copy = gw_tx_path_next_copy(&f->p, f->now_ns, &psn);
		if (copy != NULL)
			copy->copied = 1;
		gw_tx_path_covered(&f->p, a, settle, f);
		gw_tx_path_replied(&f->p, (uint32_t)take(f, 4), f->now_ns);
		break;
	default:
		if (a == 0)
			gw_tx_path_fail(&f->p, settle, f);
		else if (gw_tx_path_room(&f->p, 9))
			gw_tx_path_skip(&f->p);
	}
	if (f->p.una > f->p.next_psn || (f->p.inflight_packets == 0) != (f->p.inflight_bytes == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *f = calloc(1, sizeof(*f));

	if (f == NULL)
		abort();
	f->data = data;
	f->left = size;
	f->now_ns = 1000000000;
	if (gw_tx_path_init(&f->p, 10000000000, 1 << 24) != 0)
		abort();
	while (f->left > 0)
		step(f);
	gw_tx_path_fail(&f->p, settle, f);
	if (f->p.inflight_bytes != 0 || f->p.inflight_packets != 0)
		abort();
	for (uint32_t i = 0; i < f->sent; i++)
		if (f->settled[i] != 1)
			abort();
	gw_tx_path_release(&f->p);
	free(f);
	return 0;
}
