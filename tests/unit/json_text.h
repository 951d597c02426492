/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* JSON with single quotes, so that it can be read in C. */
static inline json_t *json(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	CU_ASSERT_PTR_NOT_NULL_FATAL(value);
	return value;
}
