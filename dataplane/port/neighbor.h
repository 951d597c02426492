/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has which MAC on a port's link: a small table per port. Control adds addresses, any worker
 * that hears an ARP answer fills one in, workers read. An entry is one 64-bit word: MAC 48 bits,
 * valid bit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_NEIGHBORS 64u
#define GW_NEIGHBOR_VALID (UINT64_C(1) << 63)

struct gw_neighbor {
	uint32_t ip;       /* host order; control writes */
	uint32_t users;    /* paths that go this way; control alone */
	uint64_t mac;      /* first byte of the MAC in bits 47..40; GW_NEIGHBOR_VALID once known */
	uint64_t asked_ns; /* when the last request went out */
	uint64_t heard_ns;
};

struct gw_neighbors {
	uint32_t used;
	struct gw_neighbor entry[GW_NEIGHBORS];
};

/* Control: the entry for ip, made where it is new, and one user more. NULL: the table is full of
 * entries in use. */
static inline struct gw_neighbor *gw_neighbor_add(struct gw_neighbors *t, uint32_t ip)
{
	struct gw_neighbor *free_entry = NULL;

	for (uint32_t i = 0; i < t->used; i++) {
		if (t->entry[i].ip == ip) {
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
	/* An entry without users is read by nobody; one that learns in this moment learns again. */
	__atomic_store_n(&free_entry->mac, 0, __ATOMIC_RELAXED);
	free_entry->asked_ns = 0;
	free_entry->users = 1;
	__atomic_store_n(&free_entry->ip, ip, __ATOMIC_RELEASE);
	if (free_entry == &t->entry[t->used])
		__atomic_store_n(&t->used, t->used + 1, __ATOMIC_RELEASE);
	return free_entry;
}

static inline void gw_neighbor_put(struct gw_neighbor *e)
{
	e->users--;
}

/* Worker: an ARP packet says that ip is at mac. Addresses that nobody asked about are not learnt.
 */
static inline bool gw_neighbor_learn(
	struct gw_neighbors *t, uint32_t ip, const uint8_t *mac, uint64_t now_ns)
{
	uint32_t used = __atomic_load_n(&t->used, __ATOMIC_ACQUIRE);
	uint64_t v = GW_NEIGHBOR_VALID;

	for (unsigned int i = 0; i < 6; i++)
		v |= (uint64_t)mac[i] << (40 - 8 * i);
	for (uint32_t i = 0; i < used; i++) {
		if (__atomic_load_n(&t->entry[i].ip, __ATOMIC_ACQUIRE) != ip)
			continue;
		__atomic_store_n(&t->entry[i].mac, v, __ATOMIC_RELEASE);
		__atomic_store_n(&t->entry[i].heard_ns, now_ns, __ATOMIC_RELAXED);
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
