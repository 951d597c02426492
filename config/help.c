/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"
#include "options.h"

#include <string.h>

#define WIDTH 78

static void wrapped(FILE *f, const char *text, int indent)
{
	int column = 0;

	while (*text != '\0') {
		int n = (int)strcspn(text, " ");

		if (column == 0)
			column = fprintf(f, "%*s%.*s", indent, "", n, text);
		else if (column + 1 + n <= WIDTH)
			column += fprintf(f, " %.*s", n, text);
		else
			column = fprintf(f, "\n%*s%.*s", indent, "", n, text) - 1;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

static void option_help(FILE *f, const struct gw_section *section, const struct gw_option *o)
{
	char key[64], allowed[128], facts[256];

	snprintf(key, sizeof(key), "%s%s%s", section->key,
		section->key[0] == '\0' ? ""
		: section->list         ? "[]."
					: ".",
		o->key);
	gw_option_allowed(o, allowed, sizeof(allowed));
	fprintf(f, "  %-33s %s%s\n", key, o->required ? "required" : "default: ",
		o->required           ? ""
		: o->fallback == NULL ? "none"
				      : o->fallback);
	snprintf(facts, sizeof(facts), "%s Allowed: %s.", o->help, allowed);
	wrapped(f, facts, 6);
}

void gw_config_print_help(FILE *f)
{
	fprintf(f, "Options of the configuration file (YAML; 'control.cpu' is key cpu of section\n"
		   "control, 'ports[]' a list):\n");
	for (uint32_t i = 0; i < GW_CONFIG_SECTIONS; i++) {
		fprintf(f, "\n%s:\n", gw_sections[i].help);
		for (uint32_t j = 0; j < gw_sections[i].n_options; j++)
			option_help(f, &gw_sections[i], &gw_sections[i].options[j]);
	}
}
