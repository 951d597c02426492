/* SPDX-License-Identifier: BSD-3-Clause */
/* gw_hv_compare(): both descriptions may come from a peer or a hypervisor, so a member that is
 * missing or of the wrong type is a difference, never a crash. */
#include "describe.h"
#include "reason.h"

#include <inttypes.h>
#include <string.h>

#define NAMES_MAX 400

static const char *text_of(const json_t *description, const char *key)
{
	const char *text = json_string_value(json_object_get(description, key));

	return text != NULL ? text : "unknown";
}

static void compare_text(json_t *reasons, const json_t *source, const json_t *destination,
	const char *key, const char *code, const char *what, const char *remedy)
{
	const char *s = text_of(source, key), *d = text_of(destination, key);

	if (strcmp(s, d) != 0)
		gw_reason_add(reasons, "both", code, remedy,
			"%s: the source has %.200s, the destination %.200s", what, s, d);
}

static void compare_uuid(json_t *reasons, const json_t *source, const json_t *destination)
{
	static const char none[] = "00000000-0000-0000-0000-000000000000";
	const char *s = text_of(source, "uuid"), *d = text_of(destination, "uuid");

	/* Without one there is nothing to mix up. */
	if (strcmp(s, none) == 0 || strcmp(d, none) == 0)
		return;
	if (strcasecmp(s, d) != 0)
		gw_reason_add(reasons, "both", "uuid_differs",
			"start the destination with the source's -uuid, or name the right VM",
			"these are two different VMs: UUID %.40s and %.40s", s, d);
}

static void compare_memory(json_t *reasons, const json_t *source, const json_t *destination)
{
	json_int_t s = json_integer_value(json_object_get(source, "memory_bytes"));
	json_int_t d = json_integer_value(json_object_get(destination, "memory_bytes"));

	if (s != d)
		gw_reason_add(reasons, "both", "memory_size_differs",
			"start the destination with the source's memory size (-m, DIMMs)",
			"memory: the source has %" PRIu64 " MiB, the destination %" PRIu64 " MiB",
			(uint64_t)s >> 20, (uint64_t)d >> 20);
}

static const json_t *find_by(const json_t *array, const char *key, const json_t *value)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(
		array, i, entry) if (value != NULL &&
				     json_equal(json_object_get(entry, key), value)) return entry;
	return NULL;
}

/* Entries of a that b has not, or has with another size; appended to text. */
static void sizes_missing(const json_t *a, const json_t *b, const char *key, char *text)
{
	const json_t *entry, *other, *size;
	size_t i;

	json_array_foreach(a, i, entry)
	{
		const json_t *name = json_object_get(entry, "name");
		size_t at = strlen(text);

		size = json_object_get(entry, "size");
		other = find_by(b, key, json_object_get(entry, key));
		if (other != NULL && json_equal(json_object_get(other, "size"), size))
			continue;
		snprintf(text + at, NAMES_MAX - at, "%s%s (%lld KiB)", at > 0 ? ", " : "",
			json_is_string(name) ? json_string_value(name) : "?",
			json_integer_value(size) >> 10);
	}
}

static void compare_sizes(json_t *reasons, const json_t *source, const json_t *destination,
	const char *member, const char *key, const char *code, const char *remedy)
{
	const json_t *s = json_object_get(source, member),
		     *d = json_object_get(destination, member);
	char only_source[NAMES_MAX] = "", only_destination[NAMES_MAX] = "";

	if (!json_is_array(s) && !json_is_array(d))
		return;
	sizes_missing(s, d, key, only_source);
	sizes_missing(d, s, key, only_destination);
	if (only_source[0] != '\0' || only_destination[0] != '\0')
		gw_reason_add(reasons, "both", code, remedy,
			"%s differ: only at the source: %s; only at the destination: %s", member,
			only_source[0] != '\0' ? only_source : "none",
			only_destination[0] != '\0' ? only_destination : "none");
}

static size_t count_of(const json_t *array, const json_t *value)
{
	const json_t *entry;
	size_t i, n = 0;

	json_array_foreach(array, i, entry) n += (size_t)json_equal(entry, value);
	return n;
}

/* Devices that a has more often than b, each once. */
static void devices_missing(const json_t *a, const json_t *b, char *text)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(a, i, entry)
	{
		size_t at = strlen(text), first = 0;

		while (!json_equal(json_array_get(a, first), entry))
			first++;
		if (first != i || count_of(a, entry) <= count_of(b, entry))
			continue;
		snprintf(text + at, NAMES_MAX - at, "%s%s", at > 0 ? ", " : "",
			json_is_string(entry) ? json_string_value(entry) : "?");
	}
}

bool gw_devices_equal(const json_t *a, const json_t *b)
{
	char missing[NAMES_MAX] = "";

	devices_missing(a, b, missing);
	devices_missing(b, a, missing);
	return missing[0] == '\0';
}

static void compare_devices(json_t *reasons, const json_t *source, const json_t *destination)
{
	char only_source[NAMES_MAX] = "", only_destination[NAMES_MAX] = "";
	const json_t *s = json_object_get(source, "devices");
	const json_t *d = json_object_get(destination, "devices");

	if (json_array_size(s) > 4096 || json_array_size(d) > 4096) {
		gw_reason_add(reasons, "both", "devices_differ", "", "more than 4096 devices");
		return;
	}
	devices_missing(s, d, only_source);
	devices_missing(d, s, only_destination);
	if (only_source[0] != '\0' || only_destination[0] != '\0')
		gw_reason_add(reasons, "both", "devices_differ",
			"start the destination with the same devices at the same addresses and the "
			"same CPU model and count",
			"devices differ: only at the source: %s; only at the destination: %s",
			only_source[0] != '\0' ? only_source : "none",
			only_destination[0] != '\0' ? only_destination : "none");
}

json_t *gw_hv_compare(const json_t *source, const json_t *destination)
{
	json_t *reasons = json_array();

	if (reasons == NULL)
		return NULL;
	compare_text(reasons, source, destination, "kind", "kind_differs", "kind of hypervisor",
		"use the same hypervisor on both ends");
	compare_text(reasons, source, destination, "machine", "machine_type_differs",
		"machine type",
		"start the destination with the source's versioned machine type (-machine)");
	compare_text(reasons, source, destination, "accel", "accel_differs", "accelerator",
		"start the destination with the source's -accel");
	compare_uuid(reasons, source, destination);
	compare_memory(reasons, source, destination);
	compare_sizes(reasons, source, destination, "regions", "id", "regions_differ",
		"give the destination the same memory backends, in the same order");
	compare_sizes(reasons, source, destination, "ram_blocks", "name", "ram_blocks_differ",
		"give the destination the same memory backend ids, devices and firmware files");
	compare_devices(reasons, source, destination);
	return reasons;
}
