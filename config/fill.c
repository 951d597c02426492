/* SPDX-License-Identifier: BSD-3-Clause */
#include "fill.h"
#include "allow.h"
#include "options.h"
#include "value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *host_name(void)
{
	char host[64];

	if (gethostname(host, sizeof(host)) < 0)
		return strdup("localhost");
	host[sizeof(host) - 1] = '\0';
	return strdup(host);
}

/* One value as text into its field: the default of an option that is not in the file, or a rate. */
static int set_field(const struct gw_option *o, const char *text, char *base)
{
	void *field = base + o->offset;
	uint64_t number = 0;

	switch (o->type) {
	case GW_OPTION_UINT:
		gw_value_uint(text, &number);
		*(uint32_t *)field = (uint32_t)number;
		return 0;
	case GW_OPTION_BOOL:
		return gw_value_bool(text, field);
	case GW_OPTION_RATE:
		return gw_value_rate(text, field);
	case GW_OPTION_USER:
		return gw_value_user(text, field);
	case GW_OPTION_GROUP:
		return gw_value_group(text, field);
	case GW_OPTION_MODE:
		return gw_value_mode(text, field);
	case GW_OPTION_USERS:
		return 0; /* none */
	case GW_OPTION_CHOICE:
		for (uint32_t i = 0; i < o->n_choices; i++)
			if (strcmp(o->choices[i].str, text) == 0)
				*(enum gw_config_on_limit *)field =
					(enum gw_config_on_limit)o->choices[i].val;
		return 0;
	case GW_OPTION_CPUS:
		*(uint32_t **)field = malloc(sizeof(uint32_t));
		if (*(uint32_t **)field == NULL)
			return -ENOMEM;
		**(uint32_t **)field = (uint32_t)strtoul(text + strspn(text, "["), NULL, 10);
		*(uint32_t *)(base + o->count_offset) = 1;
		return 0;
	default:
		*(char **)field =
			strcmp(text, GW_OPTION_HOST_NAME) == 0 ? host_name() : strdup(text);
		return *(char **)field == NULL ? -ENOMEM : 0;
	}
}

/* The types that libcyaml does not know: they are read here also where the file has them. */
static int set_own_type(const struct gw_outline *outline, const struct gw_node *node,
	const struct gw_option *o, char *base)
{
	const struct gw_node *item = NULL;
	uint32_t *users = (void *)(base + o->offset), *n = (void *)(base + o->count_offset);

	switch (o->type) {
	case GW_OPTION_RATE:
	case GW_OPTION_USER:
	case GW_OPTION_GROUP:
	case GW_OPTION_MODE:
		return set_field(o, node->text, base);
	case GW_OPTION_USERS:
		/* A user may go from the databases between the check and this. */
		while ((item = gw_outline_next(outline, node, item)) != NULL)
			if (gw_value_user(item->text, &users[*n]) == 0)
				++*n;
		return 0;
	default:
		return 0;
	}
}

static int fill(const struct gw_outline *outline, const struct gw_node *map,
	const struct gw_section *section, char *base)
{
	int rc = 0;

	for (uint32_t i = 0; i < section->n_options && rc == 0; i++) {
		const struct gw_option *o = &section->options[i];
		const struct gw_node *node = gw_outline_get(outline, map, o->key);

		if (o->type == GW_OPTION_ALLOW)
			rc = gw_allow_fill(outline, node,
				(struct gw_config_allow *)(void *)(base + o->offset));
		else if (node != NULL)
			rc = set_own_type(outline, node, o, base);
		else if (o->fallback != NULL)
			rc = set_field(o, o->fallback, base);
	}
	return rc;
}

int gw_config_fill(const struct gw_outline *outline, struct gw_config *config)
{
	const struct gw_node *root = gw_outline_root(outline), *map, *item;
	char *base = (char *)config, *entry;
	int rc = 0;

	for (uint32_t i = 0; i < GW_CONFIG_SECTIONS && rc == 0; i++) {
		const struct gw_section *s = &gw_sections[i];

		map = s->key[0] == '\0' ? root : gw_outline_get(outline, root, s->key);
		if (!s->list) {
			rc = fill(outline, map, s, base + s->offset);
			continue;
		}
		item = NULL;
		memcpy(&entry, base + s->offset, sizeof(entry));
		while (map != NULL && rc == 0 &&
			(item = gw_outline_next(outline, map, item)) != NULL) {
			rc = fill(outline, item, s, entry);
			entry += s->size;
		}
	}
	return rc;
}
