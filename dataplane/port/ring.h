/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many transmit descriptors a capped port gets by itself. What is in the ring cannot be taken
 * back: weights, caps and failover act on what is not in it yet, and every packet behind it waits.
 * A ring frees a descriptor when its frame has left, so its size is a bound that completions clock,
 * and one that holds for every driver: memif and af_packet have neither rte_eth_tx_done_cleanup()
 * nor rte_eth_tx_descriptor_status(), and have rings of their own (devargs rsize and framecnt). The
 * pacer alone does not bound it: a line may be slower than the cap says.
 */
#pragma once

#include <stdint.h>

#define GW_RING_PARKED_NS 1000000u /* of the cap, in full frames */
#define GW_RING_MIN 128u           /* a few bursts; drivers free descriptors 32 at a time */
#define GW_RING_MAX 512u
#define GW_RING_FRAME_BYTES 42u /* Ethernet 18, preamble and gap 20, and a VLAN tag */

/* A power of two. rate_bps: layer 1; 0: not capped, then the largest. */
static inline uint16_t gw_ring_descriptors(uint64_t rate_bps, uint32_t mtu)
{
	uint64_t frame_bits = 8ull * (mtu + GW_RING_FRAME_BYTES);
	uint64_t frames = rate_bps / (1000000000u / GW_RING_PARKED_NS) / frame_bits;
	uint16_t n = GW_RING_MAX;

	if (rate_bps == 0)
		return n;
	while (n > GW_RING_MIN && n / 2 >= frames)
		n /= 2;
	return n;
}
