/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_args.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CMDLINE_MAX (1u << 20)

void gw_qemu_args_read(struct gw_qemu_args *a)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	a->len = 0;
	a->text = malloc(CMDLINE_MAX + 1);
	if (fd < 0 || a->text == NULL)
		goto out;
	while ((n = read(fd, a->text + a->len, CMDLINE_MAX - a->len)) > 0)
		a->len += (size_t)n;
	a->text[a->len] = '\0';
out:
	if (fd >= 0)
		close(fd);
}

void gw_qemu_args_free(struct gw_qemu_args *a)
{
	free(a->text);
	*a = (struct gw_qemu_args){.text = NULL};
}

static const char *next_arg(const struct gw_qemu_args *a, const char *arg)
{
	const char *next = arg == NULL ? a->text : arg + strlen(arg) + 1;

	return a->text != NULL && next < a->text + a->len ? next : NULL;
}

static bool is_flag(const char *arg, const char *flag)
{
	return strcmp(arg, flag) == 0 || (arg[0] == '-' && strcmp(arg + 1, flag) == 0);
}

bool gw_qemu_args_has(const struct gw_qemu_args *a, const char *flag)
{
	for (const char *arg = next_arg(a, NULL); arg != NULL; arg = next_arg(a, arg)) {
		if (is_flag(arg, flag))
			return true;
	}
	return false;
}

const char *gw_qemu_args_value(const struct gw_qemu_args *a, const char *flag)
{
	const char *found = NULL;

	for (const char *arg = next_arg(a, NULL); arg != NULL; arg = next_arg(a, arg)) {
		if (is_flag(arg, flag) && next_arg(a, arg) != NULL)
			found = next_arg(a, arg);
	}
	return found;
}

/* From from[0] up to an unescaped end character; escape followed by a character is that character.
 */
static bool copy_value(const char *from, char end, char escape, char *value, size_t cap)
{
	size_t n = 0;

	for (; *from != '\0' && n + 1 < cap; from++) {
		if (*from == escape && from[1] != '\0' && (escape != end || from[1] == end))
			from++;
		else if (*from == end)
			break;
		value[n++] = *from;
	}
	value[n] = '\0';
	return n > 0;
}

static bool json_option(const char *option, const char *key, char *value, size_t cap)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	at = strstr(option, quoted);
	if (at == NULL)
		return false;
	at += strlen(quoted);
	at += strspn(at, " \t:");
	if (*at == '"')
		return copy_value(at + 1, '"', '\\', value, cap);
	/* A number, true or false: nothing in it needs an escape. */
	snprintf(value, cap, "%.*s", (int)strcspn(at, " \t,}"), at);
	return value[0] != '\0';
}

bool gw_qemu_option(const char *option, const char *key, char *value, size_t cap)
{
	size_t key_len = strlen(key);

	if (option[0] == '{')
		return json_option(option, key, value, cap);
	if (strcmp(key, "qom-type") == 0)
		return copy_value(option, ',', ',', value, cap);
	for (const char *at = option; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, key, key_len) == 0 && at[key_len] == '=')
			return copy_value(at + key_len + 1, ',', ',', value, cap);
	}
	return false;
}

static bool is_backend(const char *option, const char *type)
{
	char found[64];

	return gw_qemu_option(option, "qom-type", found, sizeof(found)) && strcmp(found, type) == 0;
}

bool gw_qemu_args_file_id(const struct gw_qemu_args *a, const char *path, char *id, size_t cap)
{
	char mem_path[512];
	const char *option;

	for (const char *arg = next_arg(a, NULL); arg != NULL; arg = next_arg(a, arg)) {
		option = next_arg(a, arg);
		if (option != NULL && is_flag(arg, "-object") &&
			is_backend(option, "memory-backend-file") &&
			gw_qemu_option(option, "mem-path", mem_path, sizeof(mem_path)) &&
			strcmp(mem_path, path) == 0)
			return gw_qemu_option(option, "id", id, cap);
	}
	return false;
}

static bool is_preallocated(const char *option)
{
	static const char *const yes[] = {"on", "yes", "true", "y"};
	char value[8];

	if (!gw_qemu_option(option, "prealloc", value, sizeof(value)))
		return false;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(value, yes[i]) == 0)
			return true;
	return false;
}

unsigned int gw_qemu_args_preallocated(const struct gw_qemu_args *a, const char *id)
{
	bool all = gw_qemu_args_has(a, "-mem-prealloc");
	char value[64];
	const char *option;
	unsigned int n = 0;

	for (const char *arg = next_arg(a, NULL); arg != NULL; arg = next_arg(a, arg)) {
		option = next_arg(a, arg);
		if (option != NULL && is_flag(arg, "-object") &&
			gw_qemu_option(option, "qom-type", value, sizeof(value)) &&
			strncmp(value, "memory-backend-", 15) == 0 &&
			(all || is_preallocated(option)) &&
			(id == NULL || (gw_qemu_option(option, "id", value, sizeof(value)) &&
					       strcmp(value, id) == 0)))
			n++;
	}
	return n;
}

bool gw_qemu_args_nth_id(
	const struct gw_qemu_args *a, const char *type, unsigned int idx, char *id, size_t cap)
{
	const char *option;

	for (const char *arg = next_arg(a, NULL); arg != NULL; arg = next_arg(a, arg)) {
		option = next_arg(a, arg);
		if (option != NULL && is_flag(arg, "-object") && is_backend(option, type) &&
			idx-- == 0)
			return gw_qemu_option(option, "id", id, cap);
	}
	return false;
}
