/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_caps.h"

#include <stdlib.h>
#include <string.h>

/* The device state is small and the guest is paused: as fast as it goes, whatever limit the
 * operator set for QEMU's own migrations. */
#define BANDWIDTH_BYTES_PER_S (1ll << 40)

/* These would change how the stream of the device state is made, or need a channel back, a second
 * connection or a command to go on. */
static const char *const unwanted[] = {
	"xbzrle",
	"auto-converge",
	"zero-blocks",
	"compress",
	"postcopy-ram",
	"postcopy-blocktime",
	"postcopy-preempt",
	"x-colo",
	"release-ram",
	"block",
	"return-path",
	"pause-before-switchover",
	"multifd",
	"background-snapshot",
	"zero-copy-send",
	"rdma-pin-all",
	"switchover-ack",
	"dirty-limit",
	"mapped-ram",
};

static bool capability_is(const json_t *now, const char *name, bool *known)
{
	const json_t *entry;
	size_t i;

	*known = false;
	json_array_foreach(now, i, entry)
	{
		const char *other = json_string_value(json_object_get(entry, "capability"));

		if (other == NULL || strcmp(other, name) != 0)
			continue;
		*known = true;
		return json_is_true(json_object_get(entry, "state"));
	}
	return false;
}

static void capability_add(json_t *list, const char *name, bool state)
{
	json_array_append_new(
		list, json_pack("{s:s, s:b}", "capability", name, "state", (int)state));
}

json_t *gw_qemu_capabilities(const json_t *now, bool destination)
{
	/* late-block-activate: the disks' locks are taken by 'cont', not when the state is loaded.
	 */
	static const char *const wanted[] = {"events", "x-ignore-shared", "late-block-activate"};
	size_t n_wanted = destination ? 3 : 2;
	json_t *list = json_array();
	bool known;

	for (size_t i = 0; i < n_wanted; i++) {
		capability_is(now, wanted[i], &known);
		if (!known) {
			json_decref(list);
			return NULL;
		}
		capability_add(list, wanted[i], true);
	}
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		if (capability_is(now, unwanted[i], &known))
			capability_add(list, unwanted[i], false);
	return json_pack("{s:o}", "capabilities", list);
}

json_t *gw_qemu_parameters(bool destination)
{
	/* QEMU announces as soon as the state is loaded, while the guest is still paused. */
	if (destination)
		return json_pack("{s:i}", "announce-rounds", 0);
	return json_pack("{s:I}", "max-bandwidth", (json_int_t)BANDWIDTH_BYTES_PER_S);
}

json_t *gw_qemu_undo(
	const json_t *now, const json_t *wanted, const json_t *parameters, bool destination)
{
	const char *parameter = destination ? "announce-rounds" : "max-bandwidth";
	const json_t *before = json_object_get(parameters, parameter), *entry;
	json_t *list = json_array(), *undo;
	size_t i;

	json_array_foreach(json_object_get(wanted, "capabilities"), i, entry)
	{
		const char *name = json_string_value(json_object_get(entry, "capability"));
		bool known, was = capability_is(now, name, &known);

		if (was != json_is_true(json_object_get(entry, "state")))
			capability_add(list, name, was);
	}
	undo = json_pack("{s:{s:o}}", "capabilities", "capabilities", list);
	if (json_is_integer(before))
		json_object_set_new(undo, "parameters",
			json_pack("{s:I}", parameter, json_integer_value(before)));
	return undo;
}

static char *line_add(char *text, const char *command, json_t *args)
{
	json_t *line = json_pack(
		"{s:s, s:i, s:O}", "execute", command, "id", GW_QEMU_UNDO_ID, "arguments", args);
	char *dump = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
	size_t had = text != NULL ? strlen(text) : 0;
	char *more = NULL;

	if (dump != NULL)
		more = realloc(text, had + strlen(dump) + 2);
	if (more != NULL) {
		strcpy(more + had, dump);
		strcat(more, "\n");
	} else {
		free(text);
	}
	free(dump);
	json_decref(line);
	return more;
}

char *gw_qemu_undo_text(const json_t *undo, unsigned int *answers)
{
	json_t *capabilities = json_object_get(undo, "capabilities");
	json_t *parameters = json_object_get(undo, "parameters");
	char *text = line_add(NULL, "migrate-set-capabilities", capabilities);

	*answers = 1;
	if (text != NULL && parameters != NULL) {
		text = line_add(text, "migrate-set-parameters", parameters);
		*answers = 2;
	}
	return text;
}
