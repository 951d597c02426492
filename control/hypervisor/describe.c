/* SPDX-License-Identifier: BSD-3-Clause */
#include "describe.h"

#include "ramblock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *gw_hv_run_name(enum gw_hv_run run)
{
	switch (run) {
	case GW_HV_RUNNING:
		return "running";
	case GW_HV_PAUSED:
		return "paused";
	case GW_HV_INCOMING:
		return "incoming";
	case GW_HV_SHUTDOWN:
		return "shutdown";
	case GW_HV_OTHER:
		break;
	}
	return "other";
}

enum gw_hv_run gw_hv_run_from_qemu(const json_t *status)
{
	static const struct {
		const char *word;
		enum gw_hv_run run;
	} words[] = {
		{"running", GW_HV_RUNNING},
		{"paused", GW_HV_PAUSED},
		{"prelaunch", GW_HV_PAUSED},
		{"postmigrate", GW_HV_PAUSED},
		{"finish-migrate", GW_HV_PAUSED},
		{"inmigrate", GW_HV_INCOMING},
		{"shutdown", GW_HV_SHUTDOWN},
	};
	const char *word = json_string_value(json_object_get(status, "status"));

	for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].run;
	return GW_HV_OTHER;
}

static void uuid_text(const uint8_t uuid[16], char text[37])
{
	for (int i = 0, at = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		at += snprintf(text + at, 3, "%02x", uuid[i]);
	}
}

/* Names come from the exporter, as bytes; JSON takes UTF-8 only. */
static json_t *name_json(const char *name)
{
	json_t *s = json_string(name);

	return s != NULL ? s : json_string("?");
}

json_t *gw_describe_base(const char *kind, const char *version, const struct gw_exporter_info *info,
	enum gw_hv_run run)
{
	json_t *regions = json_array();
	char uuid[37];

	uuid_text(info->uuid, uuid);
	for (uint32_t i = 0; i < info->n_regions; i++) {
		const struct gw_export_region *r = &info->region[i];

		json_array_append_new(regions,
			json_pack("{s:i, s:o, s:I, s:I, s:i}", "id", (int)r->id, "name",
				name_json(r->name), "size", (json_int_t)r->size, "page_size",
				(json_int_t)r->page_size, "numa_node", (int)r->numa_node));
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:s}", "kind", kind, "version", version, "uuid",
		uuid, "regions", regions, "run_state", gw_hv_run_name(run));
}

/* "child<virtio-net-pci>" -> "virtio-net-pci"; NULL: not a child. */
static const char *child_type(const json_t *property, char *type, size_t room)
{
	const char *text = json_string_value(json_object_get(property, "type"));
	size_t length;

	if (text == NULL || strncmp(text, "child<", 6) != 0)
		return NULL;
	length = strcspn(text + 6, ">");
	if (length >= room)
		return NULL;
	memcpy(type, text + 6, length);
	type[length] = '\0';
	return type;
}

static void add_device(json_t *devices, const char *what, const char *id, const char *type)
{
	char text[320];

	snprintf(text, sizeof(text), "%s %s%s%s", what, id, id[0] != '\0' ? " " : "", type);
	json_array_append_new(devices, name_json(text));
}

/* Devices that the user named keep their names; the others count by type. */
static void add_children(json_t *devices, const json_t *list, bool named)
{
	const json_t *property;
	char type[128];
	size_t i;

	json_array_foreach(list, i, property)
	{
		const char *id = json_string_value(json_object_get(property, "name"));

		if (id != NULL && child_type(property, type, sizeof(type)) != NULL)
			add_device(devices, "device", named ? id : "", type);
	}
}

/* Of what the machine brings along only the CPUs are comparable between versions of QEMU. */
static void add_cpus(json_t *devices, const json_t *list)
{
	const json_t *property;
	char type[128];
	size_t i;

	json_array_foreach(list, i, property)
	{
		const char *t = child_type(property, type, sizeof(type));

		if (t != NULL && strlen(t) > 4 && strcmp(t + strlen(t) - 4, "-cpu") == 0)
			add_device(devices, "cpu", "", t);
	}
}

/* The root buses only: numbers of those behind bridges are the guest firmware's choice. */
static void add_pci(json_t *devices, const json_t *buses)
{
	const json_t *bus, *dev;
	size_t i, j;

	json_array_foreach(buses, i, bus)
	{
		json_array_foreach(json_object_get(bus, "devices"), j, dev)
		{
			const json_t *id = json_object_get(dev, "id");
			char at[32], what[32];

			snprintf(at, sizeof(at), "%02x.%x",
				(unsigned int)json_integer_value(json_object_get(dev, "slot")),
				(unsigned int)json_integer_value(json_object_get(dev, "function")));
			snprintf(what, sizeof(what), "%04x:%04x",
				(unsigned int)json_integer_value(json_object_get(id, "vendor")),
				(unsigned int)json_integer_value(json_object_get(id, "device")));
			add_device(devices, "pci", at, what);
		}
	}
}

static void add_machine(json_t *description, const json_t *answers)
{
	const char *type = json_string_value(json_object_get(answers, "machine"));
	size_t length = type != NULL ? strlen(type) : 0;

	if (length > 8 && strcmp(type + length - 8, "-machine") == 0)
		length -= 8;
	if (length > 0)
		json_object_set_new(description, "machine", json_stringn(type, length));
}

static void add_memory(json_t *description, const json_t *answers)
{
	const json_t *sum = json_object_get(answers, "memory");
	const char *text = json_string_value(
		json_object_get(json_object_get(answers, "ramblock"), "human-readable-text"));
	json_t *blocks = text != NULL ? gw_ramblock_parse(text) : NULL;

	if (sum != NULL)
		json_object_set_new(description, "memory_bytes",
			json_integer(json_integer_value(json_object_get(sum, "base-memory")) +
				     json_integer_value(json_object_get(sum, "plugged-memory"))));
	if (blocks != NULL)
		json_object_set_new(description, "ram_blocks", blocks);
}

json_t *gw_describe_devices(const json_t *answers)
{
	json_t *devices = json_array();

	add_children(devices, json_object_get(answers, "peripheral"), true);
	add_children(devices, json_object_get(answers, "peripheral-anon"), false);
	add_cpus(devices, json_object_get(answers, "unattached"));
	add_pci(devices, json_object_get(answers, "pci"));
	return devices;
}

static const json_t *uuid_told(const json_t *answers)
{
	return json_object_get(json_object_get(answers, "uuid"), "UUID");
}

int gw_describe_same_vm(
	const struct gw_exporter_info *info, const json_t *answers, struct gw_err *err)
{
	static const uint8_t unknown[sizeof(info->uuid)];
	const char *told = json_string_value(uuid_told(answers));
	char uuid[37];

	uuid_text(info->uuid, uuid);
	if (told == NULL || memcmp(info->uuid, unknown, sizeof(unknown)) == 0 ||
		strcasecmp(told, uuid) == 0)
		return 0;
	/* What is no uuid could forge a log line. */
	return gw_err(err, -EPERM,
		"the exporter's VM has uuid %s; allowed: '%.*s', as QMP tells (query-uuid)", uuid,
		(int)strspn(told, "-0123456789abcdefABCDEF"), told);
}

void gw_describe_qemu(json_t *description, const json_t *answers)
{
	const json_t *uuid = uuid_told(answers);
	const json_t *kvm = json_object_get(json_object_get(answers, "kvm"), "enabled");

	if (json_is_string(uuid))
		json_object_set(description, "uuid", (json_t *)(uintptr_t)uuid);
	if (json_is_boolean(kvm))
		json_object_set_new(
			description, "accel", json_string(json_is_true(kvm) ? "kvm" : "tcg"));
	add_machine(description, answers);
	add_memory(description, answers);
	json_object_set_new(description, "devices", gw_describe_devices(answers));
}
