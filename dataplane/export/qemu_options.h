/* SPDX-License-Identifier: BSD-3-Clause */
/* What QEMU's command line or environment says to the exporter. */
#pragma once

#include "exporter.h"

struct gw_qemu_options {
	const char *socket, *name, *group, *mode, *client, *huge_pages; /* NULL: not said */
};

/* Of -plugin: "socket=PATH", "mode=0660". -EINVAL: an unknown one, or no socket; why says which. */
int gw_qemu_options_args(
	int argc, char **argv, struct gw_qemu_options *out, struct gw_export_reason *why);

/* Of the environment. false: it names no socket. */
bool gw_qemu_options_env(struct gw_qemu_options *out);

/* Fills in what the options say of socket and client. -EINVAL: mode is none,
 * or huge_pages neither on nor off. */
int gw_qemu_options_apply(const struct gw_qemu_options *options, struct gw_export_config *config,
	struct gw_export_reason *why);
