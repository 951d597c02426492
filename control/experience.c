/* SPDX-License-Identifier: BSD-3-Clause */
#include "experience.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB (1ull << 10)
#define MS 1000000ull

struct gw_experience_costs gw_experience_default(const char *kind)
{
	bool native = strcmp(kind, "native") == 0;

	return (struct gw_experience_costs){.state_bytes = native ? 16 * KIB : 512 * KIB,
		.fixed_ns = native ? 2 * MS : 3 * MS,
		.save_ns = native ? 0 : 2 * MS};
}

static struct gw_experience_place *place_for(
	struct gw_experience *e, const char *peer, const char *kind)
{
	struct gw_experience_place *oldest = &e->place[0];

	for (uint32_t i = 0; i < GW_EXPERIENCE_PLACES; i++) {
		struct gw_experience_place *p = &e->place[i];

		if (p->used != 0 && strcmp(p->peer, peer) == 0 && strcmp(p->kind, kind) == 0)
			return p;
		if (p->used < oldest->used)
			oldest = p;
	}
	memset(oldest, 0, sizeof(*oldest));
	snprintf(oldest->peer, sizeof(oldest->peer), "%s", peer);
	snprintf(oldest->kind, sizeof(oldest->kind), "%s", kind);
	return oldest;
}

void gw_experience_learn(struct gw_experience *e, const char *peer, const char *kind,
	const struct gw_experience_costs *costs, bool verified)
{
	struct gw_experience_place *p = place_for(e, peer, kind);
	struct gw_experience_costs *slot = &p->kept[p->n % GW_EXPERIENCE_KEPT];
	uint64_t per_gib = slot->verify_ns_per_gib;

	p->used = ++e->clock;
	*slot = *costs;
	slot->verify_ns_per_gib = per_gib;
	if (verified)
		p->kept[p->n_verified++ % GW_EXPERIENCE_KEPT].verify_ns_per_gib =
			costs->verify_ns_per_gib;
	p->n++;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The figure at `offset` of the first n kept, in order; how many that are. */
static uint32_t sorted(const struct gw_experience_place *p, uint32_t n, size_t offset,
	uint64_t value[GW_EXPERIENCE_KEPT])
{
	if (n > GW_EXPERIENCE_KEPT)
		n = GW_EXPERIENCE_KEPT;
	for (uint32_t i = 0; i < n; i++)
		memcpy(&value[i], (const char *)&p->kept[i] + offset, sizeof(value[i]));
	qsort(value, n, sizeof(value[0]), ascending);
	return n;
}

static void median(const struct gw_experience_place *p, uint32_t n, size_t offset, uint64_t *out)
{
	uint64_t value[GW_EXPERIENCE_KEPT];

	n = sorted(p, n, offset, value);
	if (n == 0)
		return;
	*out = n % 2 != 0 ? value[n / 2] : value[n / 2 - 1] + (value[n / 2] - value[n / 2 - 1]) / 2;
}

static void least(const struct gw_experience_place *p, size_t offset, uint64_t *out)
{
	uint64_t value[GW_EXPERIENCE_KEPT];

	if (sorted(p, p->n, offset, value) != 0)
		*out = value[0];
}

/* NULL: nobody has been to one of this kind. */
static const struct gw_experience_place *best_place(
	const struct gw_experience *e, const char *peer, const char *kind)
{
	const struct gw_experience_place *best = NULL;

	for (uint32_t i = 0; i < GW_EXPERIENCE_PLACES; i++) {
		const struct gw_experience_place *p = &e->place[i];

		if (p->used == 0 || strcmp(p->kind, kind) != 0)
			continue;
		if (strcmp(p->peer, peer) == 0)
			return p;
		if (best == NULL || p->used > best->used)
			best = p;
	}
	return best;
}

void gw_experience_recall(const struct gw_experience *e, const char *peer, const char *kind,
	struct gw_experience_costs *costs)
{
	const struct gw_experience_place *best = best_place(e, peer, kind);

	if (best == NULL)
		return;
#define MEDIAN(field, n) median(best, n, offsetof(struct gw_experience_costs, field), &costs->field)
	MEDIAN(state_bytes, best->n);
	MEDIAN(fixed_ns, best->n);
	MEDIAN(save_ns, best->n);
	MEDIAN(gap_ns, best->n);
	MEDIAN(rate_bps, best->n);
	MEDIAN(verify_ns_per_gib, best->n_verified);
#undef MEDIAN
}

void gw_experience_recall_least(const struct gw_experience *e, const char *peer, const char *kind,
	struct gw_experience_costs *costs)
{
	const struct gw_experience_place *best = best_place(e, peer, kind);

	if (best == NULL || best->n < GW_EXPERIENCE_SURE)
		return;
#define LEAST(field) least(best, offsetof(struct gw_experience_costs, field), &costs->field)
	LEAST(state_bytes);
	LEAST(fixed_ns);
	LEAST(save_ns);
	LEAST(gap_ns);
#undef LEAST
}
