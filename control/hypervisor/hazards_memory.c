/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest RAM must be exported, all of it, and QEMU must leave it out of its own stream. QEMU leaves
 * a block out (x-ignore-shared) when it is shared; from version 8 on, when it is shared and a named
 * file, which a memfd is not.
 */
#include "hazards.h"

#include "ramblock.h"
#include "reason.h"

#include <inttypes.h>
#include <string.h>

/* Smaller blocks (video memory, firmware, option ROMs) may travel with the device state. */
#define STREAM_BLOCK_MAX (64ull << 20)

static const json_t *entry_named(const json_t *list, const char *key, const char *name)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		const char *other = json_string_value(json_object_get(entry, key));

		if (other != NULL && strcmp(other, name) == 0)
			return entry;
	}
	return NULL;
}

/* The memory backend behind a block: the block is called "m", "/objects/m", or "0000:00:03.0/m"
 * where a device uses it. */
static const json_t *backend_of(const json_t *memdevs, const char *block, uint64_t size)
{
	const char *slash = strrchr(block, '/');
	const json_t *memdev = entry_named(memdevs, "id", slash != NULL ? slash + 1 : block);

	if ((uint64_t)json_integer_value(json_object_get(memdev, "size")) != size)
		return NULL;
	return memdev;
}

/* Consumes the region that fits the backend: the name decides, where the exporter knows it, else
 * the size, among those that are no other backend's. A mapping is rounded up to its page size. */
static bool region_take(const struct gw_exporter_info *info, bool taken[GW_EXPORT_MAX_REGIONS],
	const json_t *memdevs, const char *name, uint64_t size)
{
	uint32_t found = info->n_regions;

	for (uint32_t i = 0; i < info->n_regions; i++) {
		const struct gw_export_region *r = &info->region[i];
		bool same = strcmp(r->name, name) == 0;

		if (taken[i] || r->size < size || r->size - size >= r->page_size)
			continue;
		if (!same && entry_named(memdevs, "id", r->name) != NULL)
			continue;
		if (same || found == info->n_regions)
			found = i;
	}
	if (found == info->n_regions)
		return false;
	taken[found] = true;
	return true;
}

/* Is the memory backend's type one that QEMU leaves out of its stream, given share=on? */
static bool backend_is_left_out(const json_t *objects, const char *name, unsigned int qemu_major)
{
	const json_t *object = entry_named(objects, "name", name);
	const char *type = json_string_value(json_object_get(object, "type"));

	return qemu_major < 8 || (type != NULL && strcmp(type, "child<memory-backend-file>") == 0);
}

static void check_block(json_t *reasons, const struct gw_hazards_end *end, const json_t *answers,
	const json_t *block, bool taken[GW_EXPORT_MAX_REGIONS])
{
	const char *block_name = json_string_value(json_object_get(block, "name"));
	uint64_t size = (uint64_t)json_integer_value(json_object_get(block, "size"));
	const json_t *memdevs = json_object_get(answers, "memdevs");
	const json_t *memdev = backend_of(memdevs, block_name, size);
	const char *name = json_string_value(json_object_get(memdev, "id"));
	const char *where = gw_hazards_where(end->role);

	if (memdev == NULL && size <= STREAM_BLOCK_MAX)
		return;
	if (memdev == NULL) {
		gw_reason_add(reasons, where, "ram_block_in_stream",
			"make it smaller (video memory), or back it by a memory-backend-file with "
			"share=on",
			"RAM block '%s' of %" PRIu64 " MiB has no shared memory backend, so QEMU "
			"would send it in its own stream",
			block_name, size >> 20);
		return;
	}
	if (!json_is_true(json_object_get(memdev, "share"))) {
		gw_reason_add(reasons, where, "memory_private",
			"add share=on to the memory backend",
			"memory backend '%s' is private to QEMU (share=off)", name);
		return;
	}
	if (!backend_is_left_out(json_object_get(answers, "objects"), name, end->qemu_major))
		gw_reason_add(reasons, where, "memory_in_stream",
			"use memory-backend-file with mem-path on a tmpfs (/dev/shm) and share=on",
			"memory backend '%s' is no named file, so QEMU %u would send it in its own "
			"stream",
			name, end->qemu_major);
	if (!region_take(end->info, taken, memdevs, name, size))
		gw_reason_add(reasons, where, "memory_not_exported",
			"use a shared memory backend that the exporter finds (memory-backend-file "
			"with share=on)",
			"memory backend '%s' of %" PRIu64 " MiB is not exported", name, size >> 20);
}

void gw_hazards_memory(json_t *reasons, const struct gw_hazards_end *end, const json_t *answers)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(answers, "ramblock"), "human-readable-text"));
	json_t *blocks = text != NULL ? gw_ramblock_parse(text) : NULL;
	const json_t *memdevs = json_object_get(answers, "memdevs");
	bool taken[GW_EXPORT_MAX_REGIONS] = {false};
	const json_t *block;
	size_t i;

	if (blocks == NULL || !json_is_array(memdevs))
		gw_reason_add(reasons, gw_hazards_where(end->role), "ram_unknown",
			"use QEMU 7.0 or newer",
			"QEMU's list of RAM blocks or memory backends is not understood");
	else
		json_array_foreach(blocks, i, block)
			check_block(reasons, end, answers, block, taken);
	json_decref(blocks);
}
