/* SPDX-License-Identifier: BSD-3-Clause */
/* When hooks are run. */
#pragma once

enum gw_hook_point {
	GW_HOOK_BEFORE_PAUSE, /* at the source: the guest still runs */
	GW_HOOK_AFTER_RESUME, /* at the destination */
	GW_HOOK_ON_ABORT,     /* at each end whose session had begun and came to nothing */
	GW_N_HOOKS
};

static inline const char *gw_hook_name(enum gw_hook_point point)
{
	static const char *const names[] = {"before-pause", "after-resume", "on-abort"};

	return (unsigned int)point < GW_N_HOOKS ? names[point] : "?";
}
