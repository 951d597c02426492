/* SPDX-License-Identifier: BSD-3-Clause */
#include "door.h"

#include "../dataplane/base/clock.h"

#include <errno.h>
#include <string.h>

#define EACH_NS (GW_NS_PER_S / GW_DOOR_PER_SECOND)

uint64_t gw_door_wait_ns(const struct gw_door *door, uint64_t now_ns)
{
	const uint64_t ahead_ns = (GW_DOOR_BURST - 1) * EACH_NS;
	uint64_t from_ns = door->full_ns > ahead_ns ? door->full_ns - ahead_ns : 0;

	return from_ns > now_ns ? from_ns - now_ns : 0;
}

int gw_door_enter(struct gw_door *door, const uint8_t from[16], uint64_t now_ns, int *evicted)
{
	uint32_t same = 0, pick = 0;

	/* Whoever is turned away costs as much to accept. */
	door->full_ns = (door->full_ns > now_ns ? door->full_ns : now_ns) + EACH_NS;
	*evicted = -1;
	for (uint32_t i = 0; i < GW_DOOR_PLACES; i++) {
		const struct gw_door_place *p = &door->place[i];

		if (p->since_ns != 0 && memcmp(p->from, from, sizeof(p->from)) == 0)
			same++;
		if (p->since_ns < door->place[pick].since_ns)
			pick = i;
	}
	if (same >= GW_DOOR_PER_SOURCE)
		return -EBUSY;
	if (door->place[pick].since_ns != 0)
		*evicted = (int)pick;
	memcpy(door->place[pick].from, from, sizeof(door->place[pick].from));
	door->place[pick].since_ns = now_ns;
	return (int)pick;
}

void gw_door_leave(struct gw_door *door, int place)
{
	if (place >= 0)
		door->place[place].since_ns = 0;
}
