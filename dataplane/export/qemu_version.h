/* SPDX-License-Identifier: BSD-3-Clause */
/* Which plugin API version the running QEMU accepts. */
#pragma once

/* The version to claim in this process; harmless outside QEMU. */
int gw_qemu_plugin_version(void);
