/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_event.h"

#include <stdio.h>
#include <string.h>

/* prefix: of the event's name; key: the member of data that names the thing, or NULL. */
static const struct {
	const char *prefix;
	const char *text;
	const char *key;
} events[] = {
	{"SHUTDOWN", "the guest shut down", "reason"},
	{"RESET", "the guest was reset", "reason"},
	{"DEVICE_DELETED", "a device was unplugged", "device"},
	{"BLOCK_JOB_", "a block job is under way", "device"},
	{"MEMORY_DEVICE_SIZE_CHANGE", "memory was plugged or unplugged", "id"},
	{"GUEST_PANICKED", "the guest's kernel panicked", "action"},
};

static bool job_starts(const json_t *data)
{
	const char *status = json_string_value(json_object_get(data, "status"));

	return status != NULL && (strcmp(status, "created") == 0 || strcmp(status, "running") == 0);
}

/* The texts are QEMU's: no control characters into logs. */
static void describe(char *text, size_t room, const char *what, const char *name)
{
	if (name != NULL)
		snprintf(text, room, "%s (%.64s)", what, name);
	else
		snprintf(text, room, "%s", what);
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

bool gw_qemu_event_changes(const char *name, const json_t *data, char *text, size_t room)
{
	if (strcmp(name, "JOB_STATUS_CHANGE") == 0 && job_starts(data)) {
		describe(text, room, "a job was started",
			json_string_value(json_object_get(data, "id")));
		return true;
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strncmp(name, events[i].prefix, strlen(events[i].prefix)) != 0)
			continue;
		describe(text, room, events[i].text,
			json_string_value(json_object_get(data, events[i].key)));
		return true;
	}
	return false;
}
