/* SPDX-License-Identifier: BSD-3-Clause */
#include "path_keys.h"

#include "../base/secret.h"

#include <string.h>

struct gw_generation *gw_path_keys_put(struct gw_path_keys *k, struct gw_generation *g)
{
	struct gw_generation **place = &k->generation[g->number % GW_GENERATIONS], *old = *place;

	*place = g;
	return old;
}

struct gw_generation *gw_generation_create(const uint8_t secret[GW_SECRET_BYTES], bool aes256,
	const struct gw_key_path *path, uint64_t number)
{
	struct gw_generation *g = gw_secret_alloc(sizeof(*g));

	if (g == NULL)
		return NULL;
	g->number = number;
	if (gw_key_derive(secret, aes256, path, GW_KEY_DATA, number, &g->data) != 0 ||
		gw_key_derive(secret, aes256, path, GW_KEY_ACK, number, &g->ack) != 0) {
		gw_generation_free(g);
		return NULL;
	}
	return g;
}

struct gw_path_keys *gw_path_keys_create(
	const uint8_t secret[GW_SECRET_BYTES], bool aes256, const struct gw_key_path *path)
{
	struct gw_path_keys *k = gw_secret_alloc(sizeof(*k));
	struct gw_generation *g;
	bool failed;

	if (k == NULL)
		return NULL;
	failed = gw_key_derive(secret, aes256, path, GW_KEY_PROBE, 0, &k->probe) != 0 ||
		 gw_key_derive(secret, aes256, path, GW_KEY_REPLY, 0, &k->reply) != 0;
	for (uint64_t n = 0; n < 2 && !failed; n++) {
		g = gw_generation_create(secret, aes256, path, n);
		failed = g == NULL;
		if (!failed)
			gw_path_keys_put(k, g);
	}
	if (failed)
		gw_path_keys_free(&k);
	return k;
}

void gw_path_keys_free(struct gw_path_keys **keys)
{
	struct gw_path_keys *k = *keys;

	if (k == NULL)
		return;
	*keys = NULL;
	for (uint32_t i = 0; i < GW_GENERATIONS; i++)
		gw_generation_free(k->generation[i]);
	explicit_bzero(k, sizeof(*k));
	gw_secret_free(k);
}

void gw_generation_free(struct gw_generation *g)
{
	if (g == NULL)
		return;
	explicit_bzero(g, sizeof(*g));
	gw_secret_free(g);
}
