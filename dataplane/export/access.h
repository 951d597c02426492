/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose an exporter's socket is, and who may drive the VM over it. */
#pragma once

#include "exporter.h"

#include <sys/types.h>

#define GW_ACCESS_NO_ID UINT32_MAX

struct gw_access {
	mode_t mode;
	gid_t group;  /* GW_ACCESS_NO_ID: as it comes */
	uid_t client; /* GW_ACCESS_NO_ID: only root and this process's own user */
};

/* "0660". -EINVAL. */
int gw_access_mode(const char *text, uint32_t *out);

/* Looks the configuration's names up. -EINVAL with why: no such user or group, no mode. */
int gw_access_of(
	const struct gw_export_config *config, struct gw_access *out, struct gw_export_reason *why);

/* Of who connected sock: 0, or -EPERM. */
int gw_access_check(const struct gw_access *access, int sock);
