/* SPDX-License-Identifier: BSD-3-Clause */
/* control/message.c, link_message.c, reasons.c: bytes from a peer. The first byte says in what
 * pieces they come. */
#include "../../control/link_message.h"
#include "../../control/message.h"
#include "../../control/reasons.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const json_t *body)
{
	static struct gw_dp_path path[GW_DP_MAX_PATHS];
	static const char *const keys[] = {
		"v", "t", "session", "vm", "reason", "region", "pages", "label", "name"};
	json_t *reasons = json_array();
	struct gw_dp_host host;
	char text[64];
	uint64_t v;
	uint32_t n;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		gw_message_u64(body, keys[i], UINT32_MAX, &v);
		if (gw_message_text(body, keys[i], text, sizeof(text)) == 0) {
			gw_uuid_valid(text);
			gw_name_valid(text);
		}
		gw_message_reason(body, keys[i], text, 8);
		json_decref(gw_message_string(text));
	}
	gw_link_message_host_read(json_object_get(body, "host"), &host);
	if (gw_link_message_paths_read(json_object_get(body, "paths"), path, &n) == 0 &&
		n > GW_DP_MAX_PATHS)
		abort();
	gw_reasons_take(reasons, json_object_get(body, "reasons"));
	json_decref(reasons);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_message_reader *r;
	size_t step = size > 0 ? data[0] + 1u : 1;
	enum gw_message_type type;
	struct gw_err err;
	json_t *body;
	int rc = 0;

	if (gw_message_reader_create(&r) != 0)
		return 0;
	for (size_t i = 1; i < size && rc >= 0;) {
		size_t room, n;
		uint8_t *at;

		if (gw_message_reader_room(r, &at, &room) != 0)
			break;
		n = size - i < step ? size - i : step;
		n = n < room ? n : room;
		memcpy(at, data + i, n);
		gw_message_reader_got(r, n);
		i += n;
		while ((rc = gw_message_next(r, &type, &body, &err)) == 1) {
			read_all(body);
			json_decref(body);
		}
	}
	gw_message_reader_free(&r);
	return 0;
}
