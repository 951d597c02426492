/* SPDX-License-Identifier: BSD-3-Clause */
/* What godwitd makes of its configuration before it starts. */
#pragma once

#include "../config/config.h"
#include "../dataplane/dataplane.h"

int gw_daemon_log_level(const struct gw_config *config, struct gw_err *err);
/* Creates run_dir, vm_dir and report_dir where they are missing. */
int gw_daemon_directories(const struct gw_config *config, struct gw_err *err);
/* What a started godwitd needs of its capabilities, a bit for each CAP_... */
uint64_t gw_daemon_capabilities(const struct gw_config *config, const struct gw_dp *dp);
/* Pointers in conf stay the configuration's. */
int gw_daemon_dp_conf(const struct gw_config *config, struct gw_dp_conf *conf, struct gw_err *err);
