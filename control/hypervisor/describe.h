/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure: the description of a VM (gw_hv_description()) from what QEMU and the exporter said. */
#pragma once

#include "hypervisor.h"

/* Members of a description that both kinds have: kind, version, uuid, regions, run_state. A new
 * object, or NULL: no memory. */
json_t *gw_describe_base(const char *kind, const char *version, const struct gw_exporter_info *info,
	enum gw_hv_run run);

/* Is it one VM that QEMU and the exporter speak of? 0, or -EPERM with err: their uuids differ. An
 * exporter without one (all zero) does not know it, and QEMU may not tell. */
int gw_describe_same_vm(
	const struct gw_exporter_info *info, const json_t *answers, struct gw_err *err);

/* Adds what the answers tell (keys: as qemu.c asks); a missing answer leaves
 * its member out, wrong types count as missing. */
void gw_describe_qemu(json_t *description, const json_t *answers);

/* The "devices" member alone; a new array. */
json_t *gw_describe_devices(const json_t *answers);

/* compare.c: the same devices, in whatever order. */
bool gw_devices_equal(const json_t *a, const json_t *b);

/* QEMU's word for the run state, of query-status. */
enum gw_hv_run gw_hv_run_from_qemu(const json_t *status);
const char *gw_hv_run_name(enum gw_hv_run run);
