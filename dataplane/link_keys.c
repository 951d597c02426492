/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of a link's paths: made ahead of their use, since a poll core neither allocates nor
 * calls OpenSSL. Control thread only. */
#include "internal.h"

#include "base/secret.h"

#include <errno.h>
#include <string.h>

int gw_link_secret(struct gw_dp_link *link, const uint8_t *secret, struct gw_err *err)
{
	enum gw_dp_integrity integrity = link->dp->conf.integrity;

	if (!gw_integrity_encrypts(integrity))
		return 0;
	if (secret == NULL)
		return gw_err(err, -EINVAL,
			"dataplane.integrity %s needs a secret, and there is none",
			gw_integrity_name(integrity));
	link->secret = gw_secret_alloc(GW_DP_SECRET_BYTES);
	if (link->secret == NULL)
		return gw_err(err, -ENOMEM, "no memory for a link's secret");
	memcpy(link->secret, secret, GW_DP_SECRET_BYTES);
	return 0;
}

void gw_link_secret_free(struct gw_dp_link *link)
{
	if (link->secret == NULL)
		return;
	explicit_bzero(link->secret, GW_DP_SECRET_BYTES);
	gw_secret_free(link->secret);
	link->secret = NULL;
}

static bool aes256(const struct gw_dp_link *link)
{
	return link->dp->conf.integrity == GW_DP_AES_256_GCM;
}

static struct gw_key_path path_of(const struct gw_dp_path *p)
{
	return (struct gw_key_path){
		.key_id = p->key_id,
		.initiator_slot = p->initiator_slot,
		.acceptor_slot = p->acceptor_slot,
		.core = p->core,
	};
}

int gw_link_keys(
	struct gw_dp_link *link, uint32_t i, struct gw_path_keys **keys, struct gw_err *err)
{
	struct gw_key_path path = path_of(&link->path[i]);

	if (link->secret == NULL)
		return 0;
	gw_path_keys_free(keys); /* of an answer that failed */
	*keys = gw_path_keys_create(link->secret, aes256(link), &path);
	return *keys != NULL ? 0 : gw_err(err, -ENOMEM, "no keys for path %u", i);
}

/* Whose link it is may have gone since its path asked, and another may have its slot. */
void gw_keys_short(struct gw_dp *dp, const void *path, uint64_t value)
{
	uint32_t slot = gw_keys_slot(value);
	const struct gw_path_out *out = gw_keys_incoming(value) ? NULL : dp->out[slot];
	const struct gw_path_in *in = gw_keys_incoming(value) ? dp->in[slot] : NULL;
	const struct gw_dp_link *link = out != NULL ? out->link : in != NULL ? in->link : NULL;
	struct gw_generation *g;
	struct gw_key_path key;
	uint32_t i = 0;

	if (link == NULL || (out != path && in != path) || link->secret == NULL)
		return;
	while (link->slot[i] != slot)
		i++;
	key = path_of(&link->path[i]);
	g = gw_generation_create(link->secret, aes256(link), &key, gw_keys_number(value));
	/* Without memory it will ask again. */
	if (g != NULL)
		g->owner = path;
	gw_dp_command(dp, out != NULL ? out->worker : in->worker, GW_CMD_KEYS, g, value);
}
