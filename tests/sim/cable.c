/* SPDX-License-Identifier: BSD-3-Clause */
#include "cable.h"

#include "../../dataplane/wire/wire.h"
#include "engine.h"

#define ETH_BYTES GW_FRAME_ETHERNET

static uint64_t wire_ns(uint64_t rate_bps, uint32_t bytes)
{
	return rate_bps == 0 ? 0 : (uint64_t)bytes * 8000000000u / rate_bps;
}

/* Marks "congestion experienced" (RFC 3168) where the sender said that it understands; IPv4's
 * checksum follows (RFC 1624). */
static void mark(struct sim_cable *c, gw_packet *p)
{
	uint8_t *ip = gw_packet_data(p) + ETH_BYTES;
	uint32_t header = sim_header(p), shift = header == GW_FRAME_HEADER_V6 ? 4 : 0, sum;
	uint8_t ecn = ip[1] >> shift & 3;

	if (header == 0 || ecn == 0 || ecn == 3)
		return;
	ip[1] |= (uint8_t)(3 << shift);
	c->marked++;
	if (shift != 0)
		return;
	sum = (uint16_t)~gw_get16(ip + 10) + 3u - ecn;
	sum = (sum & 0xffff) + (sum >> 16);
	gw_put16(ip + 10, (uint16_t)~sum);
}

/* Frames that carry IP only: an Ethernet check sum that is redone behind the damage hides it from
 * everybody but the packet's own. */
static void damage(struct sim_cable *c, gw_packet *p)
{
	const struct sim_cable_conf *f = &c->conf;
	uint8_t *frame = gw_packet_data(p);

	if (p->tail != NULL || sim_header(p) == 0)
		return;
	if (sim_chance(f->flip_bit)) {
		frame[ETH_BYTES + sim_below(p->bytes - ETH_BYTES)] ^= (uint8_t)(1u << sim_below(8));
		c->damaged++;
	}
	if (sim_chance(f->truncate)) {
		p->bytes = ETH_BYTES + sim_below(p->bytes - ETH_BYTES);
		c->damaged++;
	}
}

static bool is_lost(struct sim_cable *c)
{
	const struct sim_cable_conf *f = &c->conf;

	if (f->burst_begin > 0)
		c->bursting = c->bursting ? !sim_chance(f->burst_end) : sim_chance(f->burst_begin);
	return sim_chance(c->bursting ? f->burst_loss : f->loss);
}

enum sim_fate sim_cable_pass(
	struct sim_cable *c, gw_packet *p, uint64_t at_ns, uint64_t *out_ns, uint64_t *twin_ns)
{
	const struct sim_cable_conf *f = &c->conf;

	c->frames++;
	if (c->cut) {
		c->lost_cut++;
		return SIM_LOST;
	}
	if (f->mtu != 0 && p->bytes > f->mtu + ETH_BYTES) {
		c->lost_mtu++;
		return SIM_LOST;
	}
	if (f->rate_bps != 0) {
		uint64_t wait_ns = c->busy_ns > at_ns ? c->busy_ns - at_ns : 0;
		uint64_t queued = (uint64_t)((double)wait_ns * (double)f->rate_bps / 8e9);

		if (queued + p->bytes > f->queue_bytes) {
			c->lost_queue++;
			return SIM_LOST;
		}
		if (f->ecn_bytes != 0 && queued > f->ecn_bytes)
			mark(c, p);
		at_ns += wait_ns + wire_ns(f->rate_bps, p->bytes + GW_WIRE_L1_BYTES);
		c->busy_ns = at_ns;
	}
	if (is_lost(c)) {
		c->lost++;
		return SIM_LOST;
	}
	damage(c, p);
	*out_ns = at_ns + f->delay_ns + (f->jitter_ns != 0 ? sim_random() % f->jitter_ns : 0);
	if (sim_chance(f->reorder))
		*out_ns += f->reorder_ns;
	c->passed++;
	if (!sim_chance(f->duplicate))
		return SIM_PASSES;
	c->doubled++;
	*twin_ns = *out_ns + (f->reorder_ns != 0 ? sim_random() % f->reorder_ns : 1);
	return SIM_PASSES_TWICE;
}
