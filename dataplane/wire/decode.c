/* SPDX-License-Identifier: BSD-3-Clause */
#include "decode.h"

#include "bytes.h"
#include "crc.h"

const char *gw_wire_error_name(enum gw_wire_error error)
{
	static const char *const names[GW_WIRE_ERRORS] = {
		[GW_WIRE_OK] = "ok",
		[GW_WIRE_SHORT] = "wire_short",
		[GW_WIRE_BAD_VERSION] = "wire_bad_version",
		[GW_WIRE_BAD_TYPE] = "wire_bad_type",
		[GW_WIRE_BAD_FLAGS] = "wire_bad_flags",
		[GW_WIRE_BAD_CRC] = "wire_bad_crc",
		[GW_WIRE_BAD_LENGTH] = "wire_bad_length",
		[GW_WIRE_BAD_EPOCH] = "wire_bad_epoch",
		[GW_WIRE_BAD_ENCODING] = "wire_bad_encoding",
		[GW_WIRE_BAD_FRAGMENT] = "wire_bad_fragment",
		[GW_WIRE_BAD_RUN] = "wire_bad_run",
		[GW_WIRE_BAD_ACK] = "wire_bad_ack",
	};

	return error < GW_WIRE_ERRORS ? names[error] : "?";
}

static enum gw_wire_error check_raw(const struct gw_wire_packet *p)
{
	if (p->data.fragment == GW_WIRE_WHOLE) {
		if (p->data.offset != 0 || p->data.length == 0 ||
			p->data.length % GW_WIRE_PAGE_BYTES != 0)
			return GW_WIRE_BAD_FRAGMENT;
		return GW_WIRE_OK;
	}
	if (p->data.fragment >= GW_WIRE_QUARTER_FIRST + GW_WIRE_QUARTERS ||
		p->data.offset != gw_wire_fragment_offset(p->data.fragment) ||
		p->data.length != gw_wire_fragment_length(p->data.fragment))
		return GW_WIRE_BAD_FRAGMENT;
	return GW_WIRE_OK;
}

static enum gw_wire_error check_runs(const struct gw_wire_packet *p)
{
	uint32_t page, count, room = GW_WIRE_RUN_PAGES_MAX;

	if (p->data.fragment != GW_WIRE_WHOLE || p->data.offset != 0)
		return GW_WIRE_BAD_FRAGMENT;
	if (p->data.length == 0 || p->data.length % sizeof(struct gw_wire_run) != 0 ||
		p->data.length > GW_WIRE_RUNS_MAX * sizeof(struct gw_wire_run))
		return GW_WIRE_BAD_RUN;
	for (unsigned int i = 0; i < p->data.length / sizeof(struct gw_wire_run); i++) {
		gw_wire_run_get(p->data.payload, i, &page, &count);
		if (count == 0 || count > UINT32_MAX - page || count > room)
			return GW_WIRE_BAD_RUN;
		room -= count;
	}
	return GW_WIRE_OK;
}

static enum gw_wire_error decode_data(const uint8_t *bytes, struct gw_wire_packet *p)
{
	const struct gw_wire_data *w = (const struct gw_wire_data *)bytes;

	p->data.epoch = gw_get16(w->epoch);
	p->data.stream = gw_get16(w->stream);
	p->data.region = w->region;
	p->data.encoding = w->encoding_fragment >> 4;
	p->data.fragment = w->encoding_fragment & 0xf;
	p->data.page = gw_get32(w->page);
	p->data.offset = gw_get16(w->offset);
	p->data.length = gw_get16(w->length);
	p->data.timestamp = gw_get32(w->timestamp);
	p->data.payload = bytes + sizeof(*w);
	if (p->data.epoch == 0)
		return GW_WIRE_BAD_EPOCH;
	switch (p->data.encoding) {
	case GW_WIRE_RAW:
		return check_raw(p);
	case GW_WIRE_ZERO_RUNS:
	case GW_WIRE_HOLE_RUNS:
		return check_runs(p);
	default:
		return GW_WIRE_BAD_ENCODING;
	}
}

static enum gw_wire_error decode_ack(const uint8_t *bytes, struct gw_wire_packet *p)
{
	const struct gw_wire_ack *w = (const struct gw_wire_ack *)bytes;

	p->ack.largest = gw_get48(w->largest);
	p->ack.echo = gw_get32(w->echo);
	p->ack.hold = gw_get32(w->hold);
	p->ack.ecn_ce = gw_get32(w->ecn_ce);
	p->ack.credit = gw_get64(w->credit);
	for (unsigned int i = 0; i < GW_WIRE_ACK_BITS / 64; i++)
		p->ack.bitmap[i] = gw_get64(w->bitmap + 8 * i);
	/* A bit for a PSN below zero acknowledges what cannot exist. */
	if (p->ack.largest < GW_WIRE_ACK_BITS - 1) {
		for (unsigned int i = (unsigned int)p->ack.largest + 1; i < GW_WIRE_ACK_BITS; i++)
			if (p->ack.bitmap[i / 64] >> (i % 64) & 1)
				return GW_WIRE_BAD_ACK;
	}
	return GW_WIRE_OK;
}

static enum gw_wire_error decode_probe(const uint8_t *bytes, struct gw_wire_packet *p)
{
	const struct gw_wire_probe *w = (const struct gw_wire_probe *)bytes;

	p->probe.core = gw_get16(w->core);
	p->probe.timestamp = gw_get32(w->timestamp);
	return GW_WIRE_OK;
}

/* len: without the trailer. */
static enum gw_wire_error check_length(const uint8_t *bytes, size_t len, enum gw_wire_type type)
{
	static const uint8_t least[] = {[GW_WIRE_DATA] = sizeof(struct gw_wire_data),
		[GW_WIRE_ACK] = sizeof(struct gw_wire_ack),
		[GW_WIRE_PROBE] = sizeof(struct gw_wire_probe),
		[GW_WIRE_REPLY] = sizeof(struct gw_wire_probe)};
	size_t more;

	if (type < GW_WIRE_DATA || type > GW_WIRE_REPLY)
		return GW_WIRE_BAD_TYPE;
	if (len < least[type])
		return GW_WIRE_SHORT;
	more = len - least[type];
	switch (type) {
	case GW_WIRE_DATA:
		return more == gw_get16(((const struct gw_wire_data *)bytes)->length)
			       ? GW_WIRE_OK
			       : GW_WIRE_BAD_LENGTH;
	case GW_WIRE_PROBE: /* only it may be padded */
		return GW_WIRE_OK;
	default:
		return more == 0 ? GW_WIRE_OK : GW_WIRE_BAD_LENGTH;
	}
}

enum gw_wire_error gw_wire_decode_head(
	const uint8_t *bytes, size_t len, uint8_t flags, struct gw_wire_packet *p, size_t *packet)
{
	const struct gw_wire_common *c = (const struct gw_wire_common *)bytes;
	uint32_t trailer = gw_wire_trailer_bytes(flags);

	if (len < sizeof(*c) + trailer)
		return GW_WIRE_SHORT;
	if (c->version_type >> 4 != GW_WIRE_VERSION)
		return GW_WIRE_BAD_VERSION;
	if (c->flags != flags)
		return GW_WIRE_BAD_FLAGS;
	p->type = (enum gw_wire_type)(c->version_type & 0xf);
	p->path = gw_get16(c->path);
	p->key_id = gw_get32(c->key_id);
	p->psn = gw_get48(c->psn);
	*packet = len - trailer;
	return check_length(bytes, *packet, p->type);
}

enum gw_wire_error gw_wire_check_crc(const uint8_t *bytes, size_t len)
{
	return gw_get32(bytes + len) == gw_crc32c(bytes, len) ? GW_WIRE_OK : GW_WIRE_BAD_CRC;
}

enum gw_wire_error gw_wire_decode_body(const uint8_t *bytes, struct gw_wire_packet *p)
{
	switch (p->type) {
	case GW_WIRE_DATA:
		return decode_data(bytes, p);
	case GW_WIRE_ACK:
		return decode_ack(bytes, p);
	case GW_WIRE_PROBE:
	case GW_WIRE_REPLY:
		return decode_probe(bytes, p);
	default:
		return GW_WIRE_BAD_TYPE;
	}
}

enum gw_wire_error gw_wire_decode(
	const uint8_t *bytes, size_t len, uint8_t flags, struct gw_wire_packet *p)
{
	enum gw_wire_error error = gw_wire_decode_head(bytes, len, flags, p, &len);

	if (error == GW_WIRE_OK && flags == GW_WIRE_CRC32C)
		error = gw_wire_check_crc(bytes, len);
	return error == GW_WIRE_OK ? gw_wire_decode_body(bytes, p) : error;
}
