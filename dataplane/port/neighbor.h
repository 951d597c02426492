/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has which MAC on a port's link: a small table per port. Control adds addresses, any worker
 * that hears from a neighbour fills one in, workers read. What is known of one is one 64-bit word. */
#pragma once

#include "../base/ip.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_NEIGHBORS 64u
/* Above the MAC: how often the entry was given to another address, and whether the MAC is known. */
#define GW_NEIGHBOR_TURN (UINT64_C(1) << 48)
#define GW_NEIGHBOR_VALID (UINT64_C(1) << 63)
#define GW_NEIGHBOR_TURNS (GW_NEIGHBOR_VALID - GW_NEIGHBOR_TURN)

struct gw_neighbor {
	struct gw_ip ip;   /* control writes, before the turn that it is for */
	uint32_t users;    /* paths that go this way; control alone */
	uint64_t mac;      /* as above; first byte of the MAC in bits 47..40 */
	uint64_t asked_ns; /* when the last request went out */
	uint64_t heard_ns;
};

struct gw_neighbors {
	uint32_t used;
	struct gw_neighbor entry[GW_NEIGHBORS];
};

/* Control: the entry for ip, made where it is new, and one user more. NULL: the table is full of
 * entries in use. */
static inline struct gw_neighbor *gw_neighbor_add(struct gw_neighbors *t, const struct gw_ip *ip)
{
	struct gw_neighbor *free_entry = NULL;
	uint64_t turn;

	for (uint32_t i = 0; i < t->used; i++) {
		if (gw_ip_equal(&t->entry[i].ip, ip)) {
			t->entry[i].users++;
			return &t->entry[i];
		}
		if (t->entry[i].users == 0)
			free_entry = &t->entry[i];
	}
	if (free_entry == NULL) {
		if (t->used == GW_NEIGHBORS)
			return NULL;
		free_entry = &t->entry[t->used];
	}
	/* An entry without users is read by nobody, but a worker may learn for its old address in this
	 * moment, or for a mix of both: the new turn comes last, and takes that away. */
	turn = __atomic_load_n(&free_entry->mac, __ATOMIC_RELAXED) + GW_NEIGHBOR_TURN;
	turn &= GW_NEIGHBOR_TURNS;
	free_entry->asked_ns = 0;
	free_entry->users = 1;
	__atomic_store_n(&free_entry->ip.high, ip->high, __ATOMIC_RELAXED);
	__atomic_store_n(&free_entry->ip.low, ip->low, __ATOMIC_RELAXED);
	__atomic_store_n(&free_entry->mac, turn, __ATOMIC_RELEASE);
	if (free_entry == &t->entry[t->used])
		__atomic_store_n(&t->used, t->used + 1, __ATOMIC_RELEASE);
	return free_entry;
}

static inline void gw_neighbor_put(struct gw_neighbor *e)
{
	e->users--;
}

/* Worker: a packet says that ip is at mac. Addresses that nobody asked about are not learnt. */
static inline bool gw_neighbor_learn(
	struct gw_neighbors *t, const struct gw_ip *ip, const uint8_t *mac, uint64_t now_ns)
{
	uint32_t used = __atomic_load_n(&t->used, __ATOMIC_ACQUIRE);
	uint64_t v = GW_NEIGHBOR_VALID;

	for (unsigned int i = 0; i < 6; i++)
		v |= (uint64_t)mac[i] << (40 - 8 * i);
	for (uint32_t i = 0; i < used; i++) {
		struct gw_neighbor *e = &t->entry[i];
		uint64_t was = __atomic_load_n(&e->mac, __ATOMIC_ACQUIRE);
		const struct gw_ip have = {__atomic_load_n(&e->ip.high, __ATOMIC_RELAXED),
			__atomic_load_n(&e->ip.low, __ATOMIC_RELAXED)};

		if (!gw_ip_equal(&have, ip))
			continue;
		/* Fails where the entry is another's by now, or another worker has learnt too. */
		if (__atomic_compare_exchange_n(&e->mac, &was, v | (was & GW_NEIGHBOR_TURNS), false,
			    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			__atomic_store_n(&e->heard_ns, now_ns, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

static inline bool gw_neighbor_mac(const struct gw_neighbor *e, uint8_t *mac)
{
	uint64_t v = __atomic_load_n(&e->mac, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(v >> (40 - 8 * i));
	return (v & GW_NEIGHBOR_VALID) != 0;
}
