/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pure: what stands against migrating a VM, judged from what its exporter and QEMU said. Everything
 * found is reported at once. Answers are not trusted: what is missing where it must be known is a
 * reason of its own.
 */
#pragma once

#include "hypervisor.h"

struct gw_hazards_end {
	enum gw_hv_role role;
	enum gw_hv_run run;
	const struct gw_exporter_info *info;
	unsigned int qemu_major;
	const json_t *description; /* of open: what has changed since? NULL: nothing to compare */
};

const char *gw_hazards_where(enum gw_hv_role role); /* "source" or "destination" */

/* Both kinds: tracking, regions, run state. A new array. */
json_t *gw_hazards_export(
	const struct gw_exporter_info *info, enum gw_hv_role role, enum gw_hv_run run);

/* QEMU: adds to reasons. Members of answers, as QMP returned them:
 * migrate, jobs, block_jobs, block_nodes, peripheral, peripheral-anon, unattached, objects
 * (qom-list), network (`info network`), plus what gw_hazards_memory() reads. */
void gw_hazards_qemu(json_t *reasons, const struct gw_hazards_end *end, const json_t *answers);

/* hazards_device.c: devices and backends that write guest RAM from outside the process. */
void gw_hazards_devices(json_t *reasons, const char *where, const json_t *answers);

/* hazards_memory.c: memory that is not exported, or that QEMU would put into its own stream.
 * memdevs (query-memdev), objects (qom-list /objects), ramblock (x-query-ramblock). */
void gw_hazards_memory(json_t *reasons, const struct gw_hazards_end *end, const json_t *answers);
