/* SPDX-License-Identifier: BSD-3-Clause */
/* The option table in words: what may stand there, and which key was meant. */
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX 32

/* Of the types that need no number or list to say it. */
static const char *const allowed_text[GW_OPTION_TYPES] = {
	[GW_OPTION_NAME] = "up to 63 letters, digits, '.', '_' or '-', a letter or digit first",
	[GW_OPTION_PATH] = "an absolute path",
	[GW_OPTION_ENDPOINT] = "host:port, such as 192.0.2.1:7411 or [2001:db8::1]:7411",
	[GW_OPTION_DEVICE] = "a PCI address such as 0000:3b:00.0, or a virtual device such as "
			     "net_memif0,role=server",
	[GW_OPTION_ADDRESS] = "a host's IPv4 address with prefix length 8..31, such as "
			      "10.0.0.1/24, or IPv6 address with 0..128, such as fd00::1/64",
	[GW_OPTION_GATEWAY] = "a host's address, such as 10.0.0.254 or fe80::1, of the same "
			      "family as the port's",
	[GW_OPTION_BOOL] = "true or false",
	[GW_OPTION_PEER] =
		"up to 63 letters, digits, '.', '_' or '-', a letter or digit first; or '*'",
	[GW_OPTION_ALLOW] = "lists send and receive of up to 64 patterns, such as 'web-*'",
	[GW_OPTION_CPUS] = "a list of online CPUs, such as [2, 3]",
	[GW_OPTION_USER] = "a user of this host by name or number, or none",
	[GW_OPTION_GROUP] = "a group of this host by name or number, or none",
	[GW_OPTION_MODE] = "three or four octal digits, such as 0660, or none",
	[GW_OPTION_USERS] = "a list of users of this host by name or number",
};

static void choices(const struct gw_option *option, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < option->n_choices && n < size; i++)
		n += (size_t)snprintf(
			buf + n, size - n, "%s%s", i == 0 ? "" : " or ", option->choices[i].str);
}

void gw_option_allowed(const struct gw_option *option, char *buf, size_t size)
{
	const char *unit = option->unit == NULL ? "" : option->unit;
	const char *space = option->unit == NULL ? "" : " ";

	switch (option->type) {
	case GW_OPTION_WORD:
	case GW_OPTION_CHOICE:
		choices(option, buf, size);
		break;
	case GW_OPTION_UINT:
		snprintf(buf, size, "%" PRIu64 "..%" PRIu64 "%s%s", option->min, option->max, space,
			unit);
		break;
	case GW_OPTION_RATE:
		snprintf(buf, size, "0 (no cap) or 1M..1T %s, such as 10G, 2.5G, 2500M", unit);
		break;
	case GW_OPTION_PATH:
		snprintf(buf, size, "%s of at most %" PRIu64 " bytes", allowed_text[option->type],
			option->max);
		break;
	default:
		snprintf(buf, size, "%s", allowed_text[option->type]);
		break;
	}
}

/* Levenshtein distance, with a bound on length that every key of the table keeps. */
static uint32_t distance(const char *a, const char *b)
{
	uint32_t row[KEY_MAX + 1], diagonal, above;
	size_t la = strlen(a), lb = strlen(b);

	if (la > KEY_MAX || lb > KEY_MAX)
		return UINT32_MAX;
	for (uint32_t j = 0; j <= lb; j++)
		row[j] = j;
	for (uint32_t i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = i;
		for (uint32_t j = 1; j <= lb; j++) {
			uint32_t best = diagonal + (a[i - 1] != b[j - 1]);

			above = row[j];
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[lb];
}

static void nearer(
	const char *key, const char *candidate, const char **best, uint32_t *best_distance)
{
	uint32_t d = distance(key, candidate);

	if (d < *best_distance) {
		*best_distance = d;
		*best = candidate;
	}
}

const char *gw_option_nearest(const struct gw_section *section, const char *key)
{
	/* Up to a third of the letters may be wrong; beyond that a guess misleads. */
	uint32_t best_distance = (uint32_t)strnlen(key, KEY_MAX) / 3 + 2;
	const char *best = NULL;

	for (uint32_t i = 0; i < section->n_options; i++)
		nearer(key, section->options[i].key, &best, &best_distance);
	if (section->key[0] == '\0')
		for (uint32_t i = 1; i < GW_CONFIG_SECTIONS; i++)
			nearer(key, gw_sections[i].key, &best, &best_distance);
	return best;
}
