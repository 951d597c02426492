/* SPDX-License-Identifier: BSD-3-Clause */
#include "extents.h"

#include "message.h"

#include <errno.h>
#include <stdlib.h>

#define RUNS_PER_MESSAGE 16384u /* about 300 kB */

struct region {
	uint8_t id;
	uint64_t units;
	uint64_t *bits;
};

struct gw_extents {
	uint32_t n;
	uint32_t region; /* cursor of what was told */
	uint64_t unit;
	struct region r[GW_DP_MAX_REGIONS];
};

int gw_extents_create(const struct gw_ram *ram, struct gw_extents **out)
{
	struct gw_extents *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return -ENOMEM;
	e->n = gw_ram_regions(ram);
	for (uint32_t i = 0; i < e->n; i++) {
		uint64_t pages;

		gw_ram_region(ram, i, &e->r[i].id, &pages);
		e->r[i].units = (pages + GW_EXTENTS_UNIT_PAGES - 1) / GW_EXTENTS_UNIT_PAGES;
		e->r[i].bits = calloc((e->r[i].units + 63) / 64 + 1, sizeof(uint64_t));
		if (e->r[i].bits == NULL) {
			gw_extents_free(&e);
			return -ENOMEM;
		}
	}
	*out = e;
	return 0;
}

void gw_extents_free(struct gw_extents **e)
{
	if (*e == NULL)
		return;
	for (uint32_t i = 0; i < (*e)->n; i++)
		free((*e)->r[i].bits);
	free(*e);
	*e = NULL;
}

static void set(struct region *r, uint64_t first, uint64_t end)
{
	for (uint64_t u = first; u < end && u < r->units; u++)
		r->bits[u / 64] |= 1ull << (u % 64);
}

static bool get(const struct region *r, uint64_t unit)
{
	return unit < r->units && (r->bits[unit / 64] >> (unit % 64) & 1) != 0;
}

void gw_extents_add(struct gw_extents *e, uint32_t region, uint64_t first_page, uint64_t pages)
{
	if (pages > 0)
		set(&e->r[region], first_page / GW_EXTENTS_UNIT_PAGES,
			(first_page + pages + GW_EXTENTS_UNIT_PAGES - 1) / GW_EXTENTS_UNIT_PAGES);
}

bool gw_extents_has(const struct gw_extents *e, uint32_t region, uint64_t unit)
{
	return get(&e->r[region], unit);
}

uint64_t gw_extents_units(const struct gw_extents *e, uint32_t region)
{
	return e->r[region].units;
}

json_t *gw_extents_next(struct gw_extents *e)
{
	struct region *r = &e->r[e->region];
	uint32_t count = 0;
	json_t *runs;
	bool last;

	if (e->region >= e->n)
		return NULL;
	runs = json_array();
	while (e->unit < r->units && count < RUNS_PER_MESSAGE) {
		uint64_t first = e->unit;

		while (e->unit < r->units && get(r, e->unit))
			e->unit++;
		if (e->unit > first) {
			json_array_append_new(runs, json_integer((json_int_t)first));
			json_array_append_new(runs, json_integer((json_int_t)(e->unit - first)));
			count++;
		}
		while (e->unit < r->units && !get(r, e->unit))
			e->unit++;
	}
	if (e->unit >= r->units) {
		e->region++;
		e->unit = 0;
	}
	last = e->region >= e->n;
	return json_pack(
		"{s:i, s:o, s:b}", "region", (int)r->id, "runs", runs, "last", last ? 1 : 0);
}

int gw_extents_take(struct gw_extents *e, const json_t *body, bool *last)
{
	const json_t *runs = json_object_get(body, "runs");
	struct region *r = NULL;
	uint64_t id;

	if (gw_message_u64(body, "region", UINT8_MAX, &id) != 0)
		return -EPROTO;
	for (uint32_t i = 0; i < e->n; i++)
		if (e->r[i].id == id)
			r = &e->r[i];
	if (r == NULL || !json_is_array(runs) || json_array_size(runs) % 2 != 0)
		return -EPROTO;
	for (size_t i = 0; i < json_array_size(runs); i += 2) {
		const json_t *a = json_array_get(runs, i), *b = json_array_get(runs, i + 1);
		json_int_t first = json_integer_value(a), count = json_integer_value(b);

		if (!json_is_integer(a) || !json_is_integer(b) || first < 0 || count <= 0)
			return -EPROTO;
		if ((uint64_t)first >= r->units || (uint64_t)count > r->units - (uint64_t)first)
			return -EPROTO;
		set(r, (uint64_t)first, (uint64_t)first + (uint64_t)count);
	}
	*last = gw_message_bool(body, "last");
	return 0;
}
