/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_options.h"
#include "access.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct option {
	const char *key, *environment;
	size_t offset;
} known[] = {
	{"socket", "GODWIT_EXPORT_SOCKET", offsetof(struct gw_qemu_options, socket)},
	{"name", "GODWIT_NAME", offsetof(struct gw_qemu_options, name)},
	{"group", "GODWIT_GROUP", offsetof(struct gw_qemu_options, group)},
	{"mode", "GODWIT_MODE", offsetof(struct gw_qemu_options, mode)},
	{"client", "GODWIT_CLIENT", offsetof(struct gw_qemu_options, client)},
	{"huge_pages", "GODWIT_HUGE_PAGES", offsetof(struct gw_qemu_options, huge_pages)},
};
#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static const char **field(struct gw_qemu_options *o, size_t i)
{
	return (const char **)(void *)((char *)o + known[i].offset);
}

int gw_qemu_options_args(
	int argc, char **argv, struct gw_qemu_options *out, struct gw_export_reason *why)
{
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < argc; i++) {
		size_t len = strcspn(argv[i], "="), k = 0;

		while (k < N_KNOWN && (strlen(known[k].key) != len || argv[i][len] != '=' ||
					      strncmp(argv[i], known[k].key, len) != 0))
			k++;
		if (k == N_KNOWN)
			return gw_export_why(why, -EINVAL,
				"unknown option '%.100s'; known are socket=PATH, name=NAME, "
				"group=GROUP, mode=0660, client=USER and huge_pages=on|off",
				argv[i]);
		*field(out, k) = argv[i] + len + 1;
	}
	if (out->socket == NULL)
		return gw_export_why(why, -EINVAL, "socket=PATH is missing");
	return 0;
}

bool gw_qemu_options_env(struct gw_qemu_options *out)
{
	for (size_t i = 0; i < N_KNOWN; i++)
		*field(out, i) = getenv(known[i].environment);
	return out->socket != NULL && out->socket[0] != '\0';
}

int gw_qemu_options_apply(const struct gw_qemu_options *options, struct gw_export_config *config,
	struct gw_export_reason *why)
{
	config->socket_group = options->group;
	config->client_user = options->client;
	if (options->mode != NULL && gw_access_mode(options->mode, &config->socket_mode) < 0)
		return gw_export_why(why, -EINVAL,
			"mode '%.20s': three or four octal digits are allowed, such as 0660",
			options->mode);
	if (options->huge_pages != NULL && strcmp(options->huge_pages, "on") != 0 &&
		strcmp(options->huge_pages, "off") != 0)
		return gw_export_why(why, -EINVAL, "huge_pages '%.20s': on and off are allowed",
			options->huge_pages);
	return 0;
}
