/* SPDX-License-Identifier: BSD-3-Clause */
#include "message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READER_START 4096u
#define READER_MAX (GW_MESSAGE_HEADER + GW_MESSAGE_MAX)

struct gw_message_reader {
	uint8_t *buf;
	size_t have, size;
};

static const char *const names[] = {
#define X(e, n) [GW_MESSAGE_##e] = n,
	GW_MESSAGE_TYPES(X)
#undef X
};

const char *gw_message_name(enum gw_message_type type)
{
	return (unsigned int)type < GW_MESSAGE_N_TYPES ? names[type] : "?";
}

static int type_of(const char *name)
{
	for (int i = 0; i < GW_MESSAGE_N_TYPES; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int gw_message_encode(
	uint32_t version, enum gw_message_type type, json_t *body, uint8_t **out, size_t *len)
{
	json_t *o = body != NULL ? body : json_object();
	uint32_t be;
	uint8_t *buf;
	size_t n;
	int rc = -ENOMEM;

	if (o == NULL || json_object_set_new(o, "v", json_integer(version)) != 0 ||
		json_object_set_new(o, "type", json_string(gw_message_name(type))) != 0)
		goto done;
	n = json_dumpb(o, NULL, 0, JSON_COMPACT);
	if (n == 0)
		goto done;
	rc = -EMSGSIZE;
	if (n > GW_MESSAGE_MAX)
		goto done;
	rc = -ENOMEM;
	buf = malloc(GW_MESSAGE_HEADER + n);
	if (buf == NULL)
		goto done;
	be = htonl((uint32_t)n);
	memcpy(buf, &be, GW_MESSAGE_HEADER);
	json_dumpb(o, (char *)buf + GW_MESSAGE_HEADER, n, JSON_COMPACT);
	*out = buf;
	*len = GW_MESSAGE_HEADER + n;
	rc = 0;
done:
	json_decref(o);
	return rc;
}

int gw_message_reader_create(struct gw_message_reader **out)
{
	struct gw_message_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->buf = malloc(READER_START);
	if (r->buf == NULL) {
		free(r);
		return -ENOMEM;
	}
	r->size = READER_START;
	*out = r;
	return 0;
}

void gw_message_reader_free(struct gw_message_reader **r)
{
	if (*r == NULL)
		return;
	free((*r)->buf);
	free(*r);
	*r = NULL;
}

int gw_message_reader_room(struct gw_message_reader *r, uint8_t **at, size_t *room)
{
	if (r->have == r->size && r->size < READER_MAX) {
		size_t size = r->size * 2 < READER_MAX ? r->size * 2 : READER_MAX;
		uint8_t *buf = realloc(r->buf, size);

		if (buf == NULL)
			return -ENOMEM;
		r->buf = buf;
		r->size = size;
	}
	if (r->have == r->size)
		return -ENOMEM; /* a complete message waits to be taken */
	*at = r->buf + r->have;
	*room = r->size - r->have;
	return 0;
}

void gw_message_reader_got(struct gw_message_reader *r, size_t n)
{
	r->have += n <= r->size - r->have ? n : r->size - r->have;
}

static int parse(const uint8_t *text, size_t n, enum gw_message_type *type, json_t **body,
	struct gw_err *err)
{
	json_error_t je;
	json_t *o = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, &je);
	const char *name;
	uint64_t version;
	int t;

	if (o == NULL)
		return gw_err(err, -EPROTO, "message is not JSON: %s", je.text);
	if (!json_is_object(o)) {
		gw_err(err, 0, "message is not a JSON object");
		goto bad;
	}
	if (gw_message_u64(o, "v", UINT32_MAX, &version) != 0 || version < GW_MESSAGE_OLDEST ||
		version > GW_MESSAGE_VERSION) {
		gw_err(err, 0,
			"message version is none of %u..%u: the two godwit are too far apart",
			GW_MESSAGE_OLDEST, GW_MESSAGE_VERSION);
		goto bad;
	}
	name = json_string_value(json_object_get(o, "type"));
	t = name != NULL ? type_of(name) : -1;
	if (t < 0) {
		gw_err(err, 0, "unknown message type '%.32s'", name != NULL ? name : "");
		goto bad;
	}
	*type = (enum gw_message_type)t;
	*body = o;
	return 1;
bad:
	json_decref(o);
	return -EPROTO;
}

int gw_message_next(
	struct gw_message_reader *r, enum gw_message_type *type, json_t **body, struct gw_err *err)
{
	uint32_t n;
	int rc;

	if (r->have < GW_MESSAGE_HEADER)
		return 0;
	memcpy(&n, r->buf, GW_MESSAGE_HEADER);
	n = ntohl(n);
	if (n == 0 || n > GW_MESSAGE_MAX)
		return gw_err(
			err, -EPROTO, "message of %u bytes; allowed: 1..%u", n, GW_MESSAGE_MAX);
	if (r->have - GW_MESSAGE_HEADER < n)
		return 0;
	rc = parse(r->buf + GW_MESSAGE_HEADER, n, type, body, err);
	r->have -= GW_MESSAGE_HEADER + n;
	memmove(r->buf, r->buf + GW_MESSAGE_HEADER + n, r->have);
	return rc;
}

int gw_message_u64(const json_t *o, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
		(uint64_t)json_integer_value(v) > max)
		return -EPROTO;
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

int gw_message_text(const json_t *o, const char *key, char *out, size_t size)
{
	const json_t *v = json_object_get(o, key);
	size_t n = json_string_length(v);
	const char *s = json_string_value(v);

	if (s == NULL || n == 0 || n >= size)
		return -EPROTO;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return -EPROTO;
	memcpy(out, s, n + 1);
	return 0;
}

bool gw_message_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

void gw_message_reason(const json_t *o, const char *key, char *out, size_t size)
{
	const json_t *v = json_object_get(o, key);
	const char *s = json_string_value(v);
	size_t n = json_string_length(v);

	if (s == NULL)
		n = 0;
	if (n > size - 1)
		n = size - 1;
	/* A cut must not leave half a character: everything here ends up in JSON again. */
	while (s != NULL && n > 0 && n < json_string_length(v) &&
		((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	out[n] = '\0';
}

json_t *gw_message_string(const char *text)
{
	json_t *o = json_string(text);
	char plain[GW_ERR_TEXT];
	size_t n;

	if (o != NULL)
		return o;
	n = strnlen(text, sizeof(plain) - 1);
	for (size_t i = 0; i < n; i++)
		plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	plain[n] = '\0';
	return json_string(plain);
}

bool gw_uuid_valid(const char *text)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (text[i] == '\0' ||
			(dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL))
			return false;
	}
	return text[36] == '\0';
}

bool gw_name_valid(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n >= GW_NAME_MAX || text[0] == '.')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
	       n;
}
