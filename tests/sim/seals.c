/* SPDX-License-Identifier: BSD-3-Clause */
/* Stands where packets are sealed and opened. No key and nonce seal two different texts: with both
 * of them anybody has their difference, and forges more. */
#include "seals.h"

#include "../../dataplane/crypto/aead.h"
#include "../../dataplane/internal.h"
#include "breaks.h"
#include "engine.h"
#include "net.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FIRST_SIZE (1u << 16)
#define KEY_BYTES 32u /* an expanded key begins with the key */

/* What was sealed, by key and nonce: open addressing, at most half full. */
static struct {
	struct seal {
		uint64_t id, text; /* hashes; id 0: free */
	} * seal;
	uint64_t size, n;
	uint64_t refused; /* packets that did not open */
} seals;

void sim_seals_reset(void)
{
	free(seals.seal);
	memset(&seals, 0, sizeof(seals));
}

void sim_seals_check(void)
{
	uint64_t damaged = 0;

	for (uint16_t i = 0; i < sim_net_ports(); i++)
		damaged += sim_net_up(i)->damaged + sim_net_down(i)->damaged;
	/* Either cable may double it. */
	if (seals.refused > 4 * damaged)
		sim_broken("%llu sealed packets were refused, %llu damaged",
			(unsigned long long)seals.refused, (unsigned long long)damaged);
}

static struct seal *place_of(struct seal *table, uint64_t size, uint64_t id)
{
	uint64_t i = id & (size - 1);

	while (table[i].id != 0 && table[i].id != id)
		i = (i + 1) & (size - 1);
	return &table[i];
}

static void make_room(void)
{
	uint64_t size = seals.size == 0 ? FIRST_SIZE : 2 * seals.size;
	struct seal *table;

	if (2 * seals.n < seals.size)
		return;
	table = calloc(size, sizeof(*table));
	if (table == NULL)
		abort();
	for (uint64_t i = 0; i < seals.size; i++)
		if (seals.seal[i].id != 0)
			*place_of(table, size, seals.seal[i].id) = seals.seal[i];
	free(seals.seal);
	seals.seal = table;
	seals.size = size;
}

/* The same text again is the same packet again: a probe's answer. */
static void check(const struct gw_aead_key *k, const uint8_t *nonce, uint64_t text)
{
	uint8_t both[KEY_BYTES + GW_AEAD_NONCE_BYTES];
	struct seal *s;
	uint64_t id;

	memcpy(both, k->expanded, KEY_BYTES);
	memcpy(both + KEY_BYTES, nonce, GW_AEAD_NONCE_BYTES);
	id = XXH3_64bits(both, sizeof(both)) | 1;
	make_room();
	s = place_of(seals.seal, seals.size, id);
	if (s->id == 0) {
		*s = (struct seal){id, text};
		seals.n++;
	} else if (s->text != text) {
		sim_broken("a key and a nonce seal two texts: key %02x%02x.., nonce "
			   "..%02x%02x%02x",
			k->expanded[0], k->expanded[1], nonce[9], nonce[10], nonce[11]);
	}
}

void __wrap_gw_aead_seal(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out,
	const uint8_t *next);
void __real_gw_aead_seal(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out,
	const uint8_t *next);

void __wrap_gw_aead_seal(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len, uint8_t *out,
	const uint8_t *next)
{
	uint8_t used[GW_AEAD_NONCE_BYTES];

	memcpy(used, nonce, sizeof(used));
	/* The packet's neighbour has that one. */
	if (sim_breaks(SIM_BREAK_REUSE_NONCE) && sim_chance(0.001))
		used[GW_AEAD_NONCE_BYTES - 1] ^= 1;
	check(k, used, XXH3_64bits(aad, aad_len) ^ XXH3_64bits_withSeed(plain, len, 1));
	__real_gw_aead_seal(k, used, aad, aad_len, plain, len, out, next);
}

bool __wrap_gw_aead_open(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *sealed, size_t len, uint8_t *out);
bool __real_gw_aead_open(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *sealed, size_t len, uint8_t *out);

bool __wrap_gw_aead_open(const struct gw_aead_key *k, const uint8_t nonce[GW_AEAD_NONCE_BYTES],
	const uint8_t *aad, size_t aad_len, const uint8_t *sealed, size_t len, uint8_t *out)
{
	bool good = __real_gw_aead_open(k, nonce, aad, aad_len, sealed, len, out);

	seals.refused += !good;
	return good || sim_breaks(SIM_BREAK_SKIP_TAG);
}

/* ---- keys that change ---- */

struct gw_generation *__wrap_gw_generation_create(const uint8_t secret[GW_SECRET_BYTES],
	bool aes256, const struct gw_key_path *path, uint64_t number);
struct gw_generation *__real_gw_generation_create(const uint8_t secret[GW_SECRET_BYTES],
	bool aes256, const struct gw_key_path *path, uint64_t number);

struct gw_generation *__wrap_gw_generation_create(const uint8_t secret[GW_SECRET_BYTES],
	bool aes256, const struct gw_key_path *path, uint64_t number)
{
	bool wrong = sim_breaks(SIM_BREAK_WRONG_KEY) && sim_chance(0.5);
	struct gw_generation *g = __real_gw_generation_create(secret, aes256, path, number + wrong);

	if (g != NULL)
		g->number = number;
	return g;
}

int __wrap_gw_dp_link_plan(struct gw_dp *dp, const struct gw_dp_host *peer, const uint8_t *secret,
	struct gw_dp_link **out, struct gw_err *err);
int __real_gw_dp_link_plan(struct gw_dp *dp, const struct gw_dp_host *peer, const uint8_t *secret,
	struct gw_dp_link **out, struct gw_err *err);

/* Half of the paths begin shortly before the keys change: to those that were made with the path, or
 * to those that control makes on the way. */
int __wrap_gw_dp_link_plan(struct gw_dp *dp, const struct gw_dp_host *peer, const uint8_t *secret,
	struct gw_dp_link **out, struct gw_err *err)
{
	int rc = __real_gw_dp_link_plan(dp, peer, secret, out, err);

	for (uint32_t i = 0; rc == 0 && sim_packet_real_bytes() && i < (*out)->n; i++) {
		struct gw_tx_path *tx = &dp->out[(*out)->slot[i]]->tx;

		if (sim_chance(0.5))
			tx->next_psn = tx->una =
				((1 + (uint64_t)sim_below(2)) << GW_WIRE_GENERATION_SHIFT) -
				sim_below(5000);
	}
	return rc;
}
