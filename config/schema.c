/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"
#include "config.h"

#include <string.h>

static void schema_option(
	struct gw_schema *schema, const struct gw_option *o, cyaml_schema_field_t *f)
{
	enum cyaml_flag presence = o->required ? CYAML_FLAG_DEFAULT : CYAML_FLAG_OPTIONAL;

	f->key = o->key;
	f->data_offset = o->offset;
	switch (o->type) {
	case GW_OPTION_UINT:
		f->value = (cyaml_schema_value_t){CYAML_VALUE_UINT(presence, uint32_t)};
		break;
	case GW_OPTION_BOOL:
		f->value = (cyaml_schema_value_t){CYAML_VALUE_BOOL(presence, bool)};
		break;
	case GW_OPTION_CHOICE:
		f->value = (cyaml_schema_value_t){CYAML_VALUE_ENUM(presence | CYAML_FLAG_STRICT,
			enum gw_config_on_limit, o->choices, o->n_choices)};
		break;
	case GW_OPTION_RATE:
	case GW_OPTION_USER:
	case GW_OPTION_GROUP:
	case GW_OPTION_MODE:
	case GW_OPTION_USERS:
		/* libcyaml has no such types: set with the defaults. */
		f->value = (cyaml_schema_value_t){.type = CYAML_IGNORE, .flags = presence};
		break;
	case GW_OPTION_CPUS:
		f->count_offset = o->count_offset;
		f->count_size = sizeof(uint32_t);
		f->value =
			(cyaml_schema_value_t){CYAML_VALUE_SEQUENCE(presence | CYAML_FLAG_POINTER,
				uint32_t, &schema->cpu, 1, GW_CONFIG_MAX_WORKERS)};
		break;
	case GW_OPTION_ALLOW:
		f->value = (cyaml_schema_value_t){
			CYAML_VALUE_MAPPING(presence, struct gw_config_allow, schema->allow)};
		break;
	default:
		f->value = (cyaml_schema_value_t){CYAML_VALUE_STRING(
			presence | CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};
		break;
	}
}

static void schema_allow(struct gw_schema *schema)
{
	const enum cyaml_flag flags = CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER;

	schema->pattern = (cyaml_schema_value_t){
		CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};
	schema->allow[0] = (cyaml_schema_field_t)CYAML_FIELD_SEQUENCE_COUNT("send", flags,
		struct gw_config_allow, send, n_send, &schema->pattern, 0, GW_CONFIG_MAX_PATTERNS);
	schema->allow[1] = (cyaml_schema_field_t)CYAML_FIELD_SEQUENCE_COUNT("receive", flags,
		struct gw_config_allow, receive, n_receive, &schema->pattern, 0,
		GW_CONFIG_MAX_PATTERNS);
	schema->allow[2] = (cyaml_schema_field_t)CYAML_FIELD_END;
}

static void schema_section(struct gw_schema *schema, uint32_t i, cyaml_schema_field_t *f)
{
	const struct gw_section *s = &gw_sections[i];
	cyaml_schema_value_t *entry = &schema->entries[i];

	*entry = (cyaml_schema_value_t){.type = CYAML_MAPPING,
		.flags = CYAML_FLAG_OPTIONAL,
		.data_size = s->size,
		.mapping.fields = schema->fields[i]};
	f->key = s->key;
	f->data_offset = s->offset;
	if (s->list) {
		entry->flags = CYAML_FLAG_DEFAULT;
		f->count_offset = s->count_offset;
		f->count_size = sizeof(uint32_t);
		f->value = (cyaml_schema_value_t){.type = CYAML_SEQUENCE,
			.flags = CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER,
			.data_size = s->size,
			.sequence = {.entry = entry, .min = 0, .max = s->max}};
	} else {
		f->value = *entry;
	}
}

void gw_schema_build(struct gw_schema *schema)
{
	cyaml_schema_field_t *top = schema->fields[0];

	memset(schema, 0, sizeof(*schema));
	schema->cpu = (cyaml_schema_value_t){CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t)};
	schema_allow(schema);
	schema->top = (cyaml_schema_value_t){
		CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct gw_config, top)};
	for (uint32_t i = 0; i < GW_CONFIG_SECTIONS; i++)
		for (uint32_t j = 0; j < gw_sections[i].n_options; j++)
			schema_option(schema, &gw_sections[i].options[j], &schema->fields[i][j]);
	for (uint32_t i = 1; i < GW_CONFIG_SECTIONS; i++)
		schema_section(schema, i, &top[gw_sections[0].n_options + i - 1]);
}
