/* SPDX-License-Identifier: BSD-3-Clause */
/* Which programs are a hook, and whether they may be trusted: nobody but root and godwitd's own
 * user may be able to change them. */
#pragma once

#include "attendant.h"

#include <limits.h>

#define GW_HOOK_FILES 32u
#define GW_HOOK_NAME 64u

struct gw_hook_files {
	uint32_t n;
	char name[GW_HOOK_FILES]
		 [GW_HOOK_NAME + 32]; /* "before-pause/10-sdn", below the directory */
};

/* The directory itself and every folder above it; out gets it without symbolic links. */
int gw_hook_directory(const char *dir, char out[PATH_MAX], struct gw_err *err);

/* In the order of their names; n is 0 where there are none. -EPERM: somebody else could change one;
 * -E2BIG: too many, or names too long. */
int gw_hook_files(
	const char *dir, enum gw_hook_point point, struct gw_hook_files *out, struct gw_err *err);
