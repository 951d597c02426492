/* SPDX-License-Identifier: BSD-3-Clause */
/* libcyaml's description of struct gw_config, made from the option table. */
#pragma once

#include "options.h"

struct gw_schema {
	cyaml_schema_value_t top, cpu, pattern;
	cyaml_schema_field_t allow[3];
	cyaml_schema_value_t entries[GW_CONFIG_SECTIONS];
	cyaml_schema_field_t fields[GW_CONFIG_SECTIONS][GW_SECTION_MAX_OPTIONS + 1];
};

/* The parts point at each other: a built schema must not move. */
void gw_schema_build(struct gw_schema *schema);
