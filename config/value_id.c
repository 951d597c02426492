/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that mean something on this host only: users, groups, modes. */
#include "value.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* A plain number is an ID whether or not it has a name: a container's users may have none. */
static int value_id(const char *text, uint32_t *out)
{
	uint64_t number;

	if (strcmp(text, "none") == 0) {
		*out = UINT32_MAX;
		return 0;
	}
	if (gw_value_uint(text, &number) < 0 || number >= UINT32_MAX)
		return -EINVAL;
	*out = (uint32_t)number;
	return 0;
}

int gw_value_user(const char *text, uint32_t *out)
{
	const struct passwd *entry;

	if (value_id(text, out) == 0)
		return 0;
	entry = gw_value_name(text) == 0 ? getpwnam(text) : NULL;
	if (entry == NULL)
		return -EINVAL;
	*out = entry->pw_uid;
	return 0;
}

int gw_value_group(const char *text, uint32_t *out)
{
	const struct group *entry;

	if (value_id(text, out) == 0)
		return 0;
	entry = gw_value_name(text) == 0 ? getgrnam(text) : NULL;
	if (entry == NULL)
		return -EINVAL;
	*out = entry->gr_gid;
	return 0;
}

int gw_value_mode(const char *text, uint32_t *out)
{
	size_t n = strspn(text, "01234567");

	if (strcmp(text, "none") == 0) {
		*out = UINT32_MAX;
		return 0;
	}
	if (n < 3 || n > 4 || text[n] != '\0')
		return -EINVAL;
	*out = (uint32_t)strtoul(text, NULL, 8);
	return 0;
}
