/* SPDX-License-Identifier: BSD-3-Clause */
/* A bounded queue between exactly one producer thread and one consumer thread: commands to a poll
 * worker, and its events back. Fixed-size items, copied in and out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_SPSC_ITEMS 512u /* a power of two */

struct gw_spsc_item {
	uint32_t type;
	uint32_t reserved;
	void *object;
	uint64_t value;
};

struct gw_spsc {
	_Alignas(64) uint32_t head; /* the producer writes it */
	_Alignas(64) uint32_t tail; /* the consumer writes it */
	_Alignas(64) struct gw_spsc_item item[GW_SPSC_ITEMS];
};

static inline bool gw_spsc_push(struct gw_spsc *q, uint32_t type, void *object, uint64_t value)
{
	uint32_t head = q->head;

	if (head - __atomic_load_n(&q->tail, __ATOMIC_ACQUIRE) == GW_SPSC_ITEMS)
		return false;
	q->item[head % GW_SPSC_ITEMS] = (struct gw_spsc_item){type, 0, object, value};
	__atomic_store_n(&q->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool gw_spsc_empty(const struct gw_spsc *q) /* the consumer asks */
{
	return __atomic_load_n(&q->head, __ATOMIC_ACQUIRE) == q->tail;
}

static inline bool gw_spsc_pop(struct gw_spsc *q, struct gw_spsc_item *out)
{
	uint32_t tail = q->tail;

	if (__atomic_load_n(&q->head, __ATOMIC_ACQUIRE) == tail)
		return false;
	*out = q->item[tail % GW_SPSC_ITEMS];
	__atomic_store_n(&q->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}
