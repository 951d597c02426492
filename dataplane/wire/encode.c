/* SPDX-License-Identifier: BSD-3-Clause */
#include "encode.h"

#include "bytes.h"
#include "crc.h"

static void put_common(
	struct gw_wire_common *c, const struct gw_wire_head *h, enum gw_wire_type type)
{
	c->version_type = (uint8_t)(GW_WIRE_VERSION << 4 | type);
	c->flags = h->flags;
	gw_put16(c->path, h->path);
	gw_put32(c->key_id, h->key_id);
	gw_put48(c->psn, h->psn);
}

void gw_wire_put_data(uint8_t *out, const struct gw_wire_head *h, const struct gw_wire_data_head *d)
{
	struct gw_wire_data *w = (struct gw_wire_data *)out;

	put_common(&w->c, h, GW_WIRE_DATA);
	gw_put16(w->epoch, d->epoch);
	gw_put16(w->stream, d->stream);
	w->region = d->region;
	w->encoding_fragment = (uint8_t)(d->encoding << 4 | d->fragment);
	gw_put32(w->page, d->page);
	gw_put16(w->offset, d->offset);
	gw_put16(w->length, d->length);
	gw_put32(w->timestamp, d->timestamp);
}

void gw_wire_put_run(uint8_t *out, uint32_t page, uint32_t count)
{
	struct gw_wire_run *w = (struct gw_wire_run *)out;

	gw_put32(w->page, page);
	gw_put32(w->count, count);
}

size_t gw_wire_put_ack(uint8_t *out, const struct gw_wire_head *h, const struct gw_wire_ack_body *a)
{
	struct gw_wire_ack *w = (struct gw_wire_ack *)out;

	put_common(&w->c, h, GW_WIRE_ACK);
	gw_put16(w->reserved, 0);
	gw_put48(w->largest, a->largest);
	gw_put16(w->reserved2, 0);
	gw_put32(w->echo, a->echo);
	gw_put32(w->hold, a->hold);
	gw_put32(w->ecn_ce, a->ecn_ce);
	gw_put64(w->credit, a->credit);
	for (unsigned int i = 0; i < GW_WIRE_ACK_BITS / 64; i++)
		gw_put64(w->bitmap + 8 * i, a->bitmap[i]);
	return sizeof(*w);
}

size_t gw_wire_put_probe(uint8_t *out, const struct gw_wire_head *h, enum gw_wire_type type,
	uint16_t core, uint32_t timestamp)
{
	struct gw_wire_probe *w = (struct gw_wire_probe *)out;

	put_common(&w->c, h, type);
	gw_put16(w->core, core);
	gw_put32(w->timestamp, timestamp);
	return sizeof(*w);
}

size_t gw_wire_seal(uint8_t *packet, size_t len, const struct gw_wire_head *h)
{
	if (h->flags != GW_WIRE_CRC32C)
		return len;
	gw_put32(packet + len, gw_crc32c(packet, len));
	return len + GW_WIRE_CRC_BYTES;
}
