/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet that came in, judged from cheap to dear: header, path, key id, source, number,
 * generation, and only then tag or checksum, and the body. */
#pragma once

#include "crypto/sealed.h"
#include "internal.h"

/* A godwit packet that came in. Of p the header is known, which cost little; who wants the rest has
 * the packet verified first. */
struct gw_arrival {
	struct gw_queue *queue;
	const uint8_t *received;
	const uint8_t *frame; /* the same, or its copy that will be opened: see gw_sealed_open() */
	uint32_t frame_bytes;
	size_t bytes; /* of the packet, without its trailer */
	struct gw_frame_in in;
	struct gw_wire_packet p;
};

/* Tag or checksum, then the body. Nothing of a packet moves any state before this said yes. */
static inline bool gw_arrival_verify(
	struct gw_worker *w, struct gw_arrival *a, const struct gw_aead_key *key)
{
	enum gw_wire_error error = GW_WIRE_OK;

	if (w->dp->flags == GW_WIRE_AEAD) {
		if (key == NULL || !gw_sealed_open(key, a->received + (a->in.payload - a->frame),
					   (uint8_t *)(uintptr_t)a->in.payload, a->bytes)) {
			gw_drop(w, GW_DROP_rx_forged);
			return false;
		}
	} else if (w->dp->flags == GW_WIRE_CRC32C) {
		error = gw_wire_check_crc(a->in.payload, a->bytes);
	}
	if (error == GW_WIRE_OK)
		error = gw_wire_decode_body(a->in.payload, &a->p);
	if (error == GW_WIRE_OK)
		return true;
	gw_drop(w, GW_DROP_WIRE + error);
	return false;
}

/* The key id and the source of a packet for a path are right. */
static inline bool gw_arrival_belongs(
	struct gw_worker *w, const struct gw_arrival *a, uint32_t key_id,
	const struct gw_ip *peer_ip)
{
	if (a->p.key_id == key_id && gw_ip_equal(&a->in.from_ip, peer_ip))
		return true;
	gw_drop(w, a->p.key_id != key_id ? GW_DROP_rx_bad_key : GW_DROP_rx_bad_source);
	return false;
}

/* The keys of a numbered packet; NULL, and counted: not held. */
static inline const struct gw_generation *gw_arrival_keys(
	struct gw_worker *w, const struct gw_path_keys *keys, uint64_t psn)
{
	const struct gw_generation *g = gw_path_keys_at(keys, psn);

	if (g == NULL)
		gw_drop(w, GW_DROP_rx_stale_key);
	return g;
}

/* worker_rx_out.c: ACK and REPLY, which arrive on an outgoing path. */
void gw_worker_rx_out(struct gw_worker *w, struct gw_arrival *a, uint64_t now_ns);
