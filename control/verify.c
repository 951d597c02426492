/* SPDX-License-Identifier: BSD-3-Clause */
#include "verify.h"

#include "../dataplane/base/log.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGESTS_PER_MESSAGE 16384u /* about 600 kB */
#define PAGE_DIGEST_HEX 16
#define LOGGED_PAGES 20u

struct region {
	uint8_t id;
	uint64_t pages, chunks;
	struct gw_digest128 *own, *peer;
};

struct gw_verify {
	const struct gw_ram *ram;
	uint32_t n;
	struct region r[GW_DP_MAX_REGIONS];
	int result;
	uint32_t region; /* cursor: of what was told, taken, or compared */
	uint64_t chunk;
	bool complete, comparing, asked;
	uint64_t differing, mismatched;
};

int gw_verify_create(const struct gw_ram *ram, struct gw_verify **out)
{
	struct gw_verify *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	v->ram = ram;
	v->n = gw_ram_regions(ram);
	for (uint32_t i = 0; i < v->n; i++) {
		struct region *r = &v->r[i];

		gw_ram_region(ram, i, &r->id, &r->pages);
		r->chunks = gw_digest_chunks(r->pages);
		r->own = calloc(r->chunks + 1, sizeof(*r->own));
		r->peer = calloc(r->chunks + 1, sizeof(*r->peer));
		if (r->own == NULL || r->peer == NULL) {
			gw_verify_free(&v);
			return -ENOMEM;
		}
	}
	*out = v;
	return 0;
}

void gw_verify_free(struct gw_verify **v)
{
	if (*v == NULL)
		return;
	for (uint32_t i = 0; i < (*v)->n; i++) {
		free((*v)->r[i].own);
		free((*v)->r[i].peer);
	}
	free(*v);
	*v = NULL;
}

static bool cancelled(void *ctx)
{
	return gw_job_cancelled(ctx);
}

void gw_verify_work(struct gw_job *job, void *arg)
{
	struct gw_verify *v = arg;

	for (uint32_t i = 0; i < v->n && v->result == 0; i++)
		v->result = gw_digest_region(v->ram, i, v->r[i].own, cancelled, job);
}

int gw_verify_result(const struct gw_verify *v)
{
	return v->result;
}

json_t *gw_verify_next(struct gw_verify *v)
{
	struct region *r = &v->r[v->region];
	uint64_t first = v->chunk;
	char hex[GW_DIGEST_TEXT];
	json_t *list;

	if (v->region >= v->n)
		return NULL;
	list = json_array();
	for (; v->chunk < r->chunks && v->chunk - first < DIGESTS_PER_MESSAGE; v->chunk++) {
		gw_digest_print(r->own[v->chunk], hex);
		json_array_append_new(list, json_string(hex));
	}
	if (v->chunk >= r->chunks) {
		v->region++;
		v->chunk = 0;
	}
	return json_pack("{s:i, s:I, s:o, s:b}", "region", (int)r->id, "first", (json_int_t)first,
		"digests", list, "last", v->region >= v->n ? 1 : 0);
}

static int region_of(const struct gw_verify *v, const json_t *body, uint32_t *n)
{
	uint64_t id;

	if (gw_message_u64(body, "region", UINT8_MAX, &id) != 0)
		return -EPROTO;
	for (*n = 0; *n < v->n; (*n)++)
		if (v->r[*n].id == id)
			return 0;
	return -EPROTO;
}

json_t *gw_verify_pages(const struct gw_verify *v, const json_t *question)
{
	uint64_t page[GW_DIGEST_CHUNK_PAGES], chunk;
	char hex[PAGE_DIGEST_HEX + 1];
	json_t *list;
	uint32_t n;
	int count;

	if (region_of(v, question, &n) != 0 ||
		gw_message_u64(question, "chunk", v->r[n].chunks - 1, &chunk) != 0)
		return NULL;
	count = gw_digest_pages(v->ram, n, chunk, page);
	if (count < 0)
		return NULL;
	list = json_array();
	for (int i = 0; i < count; i++) {
		snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)page[i]);
		json_array_append_new(list, json_string(hex));
	}
	return json_pack("{s:i, s:I, s:o}", "region", (int)v->r[n].id, "chunk", (json_int_t)chunk,
		"digests", list);
}

int gw_verify_take(struct gw_verify *v, const json_t *body)
{
	const json_t *list = json_object_get(body, "digests");
	struct region *r;
	uint64_t first;
	uint32_t n;

	if (v->complete || region_of(v, body, &n) != 0 || n != v->region)
		return -EPROTO;
	r = &v->r[n];
	if (gw_message_u64(body, "first", r->chunks, &first) != 0 || first != v->chunk ||
		!json_is_array(list) || json_array_size(list) > r->chunks - first)
		return -EPROTO;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL || gw_digest_parse(text, &r->peer[first + i]) != 0)
			return -EPROTO;
	}
	v->chunk += json_array_size(list);
	if (v->chunk == r->chunks) {
		v->region++;
		v->chunk = 0;
	}
	v->complete = v->region == v->n;
	return 0;
}

bool gw_verify_complete(const struct gw_verify *v)
{
	return v->complete;
}

json_t *gw_verify_question(struct gw_verify *v)
{
	if (!v->comparing) {
		v->comparing = true;
		v->region = 0;
		v->chunk = 0;
	}
	for (; v->region < v->n; v->region++, v->chunk = 0) {
		const struct region *r = &v->r[v->region];

		for (; v->chunk < r->chunks; v->chunk++) {
			if (memcmp(&r->own[v->chunk], &r->peer[v->chunk], sizeof(r->own[0])) == 0)
				continue;
			if (++v->differing > GW_VERIFY_MAX_CHUNKS) {
				v->mismatched++;
				continue;
			}
			v->asked = true;
			return json_pack(
				"{s:i, s:I}", "region", (int)r->id, "chunk", (json_int_t)v->chunk);
		}
	}
	return NULL;
}

static int differing_pages(struct gw_verify *v, const json_t *list, const char *session)
{
	uint64_t own[GW_DIGEST_CHUNK_PAGES];
	int count = gw_digest_pages(v->ram, v->region, v->chunk, own);
	uint64_t before = v->mismatched;

	if (count < 0 || json_array_size(list) != (size_t)count)
		return -EPROTO;
	for (int i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, (size_t)i));
		char hex[PAGE_DIGEST_HEX + 1];

		if (text == NULL)
			return -EPROTO;
		snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)own[i]);
		if (strcmp(hex, text) == 0)
			continue;
		if (v->mismatched++ < LOGGED_PAGES)
			gw_error("session %s: region %u page %llu differs", session,
				v->r[v->region].id,
				(unsigned long long)(v->chunk * GW_DIGEST_CHUNK_PAGES +
						     (uint64_t)i));
	}
	/* The chunks differ, so something does. */
	if (v->mismatched == before)
		v->mismatched++;
	return 0;
}

int gw_verify_answer(struct gw_verify *v, const json_t *body, const char *session)
{
	uint64_t chunk;
	uint32_t n;
	int rc;

	if (!v->asked || region_of(v, body, &n) != 0 || n != v->region ||
		gw_message_u64(body, "chunk", v->r[n].chunks, &chunk) != 0 || chunk != v->chunk)
		return -EPROTO;
	rc = differing_pages(v, json_object_get(body, "digests"), session);
	v->asked = false;
	v->chunk++;
	return rc;
}

uint64_t gw_verify_total(const struct gw_verify *v)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < v->n; i++)
		pages += v->r[i].pages;
	return pages;
}

uint64_t gw_verify_mismatched(const struct gw_verify *v)
{
	return v->mismatched;
}
