/* SPDX-License-Identifier: BSD-3-Clause */
#include "reasons.h"

#include "message.h"

#include <errno.h>
#include <stdio.h>

#define MAX_REASONS 64u

void gw_reasons_add(json_t *reasons, const char *where, const char *code, const char *message,
	const char *remedy)
{
	json_array_append_new(
		reasons, json_pack("{s:s, s:o, s:o, s:o}", "where", where, "code",
				 gw_message_string(code), "message", gw_message_string(message),
				 "remedy", gw_message_string(remedy)));
}

int gw_reasons_take(json_t *reasons, const json_t *peer)
{
	const json_t *r;
	size_t i;

	if (!json_is_array(peer) || json_array_size(peer) > MAX_REASONS)
		return -EPROTO;
	json_array_foreach(peer, i, r)
	{
		char where[16], code[64], message[512], remedy[512];

		if (!json_is_object(r))
			return -EPROTO;
		gw_message_reason(r, "where", where, sizeof(where));
		gw_message_reason(r, "code", code, sizeof(code));
		gw_message_reason(r, "message", message, sizeof(message));
		gw_message_reason(r, "remedy", remedy, sizeof(remedy));
		gw_reasons_add(reasons, where, code, message, remedy);
	}
	return 0;
}

void gw_reasons_append(json_t *reasons, const json_t *own)
{
	size_t n = json_array_size(own);

	for (size_t i = 0; i < n && json_array_size(reasons) < MAX_REASONS; i++)
		json_array_append(reasons, json_array_get(own, i));
}

void gw_reasons_text(const json_t *reasons, char *out, size_t size)
{
	const char *first =
		json_string_value(json_object_get(json_array_get(reasons, 0), "message"));
	size_t n = json_array_size(reasons);

	if (n > 1)
		snprintf(out, size, "%s (and %zu more)", first != NULL ? first : "?", n - 1);
	else
		snprintf(out, size, "%s", first != NULL ? first : "");
}
