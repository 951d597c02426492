/* SPDX-License-Identifier: BSD-3-Clause */
#include "rx_path.h"

#include <string.h>

#define WORDS (GW_RX_BITS / 64)
/* Enough for all that a probe asks for. */
#define UNANSWERED_MAX (GW_RX_BITS / GW_WIRE_ACK_BITS * GW_RX_ACK_BYTES)

void gw_rx_path_init(struct gw_rx_path *p, uint64_t room_bytes)
{
	memset(p, 0, sizeof(*p));
	p->room = room_bytes;
}

static bool bit_get(const struct gw_rx_path *p, uint64_t psn)
{
	return p->applied[psn / 64 % WORDS] >> (psn % 64) & 1;
}

enum gw_rx_verdict gw_rx_path_check(const struct gw_rx_path *p, uint64_t psn)
{
	if (!p->any || psn > p->largest)
		return GW_RX_NEW;
	if (p->largest - psn >= GW_RX_BITS)
		return GW_RX_OLD;
	return bit_get(p, psn) ? GW_RX_DUPLICATE : GW_RX_NEW;
}

/* Clears the bits of (largest, psn), whose ring places still hold older packets. */
static void advance(struct gw_rx_path *p, uint64_t psn)
{
	if (!p->any || psn - p->largest >= GW_RX_BITS) {
		memset(p->applied, 0, sizeof(p->applied));
	} else {
		for (uint64_t n = p->largest + 1; n < psn; n++)
			p->applied[n / 64 % WORDS] &= ~(UINT64_C(1) << (n % 64));
	}
	p->largest = psn;
	p->any = true;
}

void gw_rx_path_applied(
	struct gw_rx_path *p, uint64_t psn, uint32_t timestamp, uint32_t bytes, uint64_t now_ns)
{
	if (!p->any || psn > p->largest) {
		if (psn != (p->any ? p->largest + 1 : 0))
			p->ack_now = true;
		advance(p, psn);
		p->echo = timestamp;
		p->echo_ns = now_ns;
	} else {
		p->ack_now = true; /* fills a gap: the sender waits for it */
	}
	p->applied[psn / 64 % WORDS] |= UINT64_C(1) << (psn % 64);
	p->bytes += bytes;
	p->unanswered_bytes += bytes;
	if (p->unanswered_bytes > UNANSWERED_MAX)
		p->unanswered_bytes = UNANSWERED_MAX;
	if (p->unacked++ == 0)
		p->ack_due_ns = now_ns + GW_RX_ACK_DELAY_NS;
}

/* Bits [lo, lo + 64) of the ring, lo counted in PSNs and possibly "negative" (modulo 2^64). */
static uint64_t window(const struct gw_rx_path *p, uint64_t lo)
{
	uint64_t w = p->applied[lo / 64 % WORDS] >> (lo % 64);

	if (lo % 64 != 0)
		w |= p->applied[(lo / 64 + 1) % WORDS] << (64 - lo % 64);
	return w;
}

static uint64_t reverse(uint64_t v)
{
	v = (v & 0x5555555555555555u) << 1 | (v >> 1 & 0x5555555555555555u);
	v = (v & 0x3333333333333333u) << 2 | (v >> 2 & 0x3333333333333333u);
	v = (v & 0x0f0f0f0f0f0f0f0fu) << 4 | (v >> 4 & 0x0f0f0f0f0f0f0f0fu);
	return __builtin_bswap64(v);
}

void gw_rx_path_probed(struct gw_rx_path *p)
{
	uint64_t older = p->largest / GW_WIRE_ACK_BITS;

	p->ack_now = true;
	p->look_back = older < GW_RX_BITS / GW_WIRE_ACK_BITS - 1
			       ? (uint32_t)older
			       : GW_RX_BITS / GW_WIRE_ACK_BITS - 1;
}

uint64_t gw_rx_path_ack(struct gw_rx_path *p, uint64_t now_ns, struct gw_wire_ack_body *a)
{
	uint64_t psn = gw_rx_path_ack_psn(p);

	a->largest = p->largest;
	/* The newest first: the sender's clock is in it. */
	if (p->unacked == 0 && p->look_back != 0)
		a->largest -= (uint64_t)GW_WIRE_ACK_BITS * p->look_back--;
	a->credit = p->bytes + p->room;
	a->echo = p->echo;
	a->hold = (uint32_t)((now_ns - p->echo_ns) >> GW_WIRE_TS_SHIFT);
	a->ecn_ce = p->ce;
	/* Word w covers PSNs largest - 64 w - 63 .. largest - 64 w; places of PSNs below zero were
	 * never set. */
	for (unsigned int w = 0; w < GW_WIRE_ACK_BITS / 64; w++)
		a->bitmap[w] = reverse(window(p, a->largest - 64 * w - 63));
	p->unacked = 0;
	p->ack_now = false;
	p->unanswered_bytes -=
		p->unanswered_bytes < GW_RX_ACK_BYTES ? p->unanswered_bytes : GW_RX_ACK_BYTES;
	p->next_psn = psn + 1;
	return psn;
}
