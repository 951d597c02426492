/* SPDX-License-Identifier: BSD-3-Clause */
#include "ramblock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 *               Block Name    PSize              Offset               Used              Total ...
 *                       m    4 KiB  0x0000000000000000 0x0000000004000000 0x0000000004000000 ...
 *
 * A name may hold blanks, so the fields are found from the page size's unit on: the first "<number>
 * <unit>" that three 0x numbers follow.
 */
static bool fields_parse(
	const char *unit, unsigned long long number, json_int_t *page_size, json_int_t *size)
{
	unsigned long long offset, used, total, shift;

	switch (unit[0]) {
	case 'K':
		shift = 10;
		break;
	case 'M':
		shift = 20;
		break;
	case 'G':
		shift = 30;
		break;
	default:
		return false;
	}
	if (strncmp(unit + 1, "iB", 2) != 0 || number == 0 || number > 1024)
		return false;
	if (sscanf(unit + 3, " 0x%llx 0x%llx 0x%llx", &offset, &used, &total) != 3)
		return false;
	if (used > total || total == 0 || total > (1ull << 52))
		return false;
	*page_size = (json_int_t)(number << shift);
	*size = (json_int_t)total;
	return true;
}

static json_t *line_parse(const char *line, size_t length)
{
	char copy[512];
	char *name, *end;
	json_int_t page_size, size;

	if (length >= sizeof(copy))
		return NULL;
	memcpy(copy, line, length);
	copy[length] = '\0';
	name = copy + strspn(copy, " \t");
	for (char *at = strstr(name, "iB"); at != NULL; at = strstr(at + 2, "iB")) {
		char *unit = at - 1, *digits;

		if (unit - name < 4 || unit[-1] != ' ')
			continue;
		digits = unit - 1;
		while (digits > name && isdigit((unsigned char)digits[-1]))
			digits--;
		if (digits == unit - 1 || digits == name || digits[-1] != ' ')
			continue;
		if (!fields_parse(unit, strtoull(digits, NULL, 10), &page_size, &size))
			continue;
		for (end = digits; end > name && end[-1] == ' '; end--)
			end[-1] = '\0';
		return json_pack(
			"{s:s, s:I, s:I}", "name", name, "page_size", page_size, "size", size);
	}
	return NULL;
}

json_t *gw_ramblock_parse(const char *text)
{
	json_t *blocks = json_array();
	const char *end;

	if (blocks == NULL)
		return NULL;
	for (bool header = true; *text != '\0'; header = false, text = *end ? end + 1 : end) {
		size_t length = strcspn(text, "\r\n");
		json_t *block;

		end = text + length;
		if (header || length == strspn(text, " \t"))
			continue;
		block = line_parse(text, length);
		if (block == NULL || json_array_append_new(blocks, block) != 0)
			goto fail;
	}
	if (json_array_size(blocks) > 0)
		return blocks;
fail:
	json_decref(blocks);
	return NULL;
}
